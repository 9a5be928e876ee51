package respond

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

// rival lets somebody else append first, once.
type rival struct {
	*store.File
	first func()
}

func (s *rival) Append(ctx context.Context, after int, records ...incident.Record) error {
	if f := s.first; f != nil {
		s.first = nil
		f()
	}
	return s.File.Append(ctx, after, records...)
}

func TestALostRaceIsTriedOnWhatTheIncidentHasBecome(t *testing.T) {
	w := newWorld(t, nil)
	w.opened()
	other := signal()
	other.Symptom = incident.SymptomCrashLoop
	late := &rival{File: w.store, first: func() { w.says(w.watcher, &incident.Signalled{Signal: other}) }}
	r := New(Config{Role: incident.Watcher, Store: late, Now: func() time.Time { return w.now }, Log: silent})
	t.Cleanup(r.queue.ShutDown)
	if err := r.Append(t.Context(), theID, found()...); err != nil {
		t.Fatal(err)
	}
	i := w.load()
	if i.Version != 3 || len(i.Signals) != 2 || i.Diagnosis == nil {
		t.Errorf("version %d, %d signals, %+v", i.Version, len(i.Signals), i.Diagnosis)
	}
}

func TestWhatNoLongerFitsAfterALostRaceIsAnErrorAndWritesNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	late := &rival{File: w.store, first: func() { w.says(w.watcher, &incident.Closed{Why: "cleared"}) }}
	r := New(Config{Role: incident.Gate, Store: late, Sealer: sealer, Now: func() time.Time { return w.now }, Log: silent})
	t.Cleanup(r.queue.ShutDown)
	was := w.load().Version
	err := r.Append(t.Context(), theID, &incident.Clicked{Click: "k"}, &incident.Refused{Click: "k"})
	if err == nil || errors.Is(err, incident.ErrConflict) {
		t.Errorf("%v", err)
	}
	if got := w.load().Version; got != was+1 {
		t.Errorf("version %d, want %d", got, was+1)
	}
}

func TestARaceThatIsAlwaysLostEndsAsAConflict(t *testing.T) {
	w := newWorld(t, nil)
	w.opened()
	r := New(Config{Role: incident.Watcher, Store: beaten{w.store}, Now: func() time.Time { return w.now }, Log: silent})
	t.Cleanup(r.queue.ShutDown)
	if err := r.Append(t.Context(), theID, found()...); !errors.Is(err, incident.ErrConflict) {
		t.Errorf("%v", err)
	}
}

type beaten struct{ *store.File }

func (beaten) Append(context.Context, int, ...incident.Record) error { return incident.ErrConflict }

// slow is a store whose answer to a read is overtaken, once.
type slow struct {
	*store.File
	meantime func()
}

func (s *slow) After(ctx context.Context, id incident.ID, n int) ([]incident.Record, error) {
	records, err := s.File.After(ctx, id, n)
	if f := s.meantime; f != nil {
		s.meantime = nil
		f()
	}
	return records, err
}

func TestAReadThatIsOvertakenByAYoungerOneIsStillTrusted(t *testing.T) {
	w := newWorld(t, nil)
	w.opened()
	s := &slow{File: w.store}
	r := New(Config{Role: incident.Watcher, Store: s, Now: func() time.Time { return w.now }, Log: silent})
	t.Cleanup(r.queue.ShutDown)
	s.meantime = func() {
		if err := r.Append(t.Context(), theID, found()...); err != nil {
			t.Error(err)
		}
		if _, err := r.Load(t.Context(), theID); err != nil {
			t.Error(err)
		}
	}
	if i, err := r.Load(t.Context(), theID); err != nil || i.Version != 1 {
		t.Errorf("version %d, %v", i.Version, err)
	}
	if i, err := r.Load(t.Context(), theID); err != nil || i.Version != 2 {
		t.Errorf("version %d, %v", i.Version, err)
	}
}

func TestRecordsThatWereRolledBackUnderARunningProcessAreNotTrusted(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	records, err := w.store.After(t.Context(), theID, 0)
	if err != nil {
		t.Fatal(err)
	}
	earlier := store.Memory(func() time.Time { return w.now })
	if _, _, err := earlier.Open(t.Context(), "f", records[0]); err != nil {
		t.Fatal(err)
	}
	if err := earlier.Append(t.Context(), 1, records[1:3]...); err != nil {
		t.Fatal(err)
	}
	s := &emptied{w.store}
	gate := New(Config{
		Role: incident.Gate, Store: s, Sealer: sealer, Now: func() time.Time { return w.now }, Log: silent, Distrust: w.effects.Distrust, Timeout: time.Second,
	})
	t.Cleanup(gate.queue.ShutDown)
	if _, err := gate.Load(t.Context(), theID); err != nil {
		t.Fatal(err)
	}
	s.File = earlier
	var untrusted *UntrustedError
	if _, err := gate.Load(t.Context(), theID); !errors.As(err, &untrusted) {
		t.Errorf("an earlier state is believed: %v", err)
	}
	for range 3 {
		for _, lane := range lanes {
			gate.serve(t.Context(), key{theID, lane})
		}
	}
	if len(w.thread.notes) != 1 || !strings.Contains(w.thread.notes[0], "lost or changed") {
		t.Errorf("people are told %q", w.thread.notes)
	}
}

// elsewhere answers with the records of another incident.
type elsewhere struct {
	Store
	from incident.ID
}

func (e elsewhere) After(ctx context.Context, _ incident.ID, n int) ([]incident.Record, error) {
	return e.Store.After(ctx, e.from, n)
}

func TestAnIncidentsRecordsInThePlaceOfAnothersAreNotTrusted(t *testing.T) {
	w := newWorld(t, nil)
	w.announced()
	r := New(Config{Role: incident.Gate, Store: elsewhere{w.store, theID}, Sealer: sealer, Now: time.Now, Log: silent})
	t.Cleanup(r.queue.ShutDown)
	var untrusted *UntrustedError
	if i, err := r.Load(t.Context(), "i00000000000f"); !errors.As(err, &untrusted) || i.ID != "" {
		t.Errorf("%v %v", i.ID, err)
	}
}
