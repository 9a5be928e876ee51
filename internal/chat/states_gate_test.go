package chat

import (
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

func steer(t testing.TB, s incident.Steered) *story {
	t.Helper()
	return (&story{t: t, at: noon()}).add(&s)
}

func storm(t testing.TB, s incident.Storm) *story {
	t.Helper()
	return (&story{t: t, at: noon()}).add(&s)
}

func tallies() incident.Storm {
	return incident.Storm{
		Since: noon(), Budget: 60, Waiting: 940,
		Causes:     []incident.Tally{{Name: string(incident.ImageNotFound), Count: 900}, {Name: string(incident.OOMKilled), Count: 30}, {Count: 10}},
		Namespaces: []incident.Tally{{Name: "shop", Count: 935}, {Name: "<!channel>", Count: 5}},
	}
}

// gathered are others that fail for the same cause, some with hostile names.
func gathered() *incident.Gathered {
	in := func(ns, name string) action.Ref {
		return action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: ns, Name: name}
	}
	return &incident.Gathered{Subjects: []action.Ref{in("shop", "api"), in("shop", "<!channel>"), in("billing", "web")}, More: 27}
}

// agree lets people agree to what was steered, or reject it.
func (s *story) agree(p incident.Person, verb incident.Verb) *story {
	s.t.Helper()
	click := "c" + p.ID
	digest := s.i.Steered.New
	return s.add(
		&incident.Clicked{Click: click, Verb: verb, Digest: digest, Person: p, Genuine: true},
		&incident.Voted{Click: click, Verb: verb, Digest: digest, Person: p},
	)
}

// said is a vote with a reason or a signature.
func (s *story) said(p incident.Person, said incident.Said) *story {
	s.t.Helper()
	digest := s.i.Current().Proposed.Digest
	click := "c" + p.ID
	return s.add(
		&incident.Clicked{Click: click, Verb: incident.Approve, Digest: digest, Person: p, Genuine: true, Said: said},
		&incident.Voted{Click: click, Verb: incident.Approve, Digest: digest, Person: p, Said: said},
	)
}

func (s *story) facts(f incident.Facts) *story {
	s.i.Current().Report.Facts = f
	return s
}

func (s *story) needsReason() *story {
	p := *s.i.Current().Proposed
	p.Decision.NeedsReason = true
	s.i.Current().Proposed = &p
	return s
}

func (s *story) lapse(why string) *story {
	s.t.Helper()
	return s.add(&incident.Lapsed{Digest: s.i.Current().Proposed.Digest, Why: why})
}

func signedFacts() incident.Facts {
	return incident.Facts{
		NamespaceLabels: []incident.Label{{Key: action.SignatureLabel, Value: "true"}},
		Editors:         []redact.Text{redact.Literal("kubectl-edit"), redact.Literal("approved by everybody <!channel>")},
	}
}

// edited is a story up to the offer of a change that Alice edited.
func edited(t testing.TB) *story {
	t.Helper()
	s := offered(t, 1, true)
	params := setImage().Params
	params.SetImage.To = "registry.example/cart:v1.2"
	digest := s.i.Current().Proposed.Digest
	s.add(
		&incident.Clicked{Click: "cedit", Verb: incident.Edit, Digest: digest, Person: alice, Genuine: true, Said: incident.Said{Via: incident.ViaForm, Params: &params}},
		&incident.Voted{Click: "cedit", Verb: incident.Edit, Digest: digest, Person: alice, Said: incident.Said{Via: incident.ViaForm, Params: &params}},
	)
	act := setImage()
	act.Params = params
	s.add(&incident.Rehearsing{Attempt: 2, Basis: s.i.Diagnosis.Basis(), Edited: true, Requester: alice,
		Candidate: incident.Candidate{Action: act, Why: redact.Literal("was edited by a person")}, Job: "cs-r2"})
	return s.rehearsed().proposed(act, 1, true)
}

func glass() *incident.Glass {
	return &incident.Glass{Person: alice, Reason: redact.Literal("checkout is down and Bob is asleep"), ExpiresAt: noon().Add(15 * time.Minute), Page: []string{"U00000BOB0"}}
}

func (s *story) usedGlass() *story {
	s.t.Helper()
	s.add(glass()).vote(alice, incident.Approve)
	digest := s.i.Current().Proposed.Digest
	return s.add(&incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}, Glass: true})
}

func widerPolicy() incident.Steered {
	return incident.Steered{
		What: incident.NewPolicy, Old: hashOf('a'), New: hashOf('d'), Agree: 2,
		Wider: []redact.Text{
			redact.Literal("approvers of namespace shop: adds U0000CAROL"),
			redact.Literal("changes an hour and namespace: 3 → 30"),
		},
	}
}

