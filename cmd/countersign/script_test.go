package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"countersign": main})
}

// TestTheCommandLine runs testdata/script/*.txtar. Beyond testscript's own
// commands there are
//
//	exits CODE ARGS...      countersign ends with exactly this code
//	records FILE            write a store with two incidents
//	let NAME FILE           set a variable to a file's only line
//	replace FILE OLD NEW    alter the first place in a file
func TestTheCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("KUBECONFIG", filepath.Join(e.WorkDir, "no-kubeconfig"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "records": records, "let": let, "replace": replace,
		},
	})
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("countersign", args[1:]...)
	code := "0"
	var ended interface{ ExitCode() int }
	if errors.As(err, &ended) {
		code = string(rune('0' + ended.ExitCode()))
	} else {
		ts.Check(err)
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

func records(ts *testscript.TestScript, _ bool, args []string) {
	s, err := store.OpenFile(ts.MkAbs(args[0]), time.Now)
	ts.Check(err)
	defer s.Close()
	for _, name := range []string{"web", "cart"} {
		id := incident.ID("i00000000" + map[string]string{"web": "0001", "cart": "0002"}[name])
		subject := action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: name, UID: "11111111-2222-3333-4444-555555555555"}
		opened := &incident.Opened{Fingerprint: name, Signal: incident.Signal{Symptom: incident.SymptomImagePull, Object: subject, Subject: subject}}
		first, err := incident.Next(id, 0, "", incident.Watcher, opened, time.Now(), nil)
		ts.Check(err)
		_, _, err = s.Open(context.Background(), name, first)
		ts.Check(err)
		second, err := incident.Next(id, 1, first.Hash(), incident.Watcher, &incident.Closed{Why: "cleared"}, time.Now(), nil)
		ts.Check(err)
		ts.Check(s.Append(context.Background(), 1, second))
	}
}

func let(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

func replace(ts *testscript.TestScript, _ bool, args []string) {
	was := ts.ReadFile(args[0])
	now := strings.Replace(was, args[1], args[2], 1)
	if now == was {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(now), 0o600))
}

func TestFindingsAreTheExitCodeUnlessTheLookFailed(t *testing.T) {
	failed := errors.New("no answer")
	for _, c := range []struct {
		found int
		err   error
		want  error
	}{{0, nil, nil}, {1, nil, exit(1)}, {7, nil, exit(1)}, {0, failed, failed}, {3, failed, failed}} {
		if got := finish(c.found, c.err); !errors.Is(got, c.want) {
			t.Errorf("%d findings and %v: %v", c.found, c.err, got)
		}
	}
}
