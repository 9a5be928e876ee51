package guards_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// finding is something that could be a switch.
type finding struct {
	where string // by which a table above excuses it; empty where nothing does
	what  string // with file and line
}

func (s source) found(n ast.Node, where, what string) finding {
	return finding{where, s.path + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line) + ": " + what}
}

// excused reports what no entry of the table is for, and entries that nothing is
// found for any more.
func excused(t *testing.T, found []finding, table map[string]string) {
	t.Helper()
	used := map[string]bool{}
	for _, f := range found {
		used[f.where] = true
		if table[f.where] == "" {
			t.Errorf("%s (%q)", f.what, f.where)
		}
	}
	for where := range table {
		if !used[where] {
			t.Errorf("%q: nothing like that is there any more", where)
		}
	}
}

// setting is a flag, a key of settings, a variable of the environment, a tag.
var setting = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)

func likeSwitches(s source) (all []finding) {
	report := func(n ast.Node, name string) {
		for _, w := range words(name) {
			if suspicious[w] {
				all = append(all, s.found(n, path.Dir(s.path)+" "+name, name+" looks like a switch: say in innocent why it is none"))
			}
		}
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Ident:
			report(n, n.Name)
		case *ast.Field:
			if n.Tag != nil {
				report(n, n.Tag.Value)
			}
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && setting.MatchString(text) {
				report(n, text)
			}
		}
		return true
	})
	return all
}

func TestNothingInTheProductIsNamedLikeASwitch(t *testing.T) {
	excused(t, in(files(t, isProduct), likeSwitches), innocent)
}

// in is what look finds in all files.
func in(sources []source, look func(source) []finding) (all []finding) {
	for _, s := range sources {
		all = append(all, look(s)...)
	}
	return all
}

func environment(s source) (all []finding) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if ok && (pkg.Name == "os" || pkg.Name == "syscall") && (strings.HasSuffix(sel.Sel.Name, "env") || strings.Contains(sel.Sel.Name, "Env")) {
			all = append(all, s.found(n, s.path+" "+pkg.Name+"."+sel.Sel.Name, "the environment is read beside the settings: say in readings why"))
		}
		return true
	})
	return all
}

func TestTheEnvironmentIsReadInFewPlaces(t *testing.T) {
	excused(t, in(files(t, isProduct), environment), readings)
}

func onOrOff(s source) (all []finding) {
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
			if kind, ok := f.Type.(*ast.Ident); ok && kind.Name == "bool" {
				for _, name := range f.Names {
					all = append(all, s.found(f, name.Name, "a setting is on or off: say in boolSettings what it turns off"))
				}
			}
		}
		return true
	})
	return all
}

func TestEverySettingThatIsOnOrOffIsKnown(t *testing.T) {
	excused(t, in(files(t, isProduct), onOrOff), boolSettings)
}

func otherBuilds(s source) (all []finding) {
	for _, group := range s.ast.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, "//go:build") || strings.HasPrefix(c.Text, "// +build") || strings.HasPrefix(c.Text, "//go:linkname") {
				all = append(all, s.found(c, "", c.Text))
			}
		}
	}
	for _, i := range s.ast.Imports {
		if name, _ := strconv.Unquote(i.Path.Value); slices.Contains(forbiddenImports, name) {
			all = append(all, s.found(i, "", "imports "+name))
		}
	}
	return all
}

func TestTheProductIsOneBuildForEverybody(t *testing.T) {
	excused(t, in(files(t, isProduct), otherBuilds), nil)
}

// packageVars are the variables of packages, by directory.
func packageVars(sources []source) map[string]map[string]bool {
	vars := map[string]map[string]bool{}
	for _, s := range sources {
		dir := path.Dir(s.path)
		if vars[dir] == nil {
			vars[dir] = map[string]bool{}
		}
		for _, spec := range varSpecs(s) {
			for _, name := range spec.Names {
				vars[dir][name.Name] = true
			}
		}
	}
	return vars
}

func varSpecs(s source) (all []*ast.ValueSpec) {
	for _, d := range s.ast.Decls {
		if decl, ok := d.(*ast.GenDecl); ok && decl.Tok == token.VAR {
			for _, spec := range decl.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					all = append(all, v)
				}
			}
		}
	}
	return all
}