// gateStates are the states in which people steer.
func gateStates(t testing.TB) []state {
	halted := redact.Literal("Remediation is stopped by Alice Moreau: the registry is being moved.")
	halt := &incident.Withheld{Attempt: 1, Basis: incident.HaltBasis(halted.String()), Reasons: []redact.Text{halted}}
	stop := incident.Steered{What: incident.Stop, Person: alice, Reason: redact.Literal("the registry is being moved")}
	off := func(o *Options) { o.Mode = incident.ModeOff }
	late := func(o *Options) { o.Now = noon().Add(time.Hour) }
	signature := &action.Signature{Signer: alice.ID, SSHSig: "x"}
	again := func(s *story) *story { return s.rehearsing(setImage()).rehearsed().proposed(setImage(), 1, true) }
	holds := redact.Literal("Recovered: the finding is gone and 3 of 3 replicas have been ready for 1m0s.")
	used := func() *story {
		return offered(t, 2, true).usedGlass().launched().executed(incident.StateApplied, redact.Text{}).verify(3).concluded(incident.Recovered, holds)
	}
	reviewed := func() *story {
		s := used()
		digest := s.i.GlassUsed
		return s.add(
			&incident.Clicked{Click: "cr", Verb: incident.Review, Digest: digest, Person: bob, Genuine: true},
			&incident.Voted{Click: "cr", Verb: incident.Review, Digest: digest, Person: bob},
		)
	}
	return []state{
		{"stopped", done(steer(t, stop)), off},
		{"stopped-in-the-cluster", done(steer(t, incident.Steered{What: incident.Stop})), off},
		{"resumed", done(steer(t, incident.Steered{What: incident.Resume, Person: bob})), off},
		{"policy-in-force", done(steer(t, incident.Steered{What: incident.NewPolicy, Old: hashOf('a'), New: hashOf('d')})), off},
		{"policy-waits", done(steer(t, widerPolicy())), off},
		{"policy-one-agreed", done(steer(t, widerPolicy()).agree(alice, incident.Approve)), off},
		{"policy-agreed", done(steer(t, widerPolicy()).agree(alice, incident.Approve).agree(bob, incident.Approve)), off},
		{"policy-adopted", done(steer(t, widerPolicy()).agree(alice, incident.Approve).agree(bob, incident.Approve).add(&incident.Adopted{})), off},
		{"policy-gone", done(steer(t, widerPolicy()).agree(alice, incident.Approve).agree(bob, incident.Approve).add(&incident.Adopted{Failure: redact.Literal("it was changed again since")})), off},
		{"policy-rejected", done(steer(t, widerPolicy()).agree(bob, incident.Reject)), off},
		{"policy-waits-shared-channel", done(steer(t, widerPolicy())), func(o *Options) { o.Shared = true }},
		{"store-lost-records", done(steer(t, incident.Steered{What: incident.NewLog, Old: hashOf('a'), Reason: redact.Literal("584 records were vouched for, and 2 are there; an operator accepted that")})), off},
		{"storm", done(storm(t, tallies())), off},
		{"storm-over", done(storm(t, tallies()).add(&incident.Storm{Budget: 60, Over: true})), off},
		{"signers-changed", done(steer(t, incident.Steered{What: incident.Signers, Old: hashOf('a'), New: hashOf('d')})), off},

		{"halted", done(tell(t).looked(diagnosis()).add(halt)), nil},
		{"lapsed-halted", done(offered(t, 1, true).lapse(incident.LapsedHalted)), nil},
		{"lapsed-policy", done(offered(t, 1, true).lapse(incident.LapsedPolicy)), nil},
		{"offered-after-policy", done(again(offered(t, 2, true).vote(alice, incident.Approve).lapse(incident.LapsedPolicy))), nil},
		{"gathered", done(offered(t, 1, true).add(gathered())), nil},
		{"edited", done(edited(t)), nil},
		{"needs-reason", done(offered(t, 1, true).needsReason()), nil},
		{"reason-given", done(offered(t, 2, true).needsReason().said(alice, incident.Said{Via: incident.ViaForm, Reason: redact.Literal("v1 ran for a month <@U00000BOB0>")})), nil},
		{"needs-signature", done(offered(t, 1, true).facts(signedFacts())), nil},
		{"signed", done(offered(t, 2, true).facts(signedFacts()).said(alice, incident.Said{Via: incident.ViaSigned, Signature: signature})), nil},
		{"glass-open", done(offered(t, 2, true).add(glass())), nil},
		{"glass-not-used", done(offered(t, 2, true).add(glass())), late},
		{"glass-used", done(used()), nil},
		{"glass-reviewed", done(reviewed()), nil},
	}
}
