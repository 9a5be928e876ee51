package policy

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/policies"
)

func now() time.Time { return time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC) }

func settings() Settings {
	s := DefaultSettings()
	s.Approvers = map[string][]string{"*": {"U1"}, "pay": {"S9"}, "nobody": {}}
	s.PerHour = 2
	return s
}

func engine(t testing.TB, source string, s Settings) *Engine {
	t.Helper()
	e, err := New(context.Background(), source, s, redact.New(redact.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func person(id string) incident.Person { return incident.Person{ID: id, Team: "T1"} }

// question is one that the policy answers with yes, at each stage.
func question(stage Stage) Input {
	in := Input{
		Stage: stage, Now: now(), Mode: incident.ModeApprove, Cause: incident.ImageNotFound,
		Action:     action.Action{Kind: action.SetImage, Target: action.Ref{Kind: "Deployment", Namespace: "shop", Name: "cart"}},
		Confidence: incident.Confidence{Value: 1, Lower: 0.93, Measured: true},
		Rehearsed:  true,
	}
	switch stage {
	case Approve:
		in.Verb, in.Voter = incident.Approve, incident.Identity{Person: person("U1"), Member: true}
	case Execute:
		in.Approvals = []incident.Person{person("U1")}
	}
	return in
}

func TestDecideAnswersAtEveryStage(t *testing.T) {
	e := engine(t, policies.Source, settings())
	for _, c := range []struct {
		name   string
		stage  Stage
		but    func(*Input)
		denies string // the reason; empty: it allows
		quorum int
	}{
		{name: "a proposal passes", stage: Propose, quorum: 1},
		{name: "an approver's press counts", stage: Approve, quorum: 1},
		{name: "an approved change is executed", stage: Execute, quorum: 1},
		{name: "no mode is off", stage: Propose, but: func(in *Input) { in.Mode = "" }, denies: "remediation is off"},
		{name: "mode off denies", stage: Execute, but: func(in *Input) { in.Mode = incident.ModeOff }, denies: "remediation is off"},
		{name: "mode propose proposes", stage: Propose, but: func(in *Input) { in.Mode = incident.ModePropose }, quorum: 1},
		{name: "mode propose takes no press", stage: Approve, but: func(in *Input) { in.Mode = incident.ModePropose }, denies: "proposed here, not executed"},
		{name: "a protected namespace stays as it is", stage: Execute, but: func(in *Input) { in.Action.Target.Namespace = "kube-system" }, denies: "is protected"},
		{name: "a kind that is not in the catalogue is denied", stage: Propose, but: func(in *Input) { in.Action.Kind = "scale" }, denies: "not enabled"},
		{name: "what nobody measured is not offered", stage: Propose, but: func(in *Input) { in.Confidence = incident.Confidence{} }, denies: "is not measured"},
		{name: "what is too uncertain is not offered", stage: Propose, but: func(in *Input) { in.Confidence.Lower = 0.7499 }, denies: "below the floor"},
		{name: "the floor itself passes", stage: Propose, but: func(in *Input) { in.Confidence.Lower = 0.75 }, quorum: 1},
		{name: "an undo asks for no confidence", stage: Propose, but: func(in *Input) { in.Confidence, in.Undo = incident.Confidence{}, true }, quorum: 1},
		{name: "GitOps owns it", stage: Propose, but: func(in *Input) { in.Facts.ManagedBy = redact.Literal("Flux") }, denies: "managed by Flux"},
		{name: "a stranger's press does not count", stage: Approve, but: func(in *Input) { in.Voter.Person = person("U2") }, denies: "not among the approvers"},
		{name: "a namespace's list replaces the general one", stage: Approve, but: func(in *Input) { in.Action.Target.Namespace = "pay" }, denies: "not among the approvers"},
		{name: "a group on the list counts", stage: Approve, but: func(in *Input) { in.Action.Target.Namespace, in.Voter.Groups = "pay", []string{"S9"} }, quorum: 1},
		{name: "an empty list means nobody", stage: Approve, but: func(in *Input) { in.Action.Target.Namespace = "nobody" }, denies: "nobody is named"},
		{name: "nobody approves what they asked for", stage: Approve, but: func(in *Input) { in.Requester = person("U1") }, denies: "who asked"},
		{name: "without a press nothing happens", stage: Execute, but: func(in *Input) { in.Approvals = nil }, denies: "0 of 1 approvals"},
		{name: "what was not rehearsed is not executed", stage: Execute, but: func(in *Input) { in.Rehearsed = false }, denies: "not rehearsed"},
		{name: "a cut diff needs a second person", stage: Execute, but: func(in *Input) { in.DiffCut = true }, denies: "1 of 2 approvals"},
		{name: "one person twice is one person", stage: Execute, but: func(in *Input) {
			in.DiffCut, in.Approvals = true, []incident.Person{person("U1"), person("U1")}
		}, denies: "1 of 2 approvals"},
		{name: "two people are two", stage: Execute, but: func(in *Input) {
			in.DiffCut, in.Approvals = true, []incident.Person{person("U1"), person("U2")}
		}, quorum: 2},
		{name: "the hour's quota holds", stage: Execute, but: func(in *Input) {
			in.History = []Execution{{"a", "shop", now().Add(-time.Minute)}, {"b", "shop", now().Add(-59 * time.Minute)}}
		}, denies: "2 changes were made"},
		{name: "what is older or elsewhere does not count", stage: Execute, but: func(in *Input) {
			in.History = []Execution{{"a", "shop", now().Add(-61 * time.Minute)}, {"b", "pay", now()}, {"c", "shop", now()}}
		}, quorum: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := question(c.stage)
			if c.but != nil {
				c.but(&in)
			}
			d, err := e.Decide(t.Context(), in)
			switch {
			case err != nil:
				t.Fatal(err)
			case d.Allow != (c.denies == "") || d.Allow == (len(d.Reasons) > 0):
				t.Errorf("%+v", d)
			case c.denies != "" && !slices.ContainsFunc(d.Reasons, func(r redact.Text) bool { return strings.Contains(r.String(), c.denies) }):
				t.Errorf("no reason says %q: %v", c.denies, d.Reasons)
			case c.quorum != 0 && d.Quorum != c.quorum:
				t.Errorf("quorum %d, want %d", d.Quorum, c.quorum)
			case d.PolicyDigest != e.Digest() || len(d.InputDigest) != 64:
				t.Errorf("digests %q and %q", d.PolicyDigest, d.InputDigest)
			}
		})
	}
}

func TestZeroValuesDeny(t *testing.T) {
	if (incident.Decision{}).Allow {
		t.Error("the zero Decision allows")
	}
	for name, s := range map[string]Settings{"default settings": DefaultSettings(), "settings of a test": settings()} {
		for _, stage := range []Stage{"", Propose, Approve, Execute, "else"} {
			if d, err := engine(t, policies.Source, s).Decide(t.Context(), Input{Stage: stage}); err != nil || d.Allow || len(d.Reasons) == 0 {
				t.Errorf("%s, stage %q: %+v %v", name, stage, d, err)
			}
		}
	}
	for _, stage := range []Stage{Propose, Approve, Execute} {
		if d, _ := engine(t, policies.Source, Settings{}).Decide(t.Context(), question(stage)); d.Allow {
			t.Errorf("zero settings allow at stage %s", stage)
		}
	}
}

func TestAQuestionOfNoStageIsDenied(t *testing.T) {
	e := engine(t, policies.Source, settings())
	for _, stage := range []Stage{"", "PROPOSE", "else"} {
		in := question(Execute)
		in.Stage = stage
		if d, err := e.Decide(t.Context(), in); err != nil || d.Allow {
			t.Errorf("stage %q: %+v %v", stage, d, err)
		}
	}
}
