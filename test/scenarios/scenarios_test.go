// Package scenarios_test plays the stories of this directory, one txtar file
// each, against a whole Countersign on a real cluster: apply, want a card,
// press, want a Job, want the outcome. All stories share one installation and
// run at the same time, each in a namespace of its own.
package scenarios_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/countersign-dev/countersign/test/cluster"
	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

// seconds are the durations of the loop in stories; the demo has the defaults.
var seconds = map[string]string{
	"HOLD_SETTLING": "2s", "HOLD_PENDING": "1s", "DEBOUNCE": "2s", "VERIFY_WINDOW": "4s", "UNDO_WINDOW": "5m",
}

func namespaceOf(file string) string {
	return "story-" + strings.TrimSuffix(filepath.Base(file), ".txtar")
}

func TestStories(t *testing.T) {
	if err := cluster.Available(); err != nil && os.Getenv("CLUSTER") == "" {
		if errors.Is(err, cluster.ErrUnavailable) {
			t.Skipf("SKIPPED, no story was played: %v", err)
		}
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	var namespaces []string
	for _, f := range files {
		namespaces = append(namespaces, namespaceOf(f))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	s, err := stand.New(ctx, stand.Config{
		Name: "stories", Namespaces: namespaces, Env: seconds, Log: func(line string) { t.Log(line) },
		// More incidents at once than one channel of Slack takes; the limits have
		// their own tests.
		Slack: slackstub.Config{Limits: slackstub.Limits{PostBurst: 60, TierBurst: 1000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	process, err := s.Start(ctx)
	if err != nil {
		t.Error(err, s.Close())
		return
	}
	t.Run("stories", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Files: files, ContinueOnError: false, RequireExplicitExec: true,
			Cmds: commands(ctx, s),
			Setup: func(env *testscript.Env) error {
				env.Setenv("NS", namespaceOf(strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")))
				return nil
			},
		})
	})
	t.Run("the audit log of all of it verifies", func(t *testing.T) { auditVerifies(ctx, t, s) })
	if t.Failed() {
		t.Logf("countersign's log ends:\n%s", process.Tail())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
