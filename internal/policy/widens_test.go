package policy

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/policies"
)

// rich has something to lose and to gain in every key.
func rich() Settings {
	return Settings{
		Approvers:     map[string][]string{"*": {"U1"}, "pay": {"U2"}},
		TeamApprovers: map[string][]string{"tills": {"U3"}}, RiskApprovers: map[string][]string{"high": {"U4"}},
		BreakGlass: []string{"U5"}, Protected: []string{"kube-system"},
		Kinds: []action.Kind{action.Restart}, NamespaceKinds: map[string][]action.Kind{"pay": {}},
		Floor: 0.75, Quorum: map[string]int{"low": 1, "medium": 2, "high": 3},
		ReasonFor: ReasonFor{Risks: []string{"high"}, Namespaces: []string{"pay"}}, MaxPods: MaxPods{High: 5, Deny: 20},
		PerHour: 4, NamespacePerHour: map[string]int{"pay": 1},
		Freezes: []Freeze{{Name: "weekend", Weekly: "Fri 16:00–Mon 08:00 UTC"}},
	}.whole()
}

func TestWhatMakesItEasierIsSaidInASentence(t *testing.T) {
	touched := map[string]bool{}
	for _, c := range []struct {
		key    string
		change func(*Settings)
		want   []string
	}{
		{"approvers", func(s *Settings) { s.Approvers["*"] = []string{"U1", "U9", "U9"} }, []string{"U9 becomes an approver of all namespaces without a list of their own"}},
		{"approvers", func(s *Settings) { s.Approvers["pay"] = []string{"U9"} }, []string{"U9 becomes an approver of namespace pay"}},
		{"approvers", func(s *Settings) { s.Approvers["web"] = []string{"U1", "U2"} }, []string{"namespace web gets approvers of its own: U1, U2"}},
		{"approvers", func(s *Settings) { delete(s.Approvers, "pay") }, []string{"namespace pay has no approvers of its own any more, so that those of its team or the general ones approve there"}},
		{"teamApprovers", func(s *Settings) { s.TeamApprovers["web"] = []string{"U9"} }, []string{"U9 becomes an approver of team web"}},
		{"riskApprovers", func(s *Settings) { s.RiskApprovers["high"] = []string{"U4", "U9"} }, []string{"U9 may approve changes of high risk"}},
		{"riskApprovers", func(s *Settings) { delete(s.RiskApprovers, "high") }, []string{"every approver may approve changes of high risk"}},
		{"breakGlass", func(s *Settings) { s.BreakGlass = []string{"U5", "U9"} }, []string{"U9 may break glass"}},
		{"protected", func(s *Settings) { s.Protected = nil }, []string{"namespace kube-system is no longer protected"}},
		{"kinds", func(s *Settings) { s.Kinds = append(s.Kinds, action.SetImage) }, []string{"actions of kind set-image are enabled"}},
		{"namespaceKinds", func(s *Settings) { delete(s.NamespaceKinds, "pay") }, []string{"actions of kind restart are enabled in namespace pay"}},
		{"namespaceKinds", func(s *Settings) { s.NamespaceKinds["web"] = []action.Kind{action.Rollback} }, []string{"actions of kind rollback are enabled in namespace web"}},
		{"floor", func(s *Settings) { s.Floor = 0.5 }, []string{"the confidence floor goes down from 0.75 to 0.5"}},
		{"quorum", func(s *Settings) { s.Quorum["high"] = 1 }, []string{"changes of high risk need 1 instead of 3 approvals"}},
		{"quorum", func(s *Settings) { delete(s.Quorum, "high") }, []string{"changes of high risk need 2 instead of 3 approvals"}},
		{"reasonFor", func(s *Settings) { s.ReasonFor = ReasonFor{} }, []string{"changes of high risk need no reason any more", "changes in namespace pay need no reason any more"}},
		{"maxPods", func(s *Settings) { s.MaxPods = MaxPods{High: 6, Deny: 21} }, []string{"pods that a change may replace before its risk is high: 6 instead of 5", "pods that a change may replace: 21 instead of 20"}},
		{"maxPods", func(s *Settings) { s.MaxPods.High, s.RiskApprovers["low"] = 4, []string{"U1"} }, []string{"changes of more than 4 pods are of high risk, which asks for less than a lower one in some way"}},
		{"perHour", func(s *Settings) { s.PerHour = 5 }, []string{"changes an hour in each namespace: 5 instead of 4"}},
		{"namespacePerHour", func(s *Settings) { delete(s.NamespacePerHour, "pay") }, []string{"changes an hour in namespace pay: 4 instead of 1"}},
		{"freezes", func(s *Settings) { s.Freezes = nil }, []string{`the freeze "weekend" (Fri 16:00–Mon 08:00 UTC) is gone or another`}},
		{"freezes", func(s *Settings) { s.Freezes[0].Namespaces = []string{"pay"} }, []string{`the freeze "weekend" (Fri 16:00–Mon 08:00 UTC) is gone or another`}},
	} {
		touched[c.key] = true
		now := rich()
		c.change(&now)
		if got := Widens(rich(), now, "x", "x"); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.key, got, c.want)
		}
	}
	if got := Widens(rich(), rich(), "x", "y"); !slices.Equal(got, []string{"the policy itself is another"}) {
		t.Errorf("another policy: %q", got)
	}
	// A key that is added to the settings has to say here how it widens.
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Settings]()) {
		if key := f.Tag.Get("json"); !touched[key] {
			t.Errorf("no case widens %s", key)
		}
	}
}

