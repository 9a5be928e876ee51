package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// report gathers the figures of a run.
type report struct {
	rows  []row
	began time.Time
	loads []string
	scans map[int]costs // by the size of the fleet
}

// row is one line of the table.
type row struct{ what, ours, baseline, target, verdict string }

func newReport() *report {
	return &report{began: time.Now(), loads: []string{load()}, scans: map[int]costs{}}
}

// add notes a figure that has a target.
func (r *report) add(what, ours, baseline, target, got string, met bool) {
	verdict := "MISSED: " + got
	if met {
		verdict = "met: " + got
	}
	r.rows = append(r.rows, row{what, ours, baseline, target, verdict})
}

// tell notes a figure that has none.
func (r *report) tell(what, ours, baseline string) {
	r.rows = append(r.rows, row{what: what, ours: ours, baseline: baseline})
}

func (r *report) table() string {
	var b strings.Builder
	b.WriteString("| what | here | baseline of the same run | target | |\n|---|---|---|---|---|\n")
	for _, x := range r.rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", x.what, x.ours, x.baseline, x.target, x.verdict)
	}
	return b.String()
}

// write puts the figures between the marks of docs/speed.md.
func (r *report) write(t *testing.T) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "speed.md")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const from, to = "<!-- figures -->\n", "<!-- end of figures -->"
	head, rest, ok := strings.Cut(string(old), from)
	_, tail, closed := strings.Cut(rest, to)
	if !ok || !closed {
		t.Fatalf("%s lacks its marks %q and %q", path, from, to)
	}
	text := fmt.Sprintf("Measured on %s in %s on %s.\nLoad of the machine (1, 5 and 15 minutes) at the start %s, at the end %s; everything, the API server and etcd as well, shares it.\n\n%s",
		r.began.UTC().Format(time.DateOnly), time.Since(r.began).Round(time.Minute), machine(), r.loads[0], load(), r.table())
	if err := os.WriteFile(path, []byte(head+from+text+to+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// machine names the processor and the memory.
func machine() string {
	field := func(path, key string) string {
		raw, err := os.ReadFile(path)
		if err != nil {
			return "unknown"
		}
		for line := range strings.Lines(string(raw)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
				return strings.TrimSpace(value)
			}
		}
		return "unknown"
	}
	return fmt.Sprintf("%d CPUs (%s) with %s of memory, %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name"), field("/proc/meminfo", "MemTotal"), runtime.Version())
}
