package doctor

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestHaltSaysOneSentenceAndTheSameWhileTheCauseStands(t *testing.T) {
	s := newState()
	says := func(when time.Time, want string) {
		t.Helper()
		if got := s.sentence(when); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	says(noon, BeingProven)
	s.take(s.changes, proof{}, couldNot("the probe of restart did not report", errors.New("a")), noon)
	says(noon, notProven+"the probe of restart did not report")
	s.take(s.changes, proof{}, couldNot("the probe of restart did not report", errors.New("b")), noon)
	says(noon, notProven+"the probe of restart did not report")
	proven := proof{wall: &wall{}}
	s.take(s.changes, proven, nil, noon)
	says(noon, "")

	t.Log("an error leaves the proof in force until it is too old")
	s.take(s.changes, proof{}, couldNot("the API server does not answer", errors.New("a")), noon.Add(pace))
	says(noon.Add(pace), "")
	says(noon.Add(tooLong), "")
	says(noon.Add(tooLong+time.Second), notProven+"the last proof is too old")

	t.Log("a change voids it at once; the first name stands for all")
	s.take(s.changes, proven, nil, noon)
	s.touched("policy b", different)
	s.touched("binding a", missing)
	says(noon, notProven+"binding a is missing")
	s.take(s.changes, proof{wall: &wall{}, faults: map[string]string{"binding a": missing}}, nil, noon)
	says(noon, notProven+"binding a is missing")
	s.touched("binding a", "")
	says(noon, BeingProven)
	s.take(s.changes, proven, nil, noon)
	says(noon, "")

	t.Log("who cannot watch is halted, and no longer once he can")
	s.blind["policy b"] = true
	says(noon, notProven+"its policies cannot be watched")
	delete(s.blind, "policy b")
	says(noon, "")

	t.Log("a probe that gets through voids it")
	s.take(s.changes, proof{wall: &wall{}, fault: "policy p does not refuse host-network"}, nil, noon)
	says(noon, notProven+"policy p does not refuse host-network")

	t.Log("a proof does not vouch for what changed while it was made")
	before := s.changes
	s.touched("policy b", "")
	s.take(before, proven, nil, noon)
	says(noon, BeingProven)
	s.take(s.changes, proven, nil, noon)
	says(noon, "")

	t.Log("a change that shows no fault by itself voids the proof too")
	s.touched("policy b", "")
	says(noon, BeingProven)

	t.Log("a proof that came to no wall is none")
	s.take(s.changes, proof{}, nil, noon)
	says(noon, BeingProven)
}

func TestEveryChangeOfHaltIsTold(t *testing.T) {
	p := &Prover{changed: make(chan struct{}, 1), state: newState(), log: silent()}
	told := func() bool {
		select {
		case <-p.Changed():
			return true
		default:
			return false
		}
	}
	p.change(func(*state) {})
	if told() {
		t.Error("nothing changed, and it was told")
	}
	now := time.Now()
	p.change(func(s *state) { s.take(s.changes, proof{wall: &wall{}}, nil, now) })
	if !told() || p.Halt() != "" {
		t.Errorf("the first proof was not told, Halt says %q", p.Halt())
	}
	p.change(func(s *state) { s.take(s.changes, proof{wall: &wall{}}, nil, now) })
	if told() {
		t.Error("the second proof changed nothing, and it was told")
	}
	p.change(func(s *state) { s.touched("binding a", missing) })
	p.change(func(s *state) { s.touched("binding a", "") })
	if !told() || told() {
		t.Error("two changes that nobody took are not one")
	}
}

func TestTheZeroProofIsNone(t *testing.T) {
	if (proof{}).good() || (proof{wall: &wall{}, fault: "x"}).good() || (proof{wall: &wall{}, faults: map[string]string{"a": "b"}}).good() {
		t.Error("it passes for one")
	}
}

func TestLostAnswersAreAHaltOnlyAfterAWhile(t *testing.T) {
	lost := couldNot("the API server does not answer", &url.Error{Op: "Get", URL: "https://192.0.2.1/version", Err: errors.New("EOF")})
	refused := couldNot("the gate cannot try its own Job", apierrors.NewForbidden(schema.GroupResource{Resource: "jobs"}, "j", errors.New("no right")))
	failed := couldNot("the policies cannot be read", apierrors.NewInternalError(errors.New("etcd is away")))
	for _, err := range []error{lost, failed} {
		s := newState()
		s.take(s.changes, proof{}, err, noon)
		s.take(s.changes, proof{}, err, noon.Add(unsureFor-time.Second))
		if got := s.sentence(noon.Add(unsureFor)); got != BeingProven {
			t.Errorf("%v: %q", err, got)
		}
		s.take(s.changes, proof{}, err, noon.Add(unsureFor))
		if got := s.sentence(noon.Add(unsureFor)); !strings.HasPrefix(got, notProven) {
			t.Errorf("%v: %q after %s", err, got, unsureFor)
		}
		s.take(s.changes, proof{wall: &wall{}}, nil, noon.Add(2*unsureFor))
		s.touched("policy b", "")
		s.take(s.changes, proof{}, err, noon.Add(3*unsureFor))
		if got := s.sentence(noon.Add(3 * unsureFor)); got != BeingProven {
			t.Errorf("%v: what was lost before a proof counts: %q", err, got)
		}
	}
	s := newState()
	s.take(s.changes, proof{}, refused, noon)
	if got := s.sentence(noon); got != notProven+"the gate cannot try its own Job" {
		t.Errorf("a refusal is waited for: %q", got)
	}
}
