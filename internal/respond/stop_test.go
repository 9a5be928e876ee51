package respond

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

// away is a store that fails while broken, and keeps its promises otherwise.
type away struct {
	*store.File
	broken func(call string) error
}

func (s *away) Open(ctx context.Context, print string, first incident.Record) (incident.ID, bool, error) {
	if err := s.broken("open"); err != nil {
		return "", false, err
	}
	return s.File.Open(ctx, print, first)
}

func (s *away) Live(ctx context.Context, keep time.Duration) ([]incident.ID, error) {
	if err := s.broken("live"); err != nil {
		return nil, err
	}
	return s.File.Live(ctx, keep)
}

// The bubble of synctest ends only when every goroutine has.
func TestARunThatCannotBeginLeavesNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &away{File: store.Memory(time.Now), broken: func(string) error { return errors.New("no answer") }}
		r := New(Config{Role: incident.Watcher, Store: s, Now: time.Now, Log: silent})
		if err := r.Run(ctx); err == nil || !strings.Contains(err.Error(), "list open incidents") {
			t.Errorf("%v", err)
		}
	})
}

func TestEverySourceEndsWithItsContextAndWithItsChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Config{Role: incident.Gate, Store: store.Memory(time.Now), Sealer: sealer, Now: time.Now, Log: silent})
		defer r.queue.ShutDown()
		for name, take := range map[string]func(context.Context, bool){
			"hints":    func(ctx context.Context, open bool) { r.TakeHints(ctx, channel[string](open)) },
			"clicks":   func(ctx context.Context, open bool) { r.TakeClicks(ctx, channel[click](open), nil) },
			"commands": func(ctx context.Context, open bool) { r.TakeCommands(ctx, channel[command](open), nil) },
			"signals": func(ctx context.Context, open bool) {
				r.TakeSignals(ctx, SignalConfig{}, channel[incident.Signal](open))
			},
		} {
			take(t.Context(), false)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			began := time.Now()
			take(ctx, true)
			cancel()
			if time.Since(began) != time.Minute {
				t.Errorf("%s ended after %s", name, time.Since(began))
			}
		}
	})
}

func TestStoppingWaitsForTheStepUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finished := false
		fx := &effects{do: func(context.Context, incident.Incident, incident.Step) ([]incident.Body, error) {
			time.Sleep(time.Second)
			finished = true
			return nil, nil
		}}
		l := runLoop(t, store.Memory(time.Now), fx)
		l.begin(t, 1)
		synctest.Wait()
		l.stop()
		if !finished {
			t.Error("run ended before its step")
		}
	})
}
