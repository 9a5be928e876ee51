package llm

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
)

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	good := Config{Provider: "openai", Model: "llama3.1:8b", BaseURL: "http://127.0.0.1:11434/v1", Redactor: testRedactor()}
	if _, err := New(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	hidden := "hush" + "hush"
	for name, change := range map[string]func(*Config){
		"AI_PROVIDER: \"claude\"":    func(c *Config) { c.Provider = "claude" },
		"AI_PROVIDER: \"\"":          func(c *Config) { c.Provider = "" },
		"AI_PROVIDER: \"Gemini\"":    func(c *Config) { c.Provider = "Gemini" },
		"redactor":                   func(c *Config) { c.Redactor = nil },
		"AI_MODEL: \"\"":             func(c *Config) { c.Model = "" },
		"AI_MODEL: \"a b\"":          func(c *Config) { c.Model = "a b" },
		"AI_MODEL: \"x/../y:z\"":     func(c *Config) { c.Provider, c.APIKey, c.Model = "gemini", hidden, "x/../y:z" },
		"AI_API_KEY: OpenAI needs":   func(c *Config) { c.BaseURL = "" },
		"AI_API_KEY: Gemini needs":   func(c *Config) { c.Provider, c.Model = "gemini", flash },
		"AI_API_KEY: a key has":      func(c *Config) { c.APIKey = hidden + "\n" },
		"AI_BASE_URL: write http(s)": func(c *Config) { c.BaseURL = "http://user:" + hidden + "@127.0.0.1/v1" },
		"AI_BASE_URL: write":         func(c *Config) { c.BaseURL = "127.0.0.1:11434" },
		"AI_BASE_URL":                func(c *Config) { c.BaseURL = "ftp://127.0.0.1" },
	} {
		cfg := good
		change(&cfg)
		_, err := New(t.Context(), cfg)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), hidden) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheVocabularyIsComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../incident/cause.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[incident.Cause]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Cause" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared[incident.Cause(value)] = true
		}
		return true
	})
	listed := incident.Causes()
	if len(listed) != len(declared) || len(listed) < 50 {
		t.Errorf("%d causes are listed, %d declared", len(listed), len(declared))
	}
	for _, c := range listed {
		if !declared[c] {
			t.Errorf("%s is listed twice or not declared", c)
		}
		delete(declared, c)
	}
}
