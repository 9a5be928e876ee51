// Package cases_test replays the incidents of this directory: each was exported
// by `countersign incident export` from a real cluster, with what people said
// that it was. The rules of this tree have to say the same of it.
//
// A case that the rules get wrong, or know nothing of, stands in open until a
// rule gets it right.
package cases_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/countersign-dev/countersign/internal/app"
)

// leastCases keeps the directory from being emptied unseen.
const leastCases = 5

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func replay(t *testing.T, file string) app.Replay {
	t.Helper()
	r, err := app.ReplayFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func told(t *testing.T, r app.Replay) string {
	t.Helper()
	var out bytes.Buffer
	if err := app.PrintReplayed([]app.Replay{r}, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTheRulesSayWhatPeopleSaid(t *testing.T) {
	found := files(t, "*.yaml")
	if len(found) < leastCases {
		t.Fatalf("%d cases, want at least %d", len(found), leastCases)
	}
	for _, file := range found {
		t.Run(file, func(t *testing.T) {
			if r := replay(t, file); r.Outcome != app.Same {
				t.Errorf("\n%s", told(t, r))
			}
		})
	}
}

func TestWhatIsOpenIsStillWrong(t *testing.T) {
	for _, file := range files(t, "open/*.yaml") {
		t.Run(file, func(t *testing.T) {
			if r := replay(t, file); r.Outcome == app.Same {
				t.Errorf("the rules get it right by now: move it to test/cases\n%s", told(t, r))
			}
		})
	}
}

// A case that people said something else of, or a snapshot in which the fault is
// gone, must not pass: or nothing that passes says anything.
func TestAnotherVerdictIsNoticed(t *testing.T) {
	for _, file := range files(t, "*.yaml") {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := app.DecodeCase(raw)
		if err != nil {
			t.Fatal(err)
		}
		e := *c.Expected
		e.Root.Name += "-x"
		c.Expected = &e
		if r := app.ReplayCase(c); r.Outcome != app.Different {
			t.Errorf("%s with another root: %s", file, r.Outcome)
		}
		again, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := app.DecodeCase(again); err != nil {
			t.Errorf("%s cannot be read again: %v", file, err)
		}
	}
}
