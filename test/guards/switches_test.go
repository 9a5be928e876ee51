package guards_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// The product has no switch and no hook that turns a guard off, also not for
// tests. These tests read its source and name whatever could be one; each thing
// that looks like one and is none stands here with the reason.

// suspicious are words of switches, in identifiers, settings, flags and tags.
var suspicious = map[string]bool{}

func init() {
	for _, w := range strings.Fields(`skip skips skipped disable disables disabled insecure bypass unsafe override overrides overridden
		force forced mock fake stub stubbed testing testonly hook hooks debug backdoor noverify nocheck unchecked unsigned
		ignore ignored ignores permissive lenient allowall trustall unauthenticated unverified`) {
		suspicious[w] = true
	}
}

// innocent look like a switch and are none: "directory name".
var innocent = map[string]string{
	"internal/admission Force":                  "a server-side apply of the manifests takes over fields that somebody edited",
	"internal/admission hook":                   "a webhook of Gatekeeper",
	"internal/admission hooks":                  "webhooks of Gatekeeper",
	"internal/admission skip":                   "a variable that holds a piece of CEL: the fields of a kind",
	"internal/app ConfigOverrides":              "client-go: which context of a kubeconfig",
	"internal/app Disable":                      "the Redis client's own log lines",
	"internal/audit unsigned":                   "Replay says what records mean and calls nothing signed; Verify looks at the head",
	"internal/chat MsgOptionDisableLinkUnfurl":  "turns a feature of Slack off",
	"internal/chat MsgOptionDisableMediaUnfurl": "turns a feature of Slack off",
	"internal/chat debug":                       "runtime/debug, for the stack of a panic",
	"internal/doctor Debug":                     "a level of the log",
	"internal/doctor Skipped":                   "a row of the table of which the installation has nothing",
	"internal/doctor skipped":                   "alike",
	"internal/doctor lenient":                   "what is said of a binding that does not deny",
	"internal/kube PostStartHookError":          "what a kubelet says",
	"internal/kube PreCreateHookError":          "what a kubelet says",
	"internal/kube PreStartHookError":           "what a kubelet says",
	"internal/llm DisableKeepAlives":            "net/http",
	"internal/llm ForceAttemptHTTP2":            "net/http",
	"internal/policy UnsafeBuiltins":            "the functions that a policy may not use",
	"internal/redact skip":                      "the length of a placeholder that the scan jumps over",
	"internal/respond Debug":                    "a level of the log",
	"internal/respond Ignore":                   "triage's answer to a signal that says nothing new",
	"internal/triage Ignore":                    "the same",
	"internal/triage ignore":                    "the same",
	"internal/watch Debug":                      "a level of the log",
	"internal/watch stub":                       "an object of which the cache keeps its name only",
}

// readings are the places that read the environment.
var readings = map[string]string{
	"cmd/countersign/look.go os.Getenv":   "NO_COLOR: colours only",
	"cmd/countersign/run.go os.LookupEnv": "the settings, each of which is checked and printed by config print",
	"cmd/countersign/steer.go os.Getenv":  "USER and COUNTERSIGN_SIGNER: who a person says to be; neither is believed",
	"cmd/executor/main.go os.Getenv":      "COUNTERSIGN_ORDER: the signed order",
	"internal/app/approve.go os.Getenv":   "SSH_AUTH_SOCK: where the person's own agent is",
	"cmd/sandbox/demo.go os.Getenv":       "the demo's model key; the sandbox is no part of an installation",
}

// boolSettings are the settings that are on or off.
var boolSettings = map[string]string{
	"LeaderElection": "off is for one replica with the embedded store, whose file lock is the leadership",
}

// forbiddenImports have no business in the product.
var forbiddenImports = []string{"testing", "testing/quick", "testing/fstest", "net/http/httptest", "net/http/pprof", "expvar", "plugin", "unsafe"}

// source is one parsed file of the product.
type source struct {
	path string // below the root
	ast  *ast.File
	fset *token.FileSet
}

func (s source) at(n ast.Node) string {
	return s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// files parses every Go file of the product for which take says so.
func files(t *testing.T, take func(name string) bool) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	for _, top := range []string{"cmd", "internal", "policies"} {
		err := filepath.WalkDir(filepath.Join(root(t), top), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(name) != ".go" || !take(d.Name()) {
				return err
			}
			f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			below, err := filepath.Rel(root(t), name)
			all = append(all, source{path: filepath.ToSlash(below), ast: f, fset: fset})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func isTest(name string) bool    { return strings.HasSuffix(name, "_test.go") }
func isProduct(name string) bool { return !isTest(name) }

// words takes an identifier apart: InsecureSkipVerify, SKIP_CHECKS, no-verify.
func words(name string) []string {
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, strings.ToLower(string(word)))
		}
		word = nil
	}
	lower := false
	for _, r := range name {
		if !unicode.IsLetter(r) {
			end()
			lower = false
			continue
		}
		if unicode.IsUpper(r) && lower {
			end()
		}
		lower = unicode.IsLower(r)
		word = append(word, r)
	}
	end()
	return out
}

