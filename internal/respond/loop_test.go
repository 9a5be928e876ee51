package respond

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

// effects is a role's steps as a function, with a count of what runs at once.
type effects struct {
	do func(ctx context.Context, i incident.Incident, step incident.Step) ([]incident.Body, error)

	mu   sync.Mutex
	now  map[key]int
	most map[key]int // at once, by incident and lane
	all  int         // steps under way
	peak int
	ran  []time.Time
}

func (e *effects) Run(ctx context.Context, i incident.Incident, step incident.Step, now time.Time) ([]incident.Body, error) {
	k := key{i.ID, step.Lane}
	e.mu.Lock()
	if e.now == nil {
		e.now, e.most = map[key]int{}, map[key]int{}
	}
	e.now[k]++
	e.all++
	e.most[k], e.peak = max(e.most[k], e.now[k]), max(e.peak, e.all)
	e.ran = append(e.ran, now)
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.now[k]--
		e.all--
	}()
	return e.do(ctx, i, step)
}

// loop is a watcher under synctest; stop ends it and waits.
type loop struct {
	*Responder
	stop func()
}

func runLoop(t *testing.T, s Store, fx *effects) *loop {
	t.Helper()
	r := New(Config{Role: incident.Watcher, Store: s, Effects: fx, Rules: incident.Rules{Timing: incident.DefaultTiming(), Model: true}, Now: time.Now, Log: silent})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return &loop{Responder: r, stop: func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run ended with %v", err)
		}
	}}
}

// begin opens incident n of an object of its own.
func (l *loop) begin(t *testing.T, n int) incident.ID {
	t.Helper()
	id := incident.ID(fmt.Sprintf("i%012d", n))
	s := signal()
	s.Subject.Name = fmt.Sprintf("web%d", n)
	if _, _, err := l.Open(t.Context(), id, string(id), &incident.Opened{Fingerprint: string(id), Signal: s}); err != nil {
		t.Fatal(err)
	}
	return id
}

func found() []incident.Body {
	return []incident.Body{&incident.Collected{Digest: before, Diagnosis: incident.Diagnosis{Cause: incident.Unknown, Root: web, Object: web}}}
}

func TestALaneHasOneStepAtATimeAndIncidentsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := &effects{}
		fx.do = func(ctx context.Context, _ incident.Incident, step incident.Step) ([]incident.Body, error) {
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			if step.Do == incident.DoLook {
				return found(), nil
			}
			return nil, nil
		}
		l := runLoop(t, store.Memory(time.Now), fx)
		a, b := l.begin(t, 1), l.begin(t, 2)
		for n := range 30 {
			s := signal()
			s.Object.Name = fmt.Sprintf("pod%d", n)
			for _, id := range []incident.ID{a, b} {
				if err := l.Append(t.Context(), id, &incident.Signalled{Signal: s}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(30 * time.Millisecond)
		}
		l.stop()
		if len(fx.most) < 4 {
			t.Errorf("only these lanes ran: %v", fx.most)
		}
		for k, most := range fx.most {
			if most != 1 {
				t.Errorf("%d steps at once in lane %v", most, k)
			}
		}
		if fx.peak < 2 {
			t.Error("one incident waited for the other")
		}
	})
}

func TestAnErrorAppendsNothingAndTheStepComesBackWithAGrowingDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := &effects{}
		var tries atomic.Int64 // the race detector does not see synctest.Wait
		fx.do = func(_ context.Context, _ incident.Incident, step incident.Step) ([]incident.Body, error) {
			if step.Do != incident.DoLook {
				return nil, nil
			}
			if tries.Add(1) <= 4 {
				return found(), errors.New("no answer")
			}
			return found(), nil
		}
		l := runLoop(t, store.Memory(time.Now), fx)
		id := l.begin(t, 1)
		synctest.Wait()
		for want := 1; want <= 4; want++ {
			i, err := l.Load(t.Context(), id)
			if err != nil || tries.Load() != int64(want) || i.Version != 1 {
				t.Fatalf("try %d of %d: version %d, %v", tries.Load(), want, i.Version, err)
			}
			time.Sleep(time.Duration(1<<(want-1)) * 500 * time.Millisecond)
			synctest.Wait()
		}
		i, err := l.Load(t.Context(), id)
		if err != nil || i.Version != 2 || tries.Load() != 5 {
			t.Errorf("after %d tries: version %d, %v", tries.Load(), i.Version, err)
		}
		l.stop()
	})
}

