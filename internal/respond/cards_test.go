package respond

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

// board counts the cards that are posted, and keeps the storm's as it stands.
type board struct {
	thread

	mu     sync.Mutex
	posts  []time.Time
	storms int
	storm  incident.Storm
}

func (b *board) Card(_ context.Context, i incident.Incident, at incident.Posted) (incident.Posted, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case i.Storm != nil:
		if at.TS == "" {
			b.storms++
		}
		b.storm = *i.Storm
	case at.TS == "":
		b.posts = append(b.posts, time.Now())
	}
	at.Channel, at.TS = "C1", "1."+string(i.ID)
	return at, nil
}

// stands are the figures so far.
func (b *board) stands() (posts, storms int, storm incident.Storm) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.posts), b.storms, b.storm
}

// within counts the posts of the hour that ends at end.
func (b *board) within(end time.Time) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, at := range b.posts {
		if at.After(end.Add(-time.Hour)) && !at.After(end) {
			n++
		}
	}
	return n
}

// sky is a gate under a storm.
type sky struct {
	*board
	t       *testing.T
	store   *store.File
	watcher *Responder
	stop    func()
}

const perHour = 20

func newSky(t *testing.T, st *store.File) *sky {
	t.Helper()
	s := &sky{board: &board{}, t: t, store: st}
	rules := incident.Rules{Timing: incident.DefaultTiming()}
	cards, gather := &Cards{PerHour: perHour, Now: time.Now}, &Gather{Now: time.Now}
	gate := New(Config{
		Role: incident.Gate, Store: st, Effects: &GateEffects{Thread: s.board, Rules: rules, Cards: cards, Gather: gather}, Rules: rules,
		Sealer: sealer, Now: time.Now, Log: silent,
	})
	s.watcher = New(Config{Role: incident.Watcher, Store: st, Rules: rules, Now: time.Now, Log: silent})
	storm := &StormCard{Gate: gate, Cards: cards, Gather: gather}
	if err := storm.Recall(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _ = gate.Run(ctx) }()
	go storm.Run(ctx)
	go gather.Run(ctx, gate)
	s.stop = func() { cancel(); s.watcher.queue.ShutDown(); synctest.Wait() }
	return s
}

// breaks opens the incidents from to to-1, each proven broken.
func (s *sky) breaks(from, to int) {
	s.t.Helper()
	for n := from; n < to; n++ {
		id := incident.ID(fmt.Sprintf("i%012x", n))
		target := action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: fmt.Sprintf("shop-%d", n%3), Name: fmt.Sprintf("web-%d", n), UID: "u"}
		if _, _, err := s.watcher.Open(s.t.Context(), id, string(id), &incident.Opened{Fingerprint: string(id), Signal: incident.Signal{Subject: target}}); err != nil {
			s.t.Fatal(err)
		}
		d := incident.Diagnosis{Cause: incident.ImageNotFound, Object: target, Root: target}
		if err := s.watcher.Append(s.t.Context(), id, &incident.Collected{Digest: action.Hash(strings.Repeat("a", 64)), Diagnosis: d}); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestAStormIsABoundedNumberOfCardsAndNothingIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSky(t, store.Memory(time.Now))
		defer s.stop()
		const broken = 3*perHour - 5
		s.breaks(0, broken)
		time.Sleep(2 * time.Minute)
		posts, storms, storm := s.stands()
		if posts != perHour || storms != 1 || storm.Waiting != broken-perHour || storm.Budget != perHour {
			t.Fatalf("%d cards, %d storm cards, %+v", posts, storms, storm)
		}
		if storm.Causes[0] != (incident.Tally{Name: string(incident.ImageNotFound), Count: broken - perHour}) || len(storm.Namespaces) != 3 {
			t.Errorf("%+v", storm)
		}
		if err := s.watcher.Append(t.Context(), incident.ID(fmt.Sprintf("i%012x", broken-1)), &incident.Cleared{}); err != nil {
			t.Fatal(err)
		}
		for minute := range 5 * 60 {
			time.Sleep(time.Minute)
			if n := s.within(time.Now()); n > perHour {
				t.Fatalf("%d cards within the hour, after %d minutes", n, minute)
			}
		}
		if posts, storms, storm = s.stands(); posts != broken-1 || storms != 1 || !storm.Over {
			t.Errorf("%d cards of %d, the last healed meanwhile; %d storm cards, %+v", posts, broken-1, storms, storm)
		}
		s.breaks(broken, broken+1)
		time.Sleep(2 * time.Minute)
		if posts, _, _ = s.stands(); posts != broken {
			t.Error("after the storm a finding has no card")
		}
	})
}

func TestAStormOutlastsARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := store.Memory(time.Now)
		s := newSky(t, st)
		s.breaks(0, perHour+3)
		time.Sleep(2 * time.Minute)
		s.stop()
		again := newSky(t, st)
		defer again.stop()
		time.Sleep(2 * time.Minute)
		if posts, storms, _ := again.stands(); posts != 0 || storms != 0 {
			t.Errorf("the restart is a new hour: %d cards, %d storm cards", posts, storms)
		}
		time.Sleep(time.Hour)
		if posts, storms, storm := again.stands(); posts != 3 || storms != 0 || !storm.Over {
			t.Errorf("%d cards, %d storm cards, %+v", posts, storms, storm)
		}
	})
}

func TestTheOldestHaveTheirTurnFirstAndQuestionsHaveNone(t *testing.T) {
	now := noon
	c := &Cards{PerHour: 1, Now: func() time.Time { return now }}
	finding := func(id incident.ID, minute int) incident.Incident {
		return incident.Incident{ID: id, OpenedAt: noon.Add(time.Duration(minute) * time.Minute)}
	}
	first, old, young := finding("a", 0), finding("b", 1), finding("c", 2)
	for range 2 { // the second after a failed post
		if !c.Admit(first) {
			t.Fatal("the first has no card")
		}
	}
	if c.Admit(young) || c.Admit(old) {
		t.Fatal("over budget and admitted")
	}
	question := finding("d", 3)
	question.Inquiry = &incident.Asked{}
	if !c.Admit(question) {
		t.Error("a person's question waits")
	}
	for range 4 * 60 {
		now = now.Add(incident.TurnPace)
		if c.Admit(young) {
			t.Fatal("the younger one came first")
		}
		if c.Admit(old) {
			return
		}
	}
	t.Error("no turn within an hour")
}
