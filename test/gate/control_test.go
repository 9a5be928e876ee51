package gate_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// A harness that cannot go red proves nothing. Here the product is built without
// one of its guards, from a patched copy of one file, and the same round must
// find the wrong that the guard prevents.
func TestWithoutAGuardTheRoundGoesRed(t *testing.T) {
	for name, c := range map[string]struct{ file, guard, instead, wrong string }{
		"anybody": {
			"internal/respond/judge.go",
			"	if !d.Allow {\n		return g.refuse(ctx, click, redact.Join(\"; \", d.Reasons...))\n	}\n", "",
			"UNAPPROVED",
		},
		"forgetful": {
			"internal/respond/intake.go",
			"if err := r.Append(limited, c.Incident, &c.Clicked); err != nil {", "if err := limited.Err(); err != nil {",
			"LOST SILENTLY",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			t.Setenv("GOFLAGS", "-overlay="+without(t, c.file, c.guard, c.instead))
			st := newStage(ctx, t, name, slackstub.Config{Limits: slackstub.Limits{Off: true}, Allow: []string{"ack.*"}}, nil)
			if err := st.start("both", ""); err != nil {
				t.Fatal(err)
			}
			st.people.share = 1 // strangers press first, everywhere
			r := &round{stage: st, want: 4, patience: time.Minute}
			r.play(ctx)
			v, err := r.judge()
			if err != nil {
				t.Fatal(err)
			}
			if v.count[c.wrong] == 0 {
				t.Errorf("no %s was found: %q", c.wrong, v.wrongs)
				for _, s := range v.stories {
					t.Logf("%s: %+v", s.target, s)
				}
			}
			for _, wrong := range v.wrongs {
				if !strings.Contains(wrong, "(incident i") {
					t.Errorf("the wrong names no incident: %s", wrong)
				}
				t.Log("found, as it should be: ", wrong)
			}
		})
	}
}

// without writes an overlay in which a file of the product lacks its guard.
func without(t *testing.T, file, guard, instead string) (overlay string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(source), guard) != 1 {
		t.Fatalf("%s does not hold the guard word for word, once:\n%s", file, guard)
	}
	dir := t.TempDir()
	patched := filepath.Join(dir, filepath.Base(file))
	if err := os.WriteFile(patched, []byte(strings.Replace(string(source), guard, instead, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {path: patched}})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}
