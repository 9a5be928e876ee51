package guards_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeOverlay(t *testing.T, dir, source, copied string) string {
	t.Helper()
	raw, err := json.Marshal(map[string]map[string]string{"Replace": {source: copied}})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// outcome is what became of some tests of one package.
type outcome struct {
	unbuilt, timedOut bool
	passed, failed    map[string]bool // tests without their parts
	begun             map[string]bool
	output            string
}

func (o outcome) failedTests() []string {
	var names []string
	for name := range o.failed {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// tail is the end of what was printed, where the cause stands.
func (o outcome) tail() string {
	lines := strings.Split(strings.TrimSpace(o.output), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// run runs tests of a package, with the overlay if there is one. Vet and debug
// symbols are left out, which cost more than the tests.
func run(t *testing.T, pkg string, tests []string, overlay string) outcome {
	t.Helper()
	args := []string{"test", "-json", "-count=1", "-vet=off", "-ldflags=-s -w", "-timeout=180s", "-run=" + pattern(tests)}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./"+pkg)...)
	cmd.Dir = root(t)
	// Without a cluster: what is shown here has to show without one.
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "COUNTERSIGN_") && !strings.HasPrefix(v, "CGO_ENABLED=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	var said, wrong bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &wrong
	err := cmd.Run()
	got := outcome{passed: map[string]bool{}, failed: map[string]bool{}, begun: map[string]bool{}, output: wrong.String()}
	for line := range bytes.Lines(said.Bytes()) {
		got.take(line)
	}
	got.unbuilt = got.unbuilt || err != nil && len(got.begun) == 0
	for name := range got.begun {
		if err != nil && !got.passed[name] {
			got.failed[name] = true // a panic beside it has ended the program
		}
	}
	return got
}

// take reads one line of go test -json.
func (o *outcome) take(line []byte) {
	var e struct{ Action, Test, Output string }
	if json.Unmarshal(line, &e) != nil {
		o.output += string(line)
		return
	}
	o.output += e.Output
	o.timedOut = o.timedOut || strings.HasPrefix(e.Output, "panic: test timed out")
	name, _, part := strings.Cut(e.Test, "/")
	switch {
	case e.Action == "build-fail":
		o.unbuilt = true
	case name == "":
	case e.Action == "run" && !part:
		o.begun[name] = true
	case e.Action == "skip" && !part:
		delete(o.begun, name)
	case e.Action == "fail":
		o.failed[name] = true
	case e.Action == "pass" && !part:
		o.passed[name] = true
	}
}

// baselines are the same tests on the source as it is, once for each package:
// what is red without any change shows nothing.
type baselines struct {
	slots chan struct{}
	mu    sync.Mutex
	of    map[string]func() outcome
}

func (b *baselines) green(t *testing.T, g guard) {
	t.Helper()
	pkg := g.watchedBy()
	b.mu.Lock()
	if b.of == nil {
		b.of = map[string]func() outcome{}
	}
	once := b.of[pkg]
	if once == nil {
		once = sync.OnceValue(func() outcome {
			b.slots <- struct{}{}
			defer func() { <-b.slots }()
			return run(t, pkg, namedIn(pkg), "")
		})
		b.of[pkg] = once
	}
	b.mu.Unlock()
	got := once()
	for _, name := range g.red {
		switch {
		case got.unbuilt:
			t.Fatalf("%s does not compile as it is:\n%s", pkg, got.tail())
		case got.failed[name]:
			t.Fatalf("%s is red with the guard in its place:\n%s", name, got.tail())
		case !got.passed[name]:
			t.Fatalf("%s does not run in %s, or is skipped", name, pkg)
		}
	}
}

// namedIn are all tests that the table names in a package.
func namedIn(pkg string) []string {
	var tests []string
	for _, g := range table() {
		if g.watchedBy() == pkg {
			tests = append(tests, g.red...)
		}
	}
	slices.Sort(tests)
	return slices.Compact(tests)
}