func TestAQuestionWhoseLookFailedIsLookedIntoAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := &effects{}
		var tries atomic.Int64 // the race detector does not see synctest.Wait
		fx.do = func(context.Context, incident.Incident, incident.Step) ([]incident.Body, error) {
			if tries.Add(1) == 1 {
				return nil, errors.New("no answer")
			}
			return nil, nil
		}
		memory := store.Memory(time.Now)
		l := runLoop(t, memory, fx)
		gate := New(Config{Role: incident.Gate, Store: memory, Sealer: sealer, Now: time.Now, Log: silent})
		defer gate.queue.ShutDown()
		if _, _, err := gate.Open(t.Context(), theID, "", &incident.Asked{Subject: web, Person: alice}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		l.stop()
		if tries.Load() != 2 {
			t.Errorf("looked %d times, want 2", tries.Load())
		}
	})
}

func TestAPanicIsContainedAndTheStepIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := &effects{}
		panics := 2
		fx.do = func(_ context.Context, i incident.Incident, step incident.Step) ([]incident.Body, error) {
			if step.Do != incident.DoLook {
				return nil, nil
			}
			if i.Subject.Name == "web1" && panics > 0 {
				panics--
				panic("a defect")
			}
			return found(), nil
		}
		l := runLoop(t, store.Memory(time.Now), fx)
		a, b := l.begin(t, 1), l.begin(t, 2)
		synctest.Wait()
		if i, err := l.Load(t.Context(), b); err != nil || i.Diagnosis == nil {
			t.Errorf("the other incident was not looked at: %v", err)
		}
		if i, err := l.Load(t.Context(), a); err != nil || i.Version != 1 {
			t.Errorf("the step that panicked wrote: version %d, %v", i.Version, err)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if i, err := l.Load(t.Context(), a); err != nil || i.Diagnosis == nil {
			t.Errorf("not tried again: %v", err)
		}
		l.stop()
	})
}

func TestUntrustedRecordsStopEverythingForThatIncidentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := store.Memory(time.Now)
		var ran []incident.ID
		fx := &effects{do: func(_ context.Context, i incident.Incident, _ incident.Step) ([]incident.Body, error) {
			ran = append(ran, i.ID)
			return nil, nil
		}}
		watcher := New(Config{Role: incident.Watcher, Store: memory, Now: time.Now, Log: silent})
		defer watcher.queue.ShutDown()
		l := &loop{Responder: watcher}
		forged, sound := l.begin(t, 1), l.begin(t, 2)
		for _, id := range []incident.ID{forged, sound} {
			if err := watcher.Append(t.Context(), id, found()...); err != nil {
				t.Fatal(err)
			}
		}
		i, err := watcher.Load(t.Context(), forged)
		if err != nil {
			t.Fatal(err)
		}
		thief := &incident.Sealer{Key: []byte(strings.Repeat("x", 32)), Epoch: 1}
		rec, err := incident.Next(forged, i.Version, i.Head, incident.Gate, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1"}, time.Now(), thief)
		if err != nil {
			t.Fatal(err)
		}
		if err := memory.Append(t.Context(), i.Version, rec); err != nil {
			t.Fatal(err)
		}
		gate := New(Config{
			Role: incident.Gate, Store: memory, Effects: fx, Sealer: sealer, Now: time.Now, Log: silent, Workers: 1,
			Rules: incident.Rules{Timing: incident.DefaultTiming(), Mode: func(string) incident.Mode { return incident.ModeApprove }},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- gate.Run(ctx) }()
		time.Sleep(2 * time.Minute)
		var untrusted *UntrustedError
		if err := gate.Append(ctx, forged, &incident.Clicked{Click: "k"}); !errors.As(err, &untrusted) || untrusted.Records[0].Version != 3 {
			t.Errorf("a press on it is written down: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(ran) == 0 {
			t.Error("the other incident was not served")
		}
		for _, id := range ran {
			if id != sound {
				t.Errorf("a step ran on %s", id)
			}
		}
	})
}
