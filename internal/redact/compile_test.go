package redact_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

// The point of the type: what is not a constant does not compile.
func TestUnsanitizedTextDoesNotCompile(t *testing.T) {
	const head = "package p\nimport \"github.com/countersign-dev/countersign/internal/redact\"\n"
	fset := token.NewFileSet()
	imp := importer.ForCompiler(fset, "source", nil)
	for body, compiles := range map[string]bool{
		`var _ = redact.Literal("constant")`:                                                 true,
		`const c = "constant"; var _ = redact.Literal(c)`:                                    true,
		`var _ = redact.Sprintf("%s is late", redact.Name("web"))`:                           true,
		`func f(s string) redact.Text { return redact.Literal(s) }`:                          false,
		`type mine string; const c mine = "x"; var _ = redact.Literal(c)`:                    false,
		`func f(s string) redact.Text { return redact.Sprintf(s) }`:                          false,
		`func f(s string) redact.Text { return redact.Sprintf("%s", s) }`:                    false,
		`func f(s string) redact.Text { return redact.Join(s, redact.Literal("a")) }`:        false,
		`func f(s string) redact.Text { return redact.Text(s) }`:                             false,
		`func f(s string) redact.Text { return redact.Text{s} }`:                             false,
		`func f(s string) redact.Text { return redact.Text{s: s} }`:                          false,
		`func f(s string) redact.Text { var t redact.Text; t.s = s; return t }`:              false,
		`func f(s string) redact.Text { return redact.Literal(redact.literal(s)) }`:          false,
		`type fake struct{ s string }; func f(x fake) redact.Text { return redact.Text(x) }`: false,
	} {
		file, err := parser.ParseFile(fset, "p.go", head+strings.ReplaceAll(body, "; ", "\n"), 0)
		if err != nil {
			file, err = parser.ParseFile(fset, "p.go", head+body, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		conf := types.Config{Importer: imp}
		if _, err := conf.Check("p", fset, []*ast.File{file}, nil); (err == nil) != compiles {
			t.Errorf("%s\n compiles: %v, want %v: %v", body, err == nil, compiles, err)
		}
	}
}