// hooks are variables of a package that hold a function: who links the package
// could set them.
func hooks(s source) (all []finding) {
	for _, spec := range varSpecs(s) {
		if _, ok := spec.Type.(*ast.FuncType); ok {
			all = append(all, s.found(spec, "", "a variable that holds a function"))
		}
		for _, v := range spec.Values {
			switch v.(type) {
			case *ast.FuncLit, *ast.SelectorExpr, *ast.Ident:
				all = append(all, s.found(spec, "", "a variable that holds a function or another package's variable"))
			}
		}
	}
	return all
}

// replacing are the places where a test sets a variable of the package.
func replacing(vars map[string]map[string]bool) func(source) []finding {
	return func(s source) (all []finding) {
		ast.Inspect(s.ast, func(n ast.Node) bool {
			set, ok := n.(*ast.AssignStmt)
			if !ok || set.Tok == token.DEFINE {
				return true
			}
			for _, left := range set.Lhs {
				if name, ok := left.(*ast.Ident); ok && name.Name != "_" && name.Obj == nil && vars[path.Dir(s.path)][name.Name] {
					all = append(all, s.found(n, "", "a test sets the product's "+name.Name))
				}
			}
			return true
		})
		return all
	}
}

func TestNoVariableOfAPackageCanBeReplaced(t *testing.T) {
	product := files(t, isProduct)
	excused(t, append(in(product, hooks), in(files(t, isTest), replacing(packageVars(product)))...), nil)
}

func TestTheBuiltInPolicyHasNoSwitch(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root(t), "policies", "countersign.rego"))
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range policySwitches(string(raw)) {
		t.Error(what)
	}
}

var impure = regexp.MustCompile(`opa\.runtime|http\.send|time\.now_ns|rand\.|trace\(`)

func policySwitches(text string) (all []string) {
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		for _, w := range words(line) {
			if suspicious[w] {
				all = append(all, "countersign.rego:"+strconv.Itoa(n+1)+": "+w)
			}
		}
		if impure.MatchString(line) {
			all = append(all, "countersign.rego:"+strconv.Itoa(n+1)+": asks something beyond its input")
		}
	}
	return all
}

// One of each kind, as somebody in a hurry would write it.
func TestASwitchWouldBeSeen(t *testing.T) {
	of := func(text string) []source {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "p.go", text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		return []source{{path: "internal/p/p.go", ast: f, fset: fset}}
	}
	hook := "package p\nvar now = time.Now\n"
	for text, look := range map[string]func(source) []finding{
		"package p\ntype Settings struct{ SkipRehearsal int }":                      likeSwitches,
		"package p\nfunc f(insecureOK int) {}":                                      likeSwitches,
		"package p\nvar _ = flags.Int(\"no-verify-force\", 0, \"\")":                likeSwitches,
		"package p\ntype s struct{ A int `env:\"DISABLE_WALL\"` }":                  likeSwitches,
		"package p\nvar on = os.Getenv(\"X\") != \"\"":                              environment,
		"package p\nfunc f() { _, _ = os.LookupEnv(\"X\") }":                        environment,
		"package p\ntype Settings struct{ Rehearse bool }":                          onOrOff,
		"//go:build fast\n\npackage p":                                              otherBuilds,
		"package p\nimport \"testing\"\nfunc f() bool { return testing.Testing() }": otherBuilds,
		"package p\nvar check func() bool":                                          hooks,
		"package p\nvar check = func() bool { return true }":                        hooks,
		hook: hooks,
		"package p\nfunc TestX(t *testing.T) { now = func() time.Time { return fixed } }\n": replacing(packageVars(of(hook))),
	} {
		if len(in(of(text), look)) == 0 {
			t.Errorf("nothing is seen in:\n%s", text)
		}
	}
	for _, text := range []string{"allow if input.skip_checks", "late if time.now_ns() > 0"} {
		if len(policySwitches(text)) == 0 {
			t.Errorf("nothing is seen in: %s", text)
		}
	}
}
