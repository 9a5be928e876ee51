package respond

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
	"github.com/countersign-dev/countersign/internal/triage"
)

func (w *world) took(cfg SignalConfig, s incident.Signal, known priors) []incident.ID {
	w.t.Helper()
	if err := w.watcher.take(w.t.Context(), cfg, s, known); err != nil {
		w.t.Fatal(err)
	}
	ids, err := w.store.Live(w.t.Context(), time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return ids
}

func TestASignalOpensMergesOrIsIgnored(t *testing.T) {
	w := newWorld(t, nil)
	cfg, known := SignalConfig{Cluster: "c", Quiet: 10 * time.Minute}, priors{}
	ids := w.took(cfg, signal(), known)
	if len(ids) != 1 {
		t.Fatalf("%v", ids)
	}
	state := func() incident.Incident {
		i, err := w.watcher.Load(t.Context(), ids[0])
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	w.took(cfg, signal(), known)
	if i := state(); i.Version != 1 {
		t.Errorf("the same signal was written again: version %d", i.Version)
	}
	other := signal()
	other.Symptom = incident.SymptomCrashLoop
	w.took(cfg, other, known)
	if i := state(); len(i.Signals) != 2 {
		t.Errorf("a new symptom was not merged: %+v", i.Signals)
	}
	third := signal()
	third.Symptom = incident.SymptomOOMKilled
	if ids := w.took(cfg, third, priors{}); len(ids) != 1 || len(state().Signals) != 3 {
		t.Errorf("a process that knows nothing opened another: %v", ids)
	}
	cfg.Scope = triage.Scope{Namespaces: []string{"bank"}}
	foreign := signal()
	foreign.Subject.Name = "elsewhere"
	if ids := w.took(cfg, foreign, known); len(ids) != 1 {
		t.Errorf("what is out of scope was taken: %v", ids)
	}
}

func TestASignalAfterTheEndOpensAnewAndQuietly(t *testing.T) {
	w := newWorld(t, nil)
	cfg, known := SignalConfig{Cluster: "c", Quiet: 10 * time.Minute}, priors{}
	first := w.took(cfg, signal(), known)[0]
	for _, step := range []struct {
		r    *Responder
		body incident.Body
	}{
		{w.gate, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1"}},
		{w.watcher, &incident.Closed{Why: "cleared"}},
	} {
		if err := step.r.Append(t.Context(), first, step.body); err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.now.Add(time.Minute)
	for _, id := range w.took(cfg, signal(), w.watcher.recall(t.Context())) {
		i, err := w.watcher.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if id != first && !i.QuietUntil.Equal(noon.Add(10*time.Minute)) {
			t.Errorf("quiet until %s", i.QuietUntil)
		}
	}
	if ids, _ := w.store.Live(t.Context(), time.Hour); len(ids) != 2 {
		t.Errorf("%v", ids)
	}
}

func TestASignalIsKeptWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(time.Minute)
		s := &away{File: store.Memory(time.Now), broken: func(call string) error {
			if time.Now().Before(back) {
				return errors.New("no answer")
			}
			return nil
		}}
		r := New(Config{Role: incident.Watcher, Store: s, Now: time.Now, Log: silent})
		defer r.queue.ShutDown()
		signals := make(chan incident.Signal, 1)
		signals <- signal()
		close(signals)
		r.TakeSignals(t.Context(), SignalConfig{Cluster: "c"}, signals)
		ids, err := s.Live(t.Context(), 0)
		if err != nil || len(ids) != 1 {
			t.Errorf("%v %v", ids, err)
		}
		if late := time.Since(back); late > 5*time.Second {
			t.Errorf("taken %s after the store came back", late)
		}
	})
}

func TestASignalOfAForgedOrLostIncidentDoesNotHoldUpTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := store.Memory(time.Now)
		r := New(Config{Role: incident.Watcher, Store: memory, Now: time.Now, Log: silent})
		defer r.queue.ShutDown()
		cfg := SignalConfig{Cluster: "c"}
		fingerprint := triage.Fingerprint("c", web)
		if _, _, err := r.Open(t.Context(), theID, fingerprint, &incident.Opened{Fingerprint: fingerprint, Signal: signal()}); err != nil {
			t.Fatal(err)
		}
		broken, err := incident.Next(theID, 1, "", incident.Watcher, &incident.Cleared{}, time.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := memory.Append(t.Context(), 1, broken); err != nil {
			t.Fatal(err)
		}
		known := priors{fingerprint: theID}
		var untrusted *UntrustedError
		if err := r.take(t.Context(), cfg, signal(), known); !errors.As(err, &untrusted) {
			t.Errorf("%v", err)
		}
		gone := signal()
		gone.Subject.Name = "gone"
		known[triage.Fingerprint("c", gone.Subject)] = "i00000000000f"
		if err := r.take(t.Context(), cfg, gone, known); err != nil {
			t.Errorf("an incident that the store lost is not opened again: %v", err)
		}
		other := signal()
		other.Subject.Name = "other"
		signals := make(chan incident.Signal, 2)
		signals <- signal()
		signals <- other
		close(signals)
		began := time.Now()
		r.TakeSignals(t.Context(), cfg, signals)
		ids, err := memory.Live(t.Context(), 0)
		if err != nil || len(ids) != 3 || time.Since(began) > time.Second {
			t.Errorf("%v %v after %s", ids, err, time.Since(began))
		}
	})
}

// emptied is a store that somebody empties.
type emptied struct{ *store.File }

func TestAFaultThatStandsIsTakenAgainAfterTheStoreLostIt(t *testing.T) {
	w := newWorld(t, nil)
	s := &emptied{w.store}
	r := New(Config{Role: incident.Watcher, Store: s, Now: func() time.Time { return w.now }, Log: silent})
	t.Cleanup(r.queue.ShutDown)
	cfg, known := SignalConfig{Cluster: "c"}, priors{}
	for range 2 { // the second time, the incident has been read
		if err := r.take(t.Context(), cfg, signal(), known); err != nil {
			t.Fatal(err)
		}
	}
	s.File = store.Memory(func() time.Time { return w.now })
	w.now = w.now.Add(time.Minute)
	if err := r.take(t.Context(), cfg, signal(), known); err != nil {
		t.Fatal(err)
	}
	if ids, err := s.Live(t.Context(), 0); err != nil || len(ids) != 1 {
		t.Errorf("%v %v", ids, err)
	}
}

func TestAClosedIncidentIsNotKeptInMemory(t *testing.T) {
	w := newWorld(t, nil)
	w.announced()
	if len(w.gate.known) != 1 {
		t.Fatalf("%d incidents are kept while one is open", len(w.gate.known))
	}
	w.says(w.watcher, &incident.Closed{Why: "cleared"})
	w.load()
	if len(w.gate.known) != 0 {
		t.Errorf("%d incidents are kept", len(w.gate.known))
	}
}
