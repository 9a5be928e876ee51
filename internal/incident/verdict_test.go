package incident_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

var carol = incident.Person{ID: "U3", Team: "T1", Name: redact.Literal("Carol")}

var node = action.Ref{APIVersion: "v1", Kind: "Node", Name: "n1"}

// presses writes down a press that says v, and returns the verdict that the gate
// makes of it.
func (s *story) presses(p incident.Person, v incident.Verdict) incident.Verdict {
	s.t.Helper()
	said := v
	v.Click, v.By, v.At, v.Of = fmt.Sprintf("%s %d", p.ID, s.i.Version), p, s.now, s.i.Claimed()
	if v.Right {
		v.Cause, v.Root = v.Of.Cause, v.Of.Root
	}
	s.gate(&incident.Clicked{Click: v.Click, Verb: incident.Judge, Digest: v.Of.Digest(), Person: p, Genuine: true, Verdict: &said})
	return v
}

func (s *story) judges(p incident.Person, v incident.Verdict) {
	s.t.Helper()
	heard := s.presses(p, v)
	s.gate(&heard)
}

func (s *story) opinions() string {
	out := ""
	for _, o := range s.i.Opinions() {
		out += fmt.Sprintf("%d %v %s %s; ", len(o.By), o.Right, o.Cause, o.Root.Name)
	}
	return out
}

var wasTheNode = incident.Verdict{Cause: incident.NodeNotReady, Root: node}

func TestTheLastVerdictOfAPersonCounts(t *testing.T) {
	s, _ := offered(t, 1)
	s.judges(alice, incident.Verdict{Right: true})
	s.judges(bob, incident.Verdict{Right: true})
	s.judges(carol, wasTheNode)
	if got := s.opinions(); got != "2 true image-not-found web; 1 false node-not-ready n1; " {
		t.Fatal(got)
	}
	s.judges(alice, incident.Verdict{})
	s.judges(bob, wasTheNode)
	if got := s.opinions(); got != "2 false node-not-ready n1; 1 false  ; " || len(s.i.Verdicts) != 3 {
		t.Fatal(got)
	}
}

func TestAVerdictIsTheGates(t *testing.T) {
	s, _ := offered(t, 1)
	v := s.presses(alice, incident.Verdict{Right: true})
	s.refuses(incident.Watcher, &v, "does not belong")
	s.refuses(incident.Gate, &incident.Kept{Cause: incident.ImageNotFound}, "does not belong")
}

func TestAVerdictSaysWhatItsPressSaidAndNothingElse(t *testing.T) {
	s, _ := offered(t, 1)
	v := s.presses(alice, wasTheNode)
	for name, change := range map[string]func(*incident.Verdict){
		"another person":   func(v *incident.Verdict) { v.By = bob },
		"another press":    func(v *incident.Verdict) { v.Click = "x" },
		"another cause":    func(v *incident.Verdict) { v.Cause = incident.OOMKilled },
		"another root":     func(v *incident.Verdict) { v.Root.Name = "n2" },
		"that it is right": func(v *incident.Verdict) { v.Right, v.Cause, v.Root = true, v.Of.Cause, v.Of.Root },
		"more words":       func(v *incident.Verdict) { v.Words = redact.Literal("and more") },
	} {
		t.Run(name, func(t *testing.T) {
			other := v
			change(&other)
			if err := s.try(incident.Gate, &other); err == nil {
				t.Fatal("it was taken")
			}
		})
	}
	s.gate(&v)
	s.refuses(incident.Gate, &v, "without its click")
	// Who names in a form what the card claims says that it is right.
	same := s.presses(bob, incident.Verdict{Cause: incident.ImageNotFound, Root: action.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}})
	same.Right, same.Cause, same.Root = true, same.Of.Cause, same.Of.Root
	s.gate(&same)
	wrong := s.presses(carol, incident.Verdict{})
	wrong.Right, wrong.Cause, wrong.Root = true, wrong.Of.Cause, wrong.Of.Root
	s.refuses(incident.Gate, &wrong, "without its click")
}

