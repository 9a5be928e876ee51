// Package scenarios_test plays the stories of this directory, one txtar file
// each, against a whole Countersign on a real cluster: apply, want a card,
// press, want a Job, want the outcome. All stories share one installation and
// run at the same time, each in a namespace of its own.
package scenarios_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
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

// playConfig is one playing of stories against an installation of its own.
type playConfig struct {
	name  string // of the stand, and what the stories' namespaces begin with
	files []string
	env   map[string]string
	roles []string // a process each; empty is one process for both

	vars map[string]string // of the stories

	gatekeeper bool // asked as well, and not the policies alone
}

func (c playConfig) namespace(file string) string {
	return c.name + "-" + strings.TrimSuffix(filepath.Base(file), ".txtar")
}

func stories(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	return files
}

func TestStories(t *testing.T) {
	play(t, playConfig{name: "story", files: stories(t, "*.txtar"), env: seconds})
}

// The same again with a real Gatekeeper registered for Countersign's accounts:
// it denies nothing that the policies allow.
func TestStoriesWithGatekeeper(t *testing.T) {
	play(t, playConfig{name: "keeper", files: stories(t, "*.txtar"), env: seconds, gatekeeper: true})
}

// Watcher and gate as two processes, each with its own account, that share
// nothing but Redis and take their Leases.
func TestStoriesWithTheRolesApartOnRedis(t *testing.T) {
	server, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED, the two roles were not tried apart: redis-server is not installed (apt-get install redis-server)")
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	redis := exec.Command(server, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
	if err := redis.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		redis.Process.Kill()
		redis.Wait()
	}()
	env := maps.Clone(seconds)
	env["REDIS_URL"] = "unix://" + socket
	play(t, playConfig{
		name: "apart", files: []string{"image.txtar", "rejected.txtar", "why.txtar"}, env: env, roles: []string{"watcher", "gate"},
	})
}

func play(t *testing.T, c playConfig) {
	t.Helper()
	if err := cluster.Available(); err != nil && os.Getenv("CLUSTER") == "" {
		if errors.Is(err, cluster.ErrUnavailable) {
			t.Skipf("SKIPPED, no story was played: %v", err)
		}
		t.Fatal(err)
	}
	var namespaces []string
	for _, f := range c.files {
		namespaces = append(namespaces, c.namespace(f))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	s, err := stand.New(ctx, stand.Config{
		Name: c.name, Namespaces: namespaces, Env: c.env, Gatekeeper: c.gatekeeper, Log: func(line string) { t.Log(line) },
		// More incidents at once than one channel of Slack takes; the limits have
		// their own tests.
		Slack: slackstub.Config{Limits: slackstub.Limits{PostBurst: 60, TierBurst: 1000}},
	})
	if c.gatekeeper && errors.Is(err, cluster.ErrForeignCluster) {
		t.Skipf("SKIPPED, these stories were not played: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	process, err := start(ctx, s, c.roles)
	if err != nil {
		t.Error(err)
		return
	}
	t.Run("stories", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Files: c.files, ContinueOnError: false, RequireExplicitExec: true,
			Cmds: commands(ctx, s),
			Condition: func(word string) (bool, error) {
				if word != "own" {
					return false, fmt.Errorf("condition %q is not known", word)
				}
				return os.Getenv("CLUSTER") == "", nil // the node is this machine
			},
			Setup: func(env *testscript.Env) error {
				env.Setenv("NS", c.namespace(strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")))
				for name, value := range c.vars {
					env.Setenv(name, value)
				}
				return nil
			},
		})
	})
	t.Run("the audit log of all of it verifies", func(t *testing.T) { auditVerifies(ctx, t, s) })
	if t.Failed() {
		t.Logf("countersign's log ends:\n%s", process.Tail())
	}
}

// start runs a process for each role and returns the last.
func start(ctx context.Context, s *stand.Stand, roles []string) (p *stand.Process, err error) {
	if len(roles) == 0 {
		return s.Start(ctx)
	}
	for _, role := range roles {
		if p, err = s.Start(ctx, "--role", role); err != nil {
			return nil, err
		}
	}
	return p, nil
}
