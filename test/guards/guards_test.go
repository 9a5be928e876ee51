// Package guards_test takes each guard out of the program, one at a time, and
// demands that the tests which claim to watch it go red. The program has no
// switch for that: go test -overlay compiles a copy of one file in which the
// guard is missing. Guards that are objects in a cluster are taken away by the
// tests of internal/admission and internal/doctor; docs/threat-model.md names
// them all.
//
//	go test ./test/guards -v                 # one line for each guard
//	go test ./test/guards -v -only seal      # some of them
//	go test ./test/guards -v -only new -find # which tests of the package notice
package guards_test

import (
	"flag"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

var (
	only   = flag.String("only", "", "take out only the guards whose id matches this regular expression")
	find   = flag.Bool("find", false, "run every test of the package and say which go red, for who adds a guard")
	atOnce = flag.Int("at-once", 2, "how many guards are tested at a time")
)

// guard is one guard, and how it is taken out.
type guard struct {
	id     string // by which docs/threat-model.md names it
	says   string // what it does
	threat string // the row of docs/threat-model.md to which it belongs
	file   string // below the module's root
	out    string // the text that makes the guard; it stands in file exactly once
	in     string // what stands there without the guard
	pkg    string // whose tests watch it; that of file where empty
	red    []string
}

func (g guard) watchedBy() string {
	if g.pkg != "" {
		return g.pkg
	}
	return path.Dir(g.file)
}

// pattern is for -run: the named tests as a whole.
func pattern(tests []string) string { return "^(" + strings.Join(tests, "|") + ")$" }

// table holds all guards, by their packages.
func table() []guard {
	return slices.Concat(incidentGuards, stateGuards, gateGuards, orderGuards, executorGuards, cardGuards, steeringGuards, policyGuards, jobGuards, recordGuards, textGuards, wallGuards, verdictGuards)
}

func TestEveryGuardIsMissedWhenItIsTakenOut(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED, no guard is taken out: -short")
	}
	chosen := regexp.MustCompile(*only)
	slots := make(chan struct{}, *atOnce)
	untouched := &baselines{slots: slots}
	for _, g := range table() {
		if !chosen.MatchString(g.id) {
			continue
		}
		t.Run(g.id, func(t *testing.T) {
			t.Parallel()
			overlay := takeOut(t, g)
			tests := g.red
			if *find {
				tests = []string{".*"}
			} else {
				untouched.green(t, g)
			}
			slots <- struct{}{}
			got := run(t, g.watchedBy(), tests, overlay)
			<-slots
			judge(t, g, got)
		})
	}
}

// judge says whether the tests noticed.
func judge(t *testing.T, g guard, got outcome) {
	t.Helper()
	switch {
	case got.unbuilt:
		t.Fatalf("%s: without it nothing compiles, so nothing is shown:\n%s", g.says, got.tail())
	case got.timedOut:
		t.Fatalf("%s: without it the tests did not end:\n%s", g.says, got.tail())
	case *find:
		t.Logf("%s: red without it: %s", g.says, strings.Join(got.failedTests(), ", "))
		return
	}
	for _, name := range g.red {
		if !got.failed[name] {
			t.Errorf("%s: %s does not notice that it is gone (%s)", g.says, name, g.file)
		}
	}
	if !t.Failed() {
		t.Logf("%s: red as it must be: %s", g.says, strings.Join(got.failedTests(), ", "))
	}
}

// takeOut writes a copy of the file without the guard, and the overlay that puts
// it in the file's place.
func takeOut(t *testing.T, g guard) (overlay string) {
	t.Helper()
	source := filepath.Join(root(t), filepath.FromSlash(g.file))
	was, err := os.ReadFile(source)
	if err != nil {
		t.Fatalf("%s: the guard moved: %v", g.says, err)
	}
	if n := strings.Count(string(was), g.out); n != 1 {
		t.Fatalf("%s: the guard moved: its text stands %d times in %s, not once:\n%s", g.says, n, g.file, g.out)
	}
	without := strings.Replace(string(was), g.out, g.in, 1)
	if path.Ext(g.file) == ".rego" {
		// Go embeds it unseen, and a policy that does not compile makes every test
		// red.
		if _, err := ast.CompileModules(map[string]string{g.file: without}); err != nil {
			t.Fatalf("%s: without it the policy does not compile: %v", g.says, err)
		}
	}
	dir := t.TempDir()
	copied := filepath.Join(dir, filepath.Base(source))
	if err := os.WriteFile(copied, []byte(without), 0o600); err != nil {
		t.Fatal(err)
	}
	return writeOverlay(t, dir, source, copied)
}

func TestTheTableOfGuardsIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range table() {
		switch {
		case seen[g.id]:
			t.Errorf("%s stands there twice", g.id)
		case g.says == "" || g.threat == "" || g.out == g.in:
			t.Errorf("%s does not say what it takes out of which row", g.id)
		case len(g.red) == 0:
			t.Errorf("%s names no test that watches it", g.id)
		}
		seen[g.id] = true
		raw, err := os.ReadFile(filepath.Join(root(t), filepath.FromSlash(g.file)))
		if err != nil || strings.Count(string(raw), g.out) != 1 {
			t.Errorf("%s: the guard moved: its text does not stand exactly once in %s", g.id, g.file)
		}
	}
}