func TestAVerdictThatMakesNoSenseIsUnfit(t *testing.T) {
	claim := incident.Claim{Cause: incident.ImageNotFound, Root: web}
	for name, c := range map[string]struct {
		v     incident.Verdict
		about incident.Claim
		fits  bool
	}{
		"right":                          {incident.Verdict{Right: true, Cause: claim.Cause, Root: web}, claim, true},
		"wrong":                          {incident.Verdict{}, claim, true},
		"it was another":                 {wasTheNode, claim, true},
		"it was another, whichever":      {incident.Verdict{Cause: incident.NodeNotReady}, claim, true},
		"it was, where nothing is known": {wasTheNode, incident.Claim{}, true},
		"right, where nothing is known":  {incident.Verdict{Right: true}, incident.Claim{}, false},
		"wrong, where nothing is known":  {incident.Verdict{}, incident.Claim{}, false},
		"right about another":            {incident.Verdict{Right: true, Cause: incident.OOMKilled, Root: web}, claim, false},
		"wrong, and it was the same":     {incident.Verdict{Cause: claim.Cause, Root: web}, claim, false},
		"a cause of no vocabulary":       {incident.Verdict{Cause: "<!channel>"}, claim, false},
		"a root and no cause":            {incident.Verdict{Root: node}, claim, false},
	} {
		if err := c.v.Unfit(c.about); (err == nil) != c.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// without is the state but for verdicts, and for what any event changes.
func without(t *testing.T, i incident.Incident) string {
	t.Helper()
	i.Verdicts, i.Sayings, i.Answered = nil, nil, nil
	i.Version, i.Head, i.Revision, i.Slots = 0, "", 0, nil
	raw, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Whatever people say that it was, offers, votes, decisions and what is due for
// them stay what they were.
func TestAVerdictAuthorisesNothing(t *testing.T) {
	for name, v := range map[string]incident.Verdict{"right": {Right: true}, "wrong": {}, "it was": wasTheNode} {
		t.Run(name, func(t *testing.T) {
			s, digest := offered(t, 2)
			s.votes(alice, incident.Approve, digest)
			s.posted()
			was := without(t, s.i)
			do, arg := s.acts()
			for _, p := range []incident.Person{alice, bob, carol} {
				s.judges(p, v)
			}
			if is := without(t, s.i); is != was {
				t.Fatalf("three verdicts changed\n%s\nto\n%s", was, is)
			}
			if nowDo, nowArg := s.acts(); nowDo != do || nowArg != arg {
				t.Fatalf("due %d %q after verdicts, %d %q before", nowDo, nowArg, do, arg)
			}
			s.refuses(incident.Gate, &incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 2}}, "1 of 2 votes")
			press := s.presses(bob, v)
			s.refuses(incident.Gate, &incident.Voted{Click: press.Click, Verb: incident.Judge, Digest: press.Of.Digest(), Person: bob}, "without its click")
			s.refuses(incident.Gate, &incident.Voted{Click: press.Click, Verb: incident.Approve, Digest: digest, Person: bob}, "without its click")
		})
	}
}

// A verdict that waits, because Slack does not say who pressed, stands in
// nobody's way.
func TestAVerdictThatWaitsHoldsUpNoVote(t *testing.T) {
	s, digest := offered(t, 1)
	s.presses(bob, incident.Verdict{Right: true})
	s.due(incident.Gate, incident.DoHear)
	s.gate(&incident.Clicked{Click: "k", Verb: incident.Approve, Digest: digest, Person: alice, Genuine: true})
	s.due(incident.Gate, incident.DoHear, incident.DoJudge)
	s.wants(incident.DoJudge, "k")
	s.gate(&incident.Voted{Click: "k", Verb: incident.Approve, Digest: digest, Person: alice})
	s.gate(&incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}})
	s.wants(incident.DoLaunch, "")
}

func TestAfterTheEndPeopleMayStillSayWhatItWas(t *testing.T) {
	s, digest := offered(t, 1)
	s.gate(&incident.Lapsed{Digest: digest, Why: "cleared"})
	s.watcher(&incident.Cleared{})
	s.watcher(&incident.Closed{Why: "cleared"})
	s.posted()
	s.refuses(incident.Gate, &incident.Clicked{Click: "k", Verb: incident.Approve, Digest: digest, Person: alice}, "after the incident is closed")
	s.refuses(incident.Gate, &incident.Refused{Click: "k"}, "after the incident is closed")
	s.refuses(incident.Watcher, &incident.Kept{}, "after the incident is closed")
	v := s.presses(alice, wasTheNode)
	s.due(incident.Gate, incident.DoHear)
	s.gate(&v)
	s.due(incident.Gate, incident.DoCard)
	s.posted()
	s.due(incident.Gate)
	no := s.presses(bob, incident.Verdict{})
	s.gate(&incident.Refused{Click: no.Click, Reason: redact.Literal("guests may not do this")})
	s.due(incident.Gate)
	if len(s.i.Verdicts) != 1 || s.i.Closed != "cleared" {
		t.Fatalf("%+v, closed %q", s.i.Verdicts, s.i.Closed)
	}
}

func TestAPressIsWrittenDownOnce(t *testing.T) {
	s, _ := offered(t, 1)
	click := incident.Clicked{Click: "k", Verb: incident.Judge, Digest: s.i.Claimed().Digest(), Person: alice, Verdict: &incident.Verdict{}}
	s.gate(&click)
	s.refuses(incident.Gate, &click, "written down already")
	click.Click, click.Verdict = "j", nil
	s.refuses(incident.Gate, &click, "says none")
}

func TestWhatIsNoIncidentIsNotJudged(t *testing.T) {
	s := newStory(t)
	s.gate(&incident.Asked{Subject: web, Person: alice, Channel: "C1"})
	s.diagnosed(incident.ImageNotFound)
	s.refuses(incident.Gate, &incident.Clicked{Click: "k", Verb: incident.Judge, Person: alice, Verdict: &incident.Verdict{}}, "no incident")
}

func TestWhatTheRulesSawIsKeptOnceForWhatWasAnnounced(t *testing.T) {
	s := newStory(t)
	s.open()
	s.diagnosed(incident.ImageNotFound)
	s.ran["1:1"] = s.now
	s.due(incident.Watcher)
	s.posted()
	s.due(incident.Watcher, incident.DoKeep)
	s.watcher(&incident.Kept{Cause: incident.ImageNotFound, Root: web, Rule: "image", Subject: web})
	s.due(incident.Watcher)
	s.diagnosed(incident.OOMKilled)
	s.due(incident.Watcher, incident.DoKeep)
	s.watcher(&incident.Kept{Cause: incident.OOMKilled, Root: web, Missing: redact.Literal("too large")})
	s.due(incident.Watcher)
	for n := range 3 {
		err := s.try(incident.Watcher, &incident.Kept{Cause: incident.Cause(fmt.Sprint(n)), Root: web})
		if (err != nil) != (n == 2) {
			t.Fatalf("snapshot %d: %v", n+3, err)
		}
	}
	if k := s.i.Kept[0]; k.Version != 4 || k.Of.Cause != incident.ImageNotFound {
		t.Fatalf("%+v", k)
	}
}
