package respond

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

func workload(name string) action.Ref {
	return action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: name, UID: "u-" + name}
}

var secret = action.Ref{APIVersion: "v1", Kind: "Secret", Namespace: "shop", Name: "db"}

// fails opens the incident of a workload that fails for a cause, and returns its
// id.
func (s *sky) fails(name string, cause incident.Cause, root action.Ref) incident.ID {
	s.t.Helper()
	id := incident.ID("i" + name)
	if _, _, err := s.watcher.Open(s.t.Context(), id, name, &incident.Opened{Fingerprint: name, Signal: incident.Signal{Subject: workload(name)}}); err != nil {
		s.t.Fatal(err)
	}
	s.says(id, &incident.Collected{
		Digest: action.Hash(strings.Repeat("a", 64)), Diagnosis: incident.Diagnosis{Cause: cause, Object: workload(name), Root: root},
	})
	return id
}

func (s *sky) says(id incident.ID, b incident.Body) {
	s.t.Helper()
	if err := s.watcher.Append(s.t.Context(), id, b); err != nil {
		s.t.Fatal(err)
	}
}

// names are the subjects that the card of id names, and how many more.
func (s *sky) names(id incident.ID) (n, more int) {
	s.t.Helper()
	i, err := s.watcher.Load(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return len(i.Gathered.Subjects), i.Gathered.More
}

func (s *sky) posted(want int, why string) {
	s.t.Helper()
	if posts, _, _ := s.stands(); posts != want {
		s.t.Fatalf("%s: %d cards, want %d", why, posts, want)
	}
}

func TestOneCauseIsOneCardWhoeverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSky(t, store.Memory(time.Now))
		defer s.stop()
		first := s.fails("api", incident.SecretMissing, secret)
		time.Sleep(2 * time.Second)
		var rest []incident.ID
		for n := range 40 {
			rest = append(rest, s.fails(fmt.Sprintf("web-%02d", n), incident.SecretMissing, secret))
		}
		s.fails("other", incident.ImageNotFound, workload("other"))
		time.Sleep(time.Minute)
		s.posted(2, "one for the Secret, one for the image")
		if n, more := s.names(first); n != maxGathered || n+more != 40 {
			t.Errorf("the card names %d and %d more, want 40 in all", n, more)
		}
		for _, id := range rest[5:] {
			s.says(id, &incident.Cleared{})
		}
		time.Sleep(2 * time.Minute)
		if n, more := s.names(first); n != 5 || more != 0 {
			t.Errorf("35 healed; the card names %d and %d more", n, more)
		}
		s.says(first, &incident.Cleared{})
		time.Sleep(30 * time.Second)
		s.posted(2, "those that it named have time to heal with it")
		time.Sleep(2 * time.Minute)
		s.posted(3, "what still fails is told, once")
	})
}

func TestWhatHealsWithTheCauseIsNeverTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSky(t, store.Memory(time.Now))
		defer s.stop()
		first := s.fails("api", incident.SecretMissing, secret)
		time.Sleep(2 * time.Second)
		second := s.fails("web", incident.SecretMissing, secret)
		time.Sleep(time.Minute)
		s.says(first, &incident.Cleared{})
		time.Sleep(released / 2)
		s.says(second, &incident.Cleared{})
		time.Sleep(time.Hour)
		s.posted(1, "both healed")
	})
}

func TestWhatWaitsForABrokenDependencyIsNamedOnItsCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSky(t, store.Memory(time.Now))
		defer s.stop()
		cache := s.fails("cache", incident.ImageNotFound, workload("cache"))
		time.Sleep(2 * time.Second)
		s.fails("api", incident.DependencyUnavailable, workload("cache"))
		time.Sleep(2 * time.Second)
		s.fails("web", incident.DependencyUnavailable, workload("api"))
		time.Sleep(5 * time.Minute)
		s.posted(1, "the cache's card names the api and what waits for that")
		if n, _ := s.names(cache); n != 2 {
			t.Errorf("the cache's card names %d", n)
		}
	})
}

func TestARestartMakesNoSecondCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := store.Memory(time.Now)
		s := newSky(t, st)
		first := s.fails("api", incident.SecretMissing, secret)
		time.Sleep(2 * time.Second)
		s.fails("web", incident.SecretMissing, secret)
		time.Sleep(time.Minute)
		s.stop()
		again := newSky(t, st)
		defer again.stop()
		time.Sleep(5 * time.Minute)
		again.posted(0, "both are told")
		if n, _ := again.names(first); n != 1 {
			t.Errorf("the card names %d after the restart", n)
		}
	})
}

func TestOfTwoThatAskAtOnceOneHasTheCard(t *testing.T) {
	now := noon
	g := &Gather{Now: func() time.Time { return now }}
	finding := func(name string) incident.Incident {
		return incident.Incident{ID: incident.ID(name), Subject: workload(name), Diagnosis: &incident.Diagnosis{Cause: incident.SecretMissing, Root: secret}}
	}
	a, b := finding("a"), finding("b")
	if g.Joins(a) || !g.Joins(b) || g.Joins(a) {
		t.Fatal("the first has the card, also after its post failed; the second joins it")
	}
	now = now.Add(forgotten) // the first healed before its card was posted
	if g.Joins(b) {
		t.Error("what nobody tells is joined")
	}
	unproven := finding("c")
	unproven.Diagnosis = &incident.Diagnosis{Cause: incident.Unknown, Root: secret}
	question := finding("d")
	question.Inquiry = &incident.Asked{}
	if g.Joins(unproven) || g.Joins(question) {
		t.Error("an unproven finding or a person's question is told elsewhere")
	}
}