func TestNothingInTheProductIsNamedLikeASwitch(t *testing.T) {
	used := map[string]bool{}
	report := func(s source, n ast.Node, name string) {
		for _, w := range words(name) {
			if !suspicious[w] {
				continue
			}
			where := path.Dir(s.path) + " " + name
			used[where] = true
			if innocent[where] == "" {
				t.Errorf("%s: %s looks like a switch: say in innocent why it is none (%q)", s.at(n), w, where)
			}
		}
	}
	// A flag, a key of settings, a variable of the environment, a struct tag.
	setting := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	for _, s := range files(t, isProduct) {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Ident:
				report(s, n, n.Name)
			case *ast.Field:
				if n.Tag != nil {
					report(s, n, n.Tag.Value)
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && setting.MatchString(text) {
					report(s, n, text)
				}
			}
			return true
		})
	}
	for where := range innocent {
		if !used[where] {
			t.Errorf("%s: nothing of that name is there any more", where)
		}
	}
}

func TestTheBuiltInPolicyHasNoSwitch(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root(t), "policies", "countersign.rego"))
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(raw), "\n") {
		line, _, _ = strings.Cut(line, "#")
		for _, w := range words(line) {
			if suspicious[w] {
				t.Errorf("countersign.rego:%d: %q", n+1, w)
			}
		}
	}
	if regexp.MustCompile(`opa\.runtime|http\.send|time\.now_ns|rand\.|trace\(`).Match(raw) {
		t.Error("the policy asks something beyond its input")
	}
}

func TestTheEnvironmentIsReadInFewPlaces(t *testing.T) {
	used := map[string]bool{}
	for _, s := range files(t, isProduct) {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if !ok || pkg.Name != "os" && pkg.Name != "syscall" || !strings.HasSuffix(sel.Sel.Name, "env") && !strings.Contains(sel.Sel.Name, "Env") {
				return true
			}
			where := s.path + " " + pkg.Name + "." + sel.Sel.Name
			used[where] = true
			if readings[where] == "" {
				t.Errorf("%s reads the environment beside the settings (%q): say in readings why", s.at(n), where)
			}
			return true
		})
	}
	for where := range readings {
		if !used[where] {
			t.Errorf("%s: nothing is read there any more", where)
		}
	}
}

func TestEverySettingThatIsOnOrOffIsKnown(t *testing.T) {
	found := 0
	for _, s := range files(t, isProduct) {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != "Settings" {
				return true
			}
			fields, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range fields.Fields.List {
				kind, ok := f.Type.(*ast.Ident)
				if !ok || kind.Name != "bool" {
					continue
				}
				for _, name := range f.Names {
					found++
					if boolSettings[name.Name] == "" {
						t.Errorf("%s: setting %s is on or off: say in boolSettings what it turns off", s.at(f), name.Name)
					}
				}
			}
			return true
		})
	}
	if found != len(boolSettings) {
		t.Errorf("%d settings are on or off, %d are known", found, len(boolSettings))
	}
}

func TestTheProductIsOneBuildForEverybody(t *testing.T) {
	for _, s := range files(t, isProduct) {
		for _, group := range s.ast.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//go:build") || strings.HasPrefix(c.Text, "// +build") || strings.HasPrefix(c.Text, "//go:linkname") {
					t.Errorf("%s: %s", s.at(c), c.Text)
				}
			}
		}
		for _, i := range s.ast.Imports {
			if name, _ := strconv.Unquote(i.Path.Value); slices.Contains(forbiddenImports, name) {
				t.Errorf("%s imports %s", s.at(i), name)
			}
		}
	}
}

// A variable of a package that holds a function, or one that tests set, is a
// hook: who links the package could set it too.
func TestNoVariableOfAPackageCanBeReplaced(t *testing.T) {
	vars := map[string]map[string]bool{} // by directory
	for _, s := range files(t, isProduct) {
		for _, d := range s.ast.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.VAR {
				continue
			}
			for _, spec := range decl.Specs {
				spec := spec.(*ast.ValueSpec)
				for _, name := range spec.Names {
					dir := filepath.Dir(s.path)
					if vars[dir] == nil {
						vars[dir] = map[string]bool{}
					}
					vars[dir][name.Name] = true
				}
				if _, ok := spec.Type.(*ast.FuncType); ok {
					t.Errorf("%s: a variable that holds a function", s.at(spec))
				}
				for _, v := range spec.Values {
					switch v.(type) {
					case *ast.FuncLit, *ast.SelectorExpr, *ast.Ident:
						t.Errorf("%s: a variable that holds a function or another package's variable (%s)", s.at(spec), reflect.TypeOf(v))
					}
				}
			}
		}
	}
	for _, s := range files(t, isTest) {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			set, ok := n.(*ast.AssignStmt)
			if !ok || set.Tok == token.DEFINE {
				return true
			}
			for _, left := range set.Lhs {
				if name, ok := left.(*ast.Ident); ok && name.Name != "_" && name.Obj == nil && vars[filepath.Dir(s.path)][name.Name] {
					t.Errorf("%s: a test sets the product's %s", s.at(n), name.Name)
				}
			}
			return true
		})
	}
}
