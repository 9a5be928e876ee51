// Package bench_test measures a whole Countersign on a real cluster: how long a
// failed pod takes to become a card, how long a press takes to become a Job, and
// what an idle process weighs. It prints its figures next to baselines of the
// same run and never fails for being slow; it fails when something is lost or
// happens twice.
package bench_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/test/cluster"
	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

// The namespaces of the two measurements.
const (
	faultsNS  = "bench-faults"
	pressesNS = "bench-presses"
)

// bench is one run: one Countersign and what watches it from outside.
type bench struct {
	*testing.T
	ctx     context.Context
	s       *stand.Stand
	process *stand.Process
}

func TestBench(t *testing.T) {
	if err := cluster.Available(); err != nil && os.Getenv("CLUSTER") == "" {
		if errors.Is(err, cluster.ErrUnavailable) {
			t.Skipf("SKIPPED, nothing was measured: %v", err)
		}
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Minute)
	defer cancel()
	s, err := stand.New(ctx, stand.Config{
		Name: "bench", Namespaces: []string{faultsNS, pressesNS},
		// The durations of the loop are the defaults. More changes than an hour
		// of one namespace may have are approved here.
		Env: map[string]string{"CHANGES_PER_HOUR": "1000", "CARDS_PER_HOUR": "1000"},
		// The cards of twenty approvals at two a second are more than one
		// channel of Slack takes; the faults come slowly enough for its limits.
		Slack: slackstub.Config{Limits: slackstub.Limits{PostBurst: 60, TierBurst: 1000}},
		Log:   func(line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	process, err := s.Start(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	b := func(t *testing.T) *bench { return &bench{T: t, ctx: ctx, s: s, process: process} }
	t.Run("memory", func(t *testing.T) { b(t).memory() })
	t.Run("fault to card", func(t *testing.T) { b(t).faults() })
	t.Run("press to Job", func(t *testing.T) { b(t).presses() })
	if t.Failed() {
		t.Logf("countersign's log ends:\n%s", process.Tail())
	}
}

// count is how often something is done: fewer times with -short, to try the
// harness itself.
func count(full int) int {
	if testing.Short() {
		return max(full/10, 3)
	}
	return full
}