func TestWhatMakesItHarderIsNoWidening(t *testing.T) {
	for name, change := range map[string]func(*Settings){
		"nothing":                      func(*Settings) {},
		"an approver less":             func(s *Settings) { s.Approvers["*"] = nil },
		"a namespace for nobody":       func(s *Settings) { s.Approvers["web"] = []string{} },
		"a team less":                  func(s *Settings) { s.TeamApprovers = nil },
		"one more list to be in":       func(s *Settings) { s.RiskApprovers["low"] = []string{"U1"} },
		"fewer who break glass":        func(s *Settings) { s.BreakGlass = nil },
		"one more protected":           func(s *Settings) { s.Protected = append(s.Protected, "vault") },
		"fewer kinds":                  func(s *Settings) { s.Kinds = nil },
		"a namespace with fewer kinds": func(s *Settings) { s.NamespaceKinds["web"] = nil },
		"a higher floor":               func(s *Settings) { s.Floor = 0.8 },
		"a higher quorum":              func(s *Settings) { s.Quorum["low"] = 2 },
		"a quorum that is not named":   func(s *Settings) { delete(s.Quorum, "medium") },
		"more reasons":                 func(s *Settings) { s.ReasonFor.Risks = Risks() },
		"fewer pods":                   func(s *Settings) { s.MaxPods = MaxPods{} },
		"fewer changes":                func(s *Settings) { s.PerHour, s.NamespacePerHour["web"] = 3, 3 },
		"a freeze more, another order": func(s *Settings) {
			s.Freezes = append([]Freeze{{Name: "more", Weekly: "Mon 01:00–Mon 02:00 UTC"}}, s.Freezes...)
		},
		"a freeze with another name": func(s *Settings) { s.Freezes[0].Name = "rest" },
	} {
		now := rich()
		change(&now)
		if got := Widens(rich(), now, "x", "x"); len(got) > 0 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Widens has to know every way in which settings allow what was denied before:
// whatever question of these gets a yes from the new settings and a no from the
// old, the list must not be empty.
func TestNoQuestionIsAllowedAnewWithoutASentence(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	anew := 0
	for range 60 {
		old, now := randomSettings(r), randomSettings(r)
		if r.IntN(2) == 0 {
			now = old.whole() // and then one or two keys of another
			for range 1 + r.IntN(2) {
				n := r.IntN(reflect.TypeFor[Settings]().NumField())
				reflect.ValueOf(&now).Elem().Field(n).Set(reflect.ValueOf(randomSettings(r)).Field(n))
			}
		}
		before, after := engine(t, policies.Source, old), engine(t, policies.Source, now)
		wider := Widens(old, now, "", "")
		for range 60 {
			in := randomQuestion(r)
			was, err := before.Decide(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			is, err := after.Decide(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if is.Allow && !was.Allow {
				anew++
				if len(wider) == 0 {
					t.Fatalf("%v is no reason any more, and no sentence says so\nold %+v\nnew %+v\nquestion %+v", was.Reasons, old, now, in)
				}
			}
		}
	}
	if anew < 50 {
		t.Errorf("only %d questions were allowed anew: the settings are too much alike", anew)
	}
}

func some[T any](r *rand.Rand, of ...T) []T {
	out := []T{}
	for _, v := range of {
		if r.IntN(3) > 0 {
			out = append(out, v)
		}
	}
	return out
}

func byKey[T any](r *rand.Rand, value func() T, keys ...string) map[string]T {
	out := map[string]T{}
	for _, k := range keys {
		if r.IntN(2) == 0 {
			out[k] = value()
		}
	}
	return out
}

func randomSettings(r *rand.Rand) Settings {
	people := func() []string { return some(r, "U1", "U2", "S1") }
	kinds := func() []action.Kind { return some(r, action.Restart, action.SetImage) }
	s := Settings{
		Approvers: byKey(r, people, "*", "shop", "pay"), TeamApprovers: byKey(r, people, "tills"), RiskApprovers: byKey(r, people, Risks()...),
		BreakGlass: some(r, "U3", "U1"), Kinds: kinds(), NamespaceKinds: byKey(r, kinds, "pay"),
		Floor: 0.7 + 0.1*float64(r.IntN(3)), Quorum: byKey(r, func() int { return 1 + r.IntN(3) }, Risks()...),
		MaxPods: MaxPods{High: r.IntN(4), Deny: 3 + r.IntN(4)}, PerHour: r.IntN(3), NamespacePerHour: byKey(r, func() int { return r.IntN(3) }, "pay"),
	}
	if r.IntN(6) == 0 {
		s.Protected = []string{"pay"}
	}
	if r.IntN(3) == 0 {
		s.ReasonFor = ReasonFor{Risks: some(r, Risks()...), Namespaces: some(r, "pay")}
	}
	if r.IntN(3) == 0 {
		s.Freezes = []Freeze{{Name: "now", Weekly: "Fri 12:00–Fri 18:00 UTC", Namespaces: some(r, "shop", "pay")}}
	}
	return s.whole()
}

func randomQuestion(r *rand.Rand) Input {
	in := question([]Stage{Propose, Approve, Execute}[r.IntN(3)])
	in.Action.Target.Namespace = []string{"shop", "pay", "web"}[r.IntN(3)]
	in.Action.Kind = []action.Kind{action.Restart, action.SetImage}[r.IntN(2)]
	in.Confidence.Lower = 0.65 + 0.1*float64(r.IntN(4))
	in.Facts.Desired = r.IntN(7)
	in.DiffCut = r.IntN(4) == 0
	if r.IntN(2) == 0 {
		in.Facts.NamespaceLabels = []incident.Label{{Key: TeamLabel, Value: "tills"}}
	}
	if in.Stage == Approve {
		in.Voter.Person, in.Voter.Groups = person([]string{"U1", "U2", "U3"}[r.IntN(3)]), some(r, "S1")
	}
	if in.Stage == Execute {
		in.Approvals = nil
		for _, id := range some(r, "U1", "U2", "U3") {
			in.Approvals = append(in.Approvals, person(id))
		}
	}
	if r.IntN(3) == 0 {
		in.Glass = &Glass{Person: person("U3"), Reason: redact.Literal("down")}
	}
	if r.IntN(2) == 0 {
		in.Reason = redact.Literal("agreed")
	}
	for range r.IntN(3) {
		in.History = append(in.History, Execution{Job: "j", Namespace: in.Action.Target.Namespace, At: in.Now})
	}
	return in
}
