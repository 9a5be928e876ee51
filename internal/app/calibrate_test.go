package app

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

// judgedStore is a store with one incident; next appends what both roles say.
type judgedStore struct {
	t    *testing.T
	file *store.File
	last action.Hash
	n    int
}

func newJudgedStore(t *testing.T) *judgedStore {
	t.Helper()
	f, err := store.OpenFile(filepath.Join(t.TempDir(), "store.log"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &judgedStore{t: t, file: f}
}

func (s *judgedStore) next(role incident.Role, bodies ...incident.Body) {
	s.t.Helper()
	sealer := &incident.Sealer{Key: []byte(strings.Repeat("k", 32)), Epoch: 1}
	for _, body := range bodies {
		r, err := incident.Next("i000000000001", s.n, s.last, role, body, time.Now(), sealer)
		if err != nil {
			s.t.Fatal(err)
		}
		if s.n == 0 {
			_, _, err = s.file.Open(s.t.Context(), "f", r)
		} else {
			err = s.file.Append(s.t.Context(), s.n, r)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		s.n, s.last = s.n+1, r.Hash()
	}
}

func TestARunningWatcherLearnsWhatPeopleSay(t *testing.T) {
	s := newJudgedStore(t)
	web := action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "11111111-2222-3333-4444-555555555555"}
	alice := incident.Person{ID: "U1", Team: "T1"}
	l, err := newLearner(s.file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	shipped := l.rule("run.oom")
	says := func(want string) {
		t.Helper()
		if err := l.learn(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := l.rule("run.oom").Basis.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	s.next(incident.Watcher, &incident.Opened{Fingerprint: "f", Signal: incident.Signal{Symptom: incident.SymptomOOMKilled, Subject: web}},
		&incident.Collected{Diagnosis: incident.Diagnosis{Cause: incident.OOMKilled, Root: web, Object: web, Rule: "run.oom"}})
	s.next(incident.Gate, &incident.Posting{Slot: incident.CardSlot}, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1"})
	says(shipped.Basis.String())
	s.next(incident.Watcher, &incident.Closed{Why: "cleared"})
	says(shipped.Basis.String()) // nobody has said anything
	verdict := incident.Verdict{}
	heard := incident.Verdict{Click: "c1", By: alice, At: time.Now(), Of: incident.Claim{Cause: incident.OOMKilled, Root: web, By: "run.oom"}}
	s.next(incident.Gate, &incident.Clicked{Click: "c1", Verb: incident.Judge, Person: alice, Genuine: true, Verdict: &verdict}, &heard)
	says(shipped.Basis.String() + " in trials, 0 of 1 here")
	says(shipped.Basis.String() + " in trials, 0 of 1 here") // once, however often it is read
	if now := l.rule("run.oom"); now.Lower >= shipped.Lower {
		t.Errorf("a verdict of wrong left the bound at %.3f", now.Lower)
	}
	if untouched, other := l.rule("config.missing"), l.book().Rules(); untouched.Lower == 0 || len(other) < 2 {
		t.Errorf("%+v of %q", untouched, other)
	}
}
