package nginx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/redact"
)

func seeds(f *testing.F) {
	f.Helper()
	for _, e := range examples {
		f.Add(e.bad)
		f.Add(e.good)
	}
	files, _ := filepath.Glob("testdata/valid/*.conf")
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw))
	}
}

// FuzzCheck holds that any text is read without a panic, and that each finding
// names a line that there is.
func FuzzCheck(f *testing.F) {
	seeds(f)
	red := redact.New(redact.Config{})
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Check(map[string]string{"a.conf": text, "b.conf": "include a.conf;"}, Options{Redactor: red, All: true})
		if err != nil {
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, x := range r.Findings {
			if x.File.String() == "a.conf" && (x.Line < 1 || x.Line > lines || x.Reported > lines) {
				t.Fatalf("line %d, reported %d, of %d: %s", x.Line, x.Reported, lines, x.Message)
			}
			for _, c := range x.Fix {
				if red.Redact(c.After.String()) != c.After || c.Line < 1 || c.Line > lines {
					t.Fatalf("the correction of line %d holds something to redact: %q", c.Line, c.After)
				}
			}
		}
	})
}

// FuzzCorrect holds that a correction applies by its line numbers and hashes,
// leaves less that is wrong, and is the last one.
func FuzzCorrect(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4<<10 {
			return
		}
		improves(t, map[string]string{"a.conf": text})
	})
}

// FuzzReadLog holds that a log line gives a place or nothing.
func FuzzReadLog(f *testing.F) {
	f.Add(`nginx: [emerg] unknown directive "sever" in /etc/nginx/nginx.conf:12`)
	f.Fuzz(func(t *testing.T, line string) {
		if p, ok := ReadLog(line); ok && (p.Line < 1 || !strings.HasPrefix(p.Path, "/")) {
			t.Fatalf("%+v", p)
		}
	})
}
