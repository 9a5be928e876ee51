package chat

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

const (
	fixtureID  = incident.ID("i0123456789ab")
	fixtureUID = "0b0f2e1c-9f3a-4c57-8a34-5d1f0e6c7a11"
	otherUID   = "7c1d9a52-0000-4c57-8a34-5d1f0e6c7a22"
)

func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

func hashOf(c byte) action.Hash { return action.Hash(bytes.Repeat([]byte{c}, 64)) }

func cardKey() []byte { return bytes.Repeat([]byte{7}, 32) }

func cart() action.Ref {
	return action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart", UID: fixtureUID}
}

func setImage() action.Action {
	return action.Action{Kind: action.SetImage, Target: cart(), Bound: hashOf('b'), Params: action.Params{
		SetImage: &action.SetImageParams{Container: "cart", From: "registry.example/cart:v2-typo", To: "registry.example/cart:v1"},
	}}
}

func restart() action.Action {
	return action.Action{Kind: action.Restart, Target: cart(), Bound: hashOf('b'), Params: action.Params{
		Restart: &action.RestartParams{At: "2026-11-20T12:00:00Z"},
	}}
}

var (
	alice = incident.Person{ID: "U0000ALICE", Team: "T0000ACME", Name: redact.Literal("Alice Moreau")}
	bob   = incident.Person{ID: "U00000BOB0", Team: "T0000ACME", Name: redact.Literal("Bob Adeyemi")}
)

// story builds an incident by events, as the loop does.
type story struct {
	t  testing.TB
	i  incident.Incident
	at time.Time
}

func tell(t testing.TB) *story {
	t.Helper()
	s := &story{t: t, at: noon()}
	s.add(&incident.Opened{Fingerprint: "f", Signal: incident.Signal{
		Symptom: incident.SymptomImagePull, Object: cart(), Subject: cart(),
		Message: redact.Literal("the image registry.example/cart:v2-typo cannot be pulled"), Since: noon(),
	}})
	return s
}

func (s *story) add(bodies ...incident.Body) *story {
	s.t.Helper()
	for _, b := range bodies {
		s.at = s.at.Add(time.Second)
		role := incident.Gate
		switch b.(type) {
		case *incident.Opened, *incident.Signalled, *incident.Collected, *incident.Explaining, *incident.Explained,
			*incident.Cleared, *incident.Observed, *incident.Concluded, *incident.Closed:
			role = incident.Watcher
		}
		next, err := s.i.Apply(incident.Event{Incident: fixtureID, At: s.at, Role: role, Type: b.Type(), Body: b})
		if err != nil {
			s.t.Fatalf("the story does not go on: %v", err)
		}
		s.i = next
	}
	return s
}

func diagnosis() incident.Diagnosis {
	return incident.Diagnosis{
		Cause: incident.ImageNotFound, Root: cart(), Object: cart(), Rule: "image-not-found",
		Summary:    redact.Literal("The registry has no tag v2-typo of registry.example/cart."),
		Confidence: incident.Confidence{Value: 1, Lower: 1, Basis: redact.Literal("not measured")},
		Cites:      []string{"e1", "e2"},
		RuledOut:   []redact.Text{redact.Literal("the registry cannot be reached: it answered [e2]")},
		Candidates: []incident.Candidate{{Action: setImage(), Why: redact.Literal("goes back to image registry.example/cart:v1, which revision 2 ran")}},
		Steps: []redact.Text{
			redact.Literal("Push the tag v2-typo, or correct the tag in the Deployment."),
			redact.Literal("kubectl -n shop rollout status deployment/cart"),
		},
		Ready: 2, Desired: 3,
	}
}

func evidence() []incident.Evidence {
	return []incident.Evidence{
		{ID: "e1", Kind: "status", Source: cart(), Where: redact.Literal("container cart"), Text: redact.Literal("ImagePullBackOff: Back-off pulling image"), At: noon()},
		{ID: "e2", Kind: "event", Source: cart(), Text: redact.Literal("Failed to pull image: manifest unknown <!channel> ```"), At: noon()},
		{ID: "e3", Kind: "spec", Source: cart(), Text: redact.Literal("replicas: 3"), At: noon()},
	}
}

