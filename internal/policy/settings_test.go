package policy

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/policies"
)

func TestSettingsThatMakeNoSenseAreRefusedWithTheirKey(t *testing.T) {
	for want, spoil := range map[string]func(*Settings){
		"floor: 1.1":                  func(s *Settings) { s.Floor = 1.1 },
		"floor: -0.1":                 func(s *Settings) { s.Floor = -0.1 },
		"floor: NaN":                  func(s *Settings) { s.Floor = math.NaN() },
		"perHour: -1":                 func(s *Settings) { s.PerHour = -1 },
		"namespacePerHour.pay: -1":    func(s *Settings) { s.NamespacePerHour = map[string]int{"pay": -1} },
		`namespacePerHour: "Pay"`:     func(s *Settings) { s.NamespacePerHour = map[string]int{"Pay": 1} },
		`approvers.*: "ada"`:          func(s *Settings) { s.Approvers["*"] = []string{"ada"} },
		`approvers.*: "u1"`:           func(s *Settings) { s.Approvers["*"] = []string{"u1"} },
		`approvers: "shop/*"`:         func(s *Settings) { s.Approvers["shop/*"] = nil },
		`teamApprovers.a: "a@b.c"`:    func(s *Settings) { s.TeamApprovers = map[string][]string{"a": {"a@b.c"}} },
		`teamApprovers: "*"`:          func(s *Settings) { s.TeamApprovers = map[string][]string{"*": {"U1"}} },
		`riskApprovers: "highest"`:    func(s *Settings) { s.RiskApprovers = map[string][]string{"highest": {"U1"}} },
		`breakGlass[0]: "S1"`:         func(s *Settings) { s.BreakGlass = []string{"S1"} },
		`protected[0]: "kube system"`: func(s *Settings) { s.Protected = []string{"kube system"} },
		`kinds[0]: "exec"`:            func(s *Settings) { s.Kinds = []action.Kind{"exec"} },
		`namespaceKinds.pay[0]: ""`:   func(s *Settings) { s.NamespaceKinds = map[string][]action.Kind{"pay": {""}} },
		`namespaceKinds: ""`:          func(s *Settings) { s.NamespaceKinds = map[string][]action.Kind{"": {}} },
		`quorum: "all"`:               func(s *Settings) { s.Quorum = map[string]int{"all": 1} },
		"quorum.high: 0":              func(s *Settings) { s.Quorum = map[string]int{"high": 0} },
		`reasonFor.risks[0]: "big"`:   func(s *Settings) { s.ReasonFor.Risks = []string{"big"} },
		`reasonFor.namespaces[0]`:     func(s *Settings) { s.ReasonFor.Namespaces = []string{"*"} },
		"maxPods.high: -1":            func(s *Settings) { s.MaxPods.High = -1 },
		"maxPods.deny: 1":             func(s *Settings) { s.MaxPods.Deny = 1 },
		"freezes: 101":                func(s *Settings) { s.Freezes = make([]Freeze, 101) },
		"freezes[0].name":             func(s *Settings) { s.Freezes = []Freeze{{Weekly: "Fri 16:00–Mon 08:00 UTC"}} },
		"freezes[0].weekly, dates":    func(s *Settings) { s.Freezes = []Freeze{{Name: "x"}} },
		"freezes[0].namespaces[0]":    func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Namespaces: []string{"*"}}} },
		`freezes[0].weekly: "x" must`: func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Weekly: "x"}} },
		`is neither UTC nor`:          func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Weekly: "Fri 16:00–Mon 08:00 EST"}} },
		`"Local" is neither`:          func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Weekly: "Fri 16:00–Mon 08:00 Local"}} },
		`"Mars/Base" is`:              func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Dates: "2026-01-01..2026-01-02 Mars/Base"}} },
		`has the day "Frd"`:           func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Weekly: "Frd 16:00–Mon 08:00 UTC"}} },
		`has the day "Mno"`:           func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Weekly: "Fri 16:00–Mno 08:00 UTC"}} },
		`has the time "24:00"`:        func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Weekly: "Fri 24:00–Mon 08:00 UTC"}} },
		`has the time "08:60"`:        func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Weekly: "Fri 16:00–Mon 08:60 UTC"}} },
		`at the same moment`:          func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Weekly: "Fri 16:00–Fri 16:00 UTC"}} },
		`with the time zone`:          func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Dates: "2026-12-20..2027-01-02"}} },
		`the date 2026-02-30`:         func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Dates: "2026-02-30..2027-01-02 UTC"}} },
		`has the time "25:00"`:        func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Dates: "2026-02-01 25:00..2027-01-02 UTC"}} },
		`ends before it starts`:       func(s *Settings) { s.Freezes = []Freeze{{Name: "x", Dates: "2027-02-01..2027-01-02 UTC"}} },
	} {
		s := settings()
		spoil(&s)
		_, err := New(t.Context(), policies.Source, s, redact.New(redact.Config{}))
		if err == nil || !strings.Contains(err.Error(), "policy settings: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestAllFaultsAreNamedInOneLineInTheOrderOfTheirKeys(t *testing.T) {
	s := settings()
	s.PerHour, s.Floor, s.Approvers["*"] = -1, 2, []string{"ada"}
	_, err := New(t.Context(), policies.Source, s, redact.New(redact.Config{}))
	want := `policy settings: approvers.*: "ada" is not a Slack user id (U…, W…) or user group id (S…); names and e-mail addresses are not accepted; ` +
		`floor: 2 is not between 0 and 1; perHour: -1 is below 0; 0 allows no change at all`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// everything sets every key, to something else than the default.
const everything = `
approvers:
  "*": [U1, S2]
  pay: [U3]
teamApprovers: {tills: [S4]}
riskApprovers: {high: [U5]}
breakGlass: [U6]
protected: [vault]
kinds: [restart, set-image]
namespaceKinds: {pay: [restart]}
floor: 0.9
quorum: {low: 1, medium: 2, high: 3}
reasonFor: {risks: [high], namespaces: [pay]}
maxPods: {high: 5, deny: 20}
perHour: 4
namespacePerHour: {pay: 1}
freezes:
  - {name: weekend, weekly: "Fri 16:00–Mon 08:00 Europe/Berlin", namespaces: [pay]}
  - {name: year end, dates: 2026-12-20..2027-01-02 Europe/Berlin}
`

func TestParseSettingsReadsEveryKey(t *testing.T) {
	got, err := ParseSettings([]byte(everything), DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Approvers:     map[string][]string{"*": {"U1", "S2"}, "pay": {"U3"}},
		TeamApprovers: map[string][]string{"tills": {"S4"}}, RiskApprovers: map[string][]string{"high": {"U5"}},
		BreakGlass: []string{"U6"}, Protected: append([]string{"vault"}, DefaultSettings().Protected...),
		Kinds: []action.Kind{action.Restart, action.SetImage}, NamespaceKinds: map[string][]action.Kind{"pay": {action.Restart}},
		Floor: 0.9, Quorum: map[string]int{"low": 1, "medium": 2, "high": 3},
		ReasonFor: ReasonFor{Risks: []string{"high"}, Namespaces: []string{"pay"}}, MaxPods: MaxPods{High: 5, Deny: 20},
		PerHour: 4, NamespacePerHour: map[string]int{"pay": 1},
		Freezes: []Freeze{
			{Name: "weekend", Weekly: "Fri 16:00–Mon 08:00 Europe/Berlin", Namespaces: []string{"pay"}},
			{Name: "year end", Dates: "2026-12-20..2027-01-02 Europe/Berlin"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if groups := strings.Join(got.Groups(), " "); groups != "S2 S4" {
		t.Errorf("groups %s", groups)
	}
}

func TestAKeyReplacesItsBaseAsAWholeButProtectedOnlyGrows(t *testing.T) {
	base := settings()
	base.Protected = []string{"kube-system", "own"}
	got, err := ParseSettings([]byte("approvers: {web: [U9]}\nprotected: [vault]\nquorum: {high: 3}\n"), base)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"web": {"U9"}}, got.Approvers); diff != "" {
		t.Error("an approver of the base stayed:", diff)
	}
	if diff := cmp.Diff(map[string]int{"high": 3}, got.Quorum); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"vault", "kube-system", "own"}, got.Protected); diff != "" {
		t.Error(diff)
	}
	if len(base.Approvers) != 3 || base.PerHour != got.PerHour {
		t.Error("the base was changed, or a key that is not there was")
	}
	if same, err := ParseSettings(nil, base); err != nil || cmp.Diff(base.whole(), same) != "" {
		t.Errorf("an empty file: %v %s", err, cmp.Diff(base.whole(), same))
	}
}

func TestSettingsOutOfFormAreRefusedWithKeyOrLine(t *testing.T) {
	for text, want := range map[string]string{
		"aprovers: {}":               `unknown key "aprovers"`,
		"Floor: 0.1":                 `unknown key "Floor"`,
		"maxPods: {hihg: 1}":         "hihg",
		"freezes: [{wrong: x}]":      "wrong",
		"perHour: many":              "perHour",
		"perHour: 1.5":               "perHour",
		"approvers: [U1]":            "approvers",
		"approvers: {shop: U1}":      "approvers",
		"floor:":                     "floor: has no value",
		"approvers:":                 "approvers: has no value; write [] or {} for none",
		"floor: 0.5\nfloor: 0.1":     `"floor" already set`,
		"floor: 0.5\n\tperHour: 1":   "line 2",
		"floor: .nan":                "policy settings",
		"[]":                         "policy settings",
		"floor: 0.5\n---\nfloor: 0":  "line 2 begins a second YAML document",
		"# x\n---\n# y\n---\n{}":     "line 4 begins",
		strings.Repeat("#", 1<<20+1): "are too many",
		"floor: 7":                   "floor: 7 is not between",
	} {
		_, err := ParseSettings([]byte(text), DefaultSettings())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v does not say %q in one line", text, err, want)
		}
	}
	if _, err := ParseSettings([]byte("# ours\n---\nfloor: 0.5\n"), DefaultSettings()); err != nil {
		t.Errorf("a document marker on top: %v", err)
	}
}

func FuzzParseSettings(f *testing.F) {
	f.Add([]byte(everything))
	f.Add([]byte("approvers: {\"*\": [U1]}\nfreezes: [{name: a, dates: 2026-12-20 18:00..2027-01-02 08:00 America/New_York}]"))
	f.Add([]byte("floor: .inf\n---\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := ParseSettings(raw, DefaultSettings())
		if err != nil {
			return
		}
		e, err := New(t.Context(), policies.Source, s, redact.New(redact.Config{}))
		if err != nil {
			t.Fatalf("what was parsed does not load: %v", err)
		}
		if err := e.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, ns := range DefaultSettings().Protected {
			in := question(Execute)
			in.Action.Target.Namespace = ns
			if d, err := e.Decide(t.Context(), in); err == nil && d.Allow {
				t.Fatalf("namespace %s is not protected any more", ns)
			}
		}
		if wider := Widens(s, s, "", ""); len(wider) > 0 {
			t.Fatal(wider)
		}
	})
}