func (s *story) looked(d incident.Diagnosis) *story {
	s.t.Helper()
	return s.add(&incident.Collected{Evidence: evidence(), Digest: hashOf('e'), Diagnosis: d})
}

func (s *story) rehearsing(a action.Action) *story {
	s.t.Helper()
	n := len(s.i.Attempts) + 1
	return s.add(&incident.Rehearsing{Attempt: n, Basis: s.i.Diagnosis.Basis(), Candidate: incident.Candidate{Action: a, Why: redact.Literal("goes back to image registry.example/cart:v1, which revision 2 ran")}, Job: "cs-r1"})
}

const imageDiff = `@@ -20,7 +20,7 @@
       containers:
-      - image: registry.example/cart:v2-typo
+      - image: registry.example/cart:v1
         name: cart`

func (s *story) rehearsed() *story {
	s.t.Helper()
	return s.add(&incident.Rehearsed{Attempt: len(s.i.Attempts), Report: incident.ExecutorReport{
		State: incident.StateRehearsed, UID: fixtureUID, Before: hashOf('b'), After: hashOf('a'),
	}}).diff(imageDiff)
}

// diff sets the diff of the last report; the story's own texts are constants.
func (s *story) diff(text string) *story {
	s.i.Current().Report.Diff = redact.New(redact.Config{}).Redact(text)
	return s
}

func (s *story) proposed(a action.Action, quorum int, button bool) *story {
	s.t.Helper()
	terms := action.NewTerms(a, hashOf('c'), noon().Add(15*time.Minute))
	digest, err := terms.Digest()
	if err != nil {
		s.t.Fatal(err)
	}
	return s.add(&incident.Proposed{
		Attempt: len(s.i.Attempts), Terms: terms, Digest: digest, Button: button,
		Decision:  incident.Decision{Allow: true, Quorum: quorum, Risk: "medium", Reasons: []redact.Text{redact.Literal("the kind and the namespace are allowed")}},
		Approvers: []redact.Text{redact.Name("U0000ALICE"), redact.Name("S0000ONCALL")},
	})
}

// offered is a story up to the offer.
func offered(t testing.TB, quorum int, button bool) *story {
	t.Helper()
	return tell(t).looked(diagnosis()).rehearsing(setImage()).rehearsed().proposed(setImage(), quorum, button)
}

func (s *story) vote(p incident.Person, verb incident.Verb) *story {
	s.t.Helper()
	click := fmt.Sprintf("c%d", s.i.Revision)
	digest := action.Hash("")
	if cur := s.i.Current(); cur != nil && cur.Proposed != nil {
		digest = cur.Proposed.Digest
	}
	return s.add(
		&incident.Clicked{Click: click, Verb: verb, Digest: digest, Person: p, Genuine: true},
		&incident.Voted{Click: click, Verb: verb, Digest: digest, Person: p},
	)
}

func (s *story) decided(allow bool, reasons ...redact.Text) *story {
	s.t.Helper()
	quorum := 0
	if allow {
		quorum = 1
	}
	return s.add(&incident.Decided{Digest: s.i.Current().Proposed.Digest, Decision: incident.Decision{Allow: allow, Quorum: quorum, Reasons: reasons}})
}

func (s *story) launched() *story {
	s.t.Helper()
	name, err := action.JobName(action.Apply, s.i.Current().Proposed.Terms, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.add(&incident.Launched{Digest: s.i.Current().Proposed.Digest, Job: name})
}

func (s *story) executed(state string, reason redact.Text) *story {
	s.t.Helper()
	return s.add(&incident.Executed{Job: s.i.Current().Launched.Job, Report: incident.ExecutorReport{State: state, Reason: reason}})
}

func (s *story) verify(ready int) *story {
	s.t.Helper()
	return s.add(&incident.Observed{Ready: ready, Desired: 3, Healthy: ready == 3, Execution: s.i.Current().Launched.Job, Progress: true})
}

func (s *story) concluded(r incident.Result, summary redact.Text) *story {
	s.t.Helper()
	return s.add(&incident.Concluded{Execution: s.i.Current().Launched.Job, Result: r, Summary: summary})
}

func (s *story) applied() *story {
	s.t.Helper()
	return s.vote(alice, incident.Approve).decided(true).launched().executed(incident.StateApplied, redact.Text{})
}

func redactName(s string) redact.Text { return redact.Name(s) }
