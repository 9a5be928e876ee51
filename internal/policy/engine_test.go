package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/policies"
)

func TestAMalformedPolicyIsAnErrorThatNamesTheLine(t *testing.T) {
	for name, c := range map[string]struct{ source, says string }{
		"syntax":        {"package countersign\n\ndecision := }\n", "countersign.rego:3"},
		"unknown names": {"package countersign\n\ndecision := {\"allow\": aproved}\n", "countersign.rego:3"},
		"wrong types":   {"package countersign\n\nx := count(1)\ndecision := x\n", "countersign.rego:3"},
		"no package":    {"decision := true\n", "countersign.rego:1"},
		"empty":         {"", "does not compile"},
	} {
		_, err := New(t.Context(), c.source, settings(), redact.New(redact.Config{}))
		if err == nil || !strings.Contains(err.Error(), "the policy does not compile") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v does not say %q", name, err, c.says)
		}
	}
}

// What is no proper decision is an error, and the Decision beside it denies.
func TestWhatIsNoDecisionIsAnError(t *testing.T) {
	for name, body := range map[string]string{
		"undefined":             `decision := {"allow": true, "reasons": [], "quorum": 1} if input.stage == "never"`,
		"another name":          `answer := {"allow": true}`,
		"no allow":              `decision := {"reasons": [], "quorum": 1}`,
		"allow in words":        `decision := {"allow": "yes", "reasons": [], "quorum": 1}`,
		"a bare true":           `decision := true`,
		"null":                  `decision := null`,
		"allow with reasons":    `decision := {"allow": true, "reasons": ["but no"], "quorum": 1}`,
		"allow without quorum":  `decision := {"allow": true, "reasons": []}`,
		"allow with quorum 0":   `decision := {"allow": true, "reasons": [], "quorum": 0}`,
		"reasons of numbers":    `decision := {"allow": false, "reasons": [1], "quorum": 1}`,
		"two answers":           "decision := {\"allow\": true, \"reasons\": [], \"quorum\": 1}\ndecision := {\"allow\": false, \"reasons\": [], \"quorum\": 1}",
		"a builtin that fails":  `decision := {"allow": true, "reasons": [], "quorum": to_number(input.stage)}`,
		"a fraction for quorum": `decision := {"allow": true, "reasons": [], "quorum": 1.5}`,
	} {
		e := engine(t, "package countersign\n\n"+body+"\n", settings())
		if d, err := e.Decide(t.Context(), question(Propose)); err == nil || d.Allow {
			t.Errorf("%s: %+v %v", name, d, err)
		}
	}
}

func TestDigestsNameThePolicyTheSettingsAndTheQuestion(t *testing.T) {
	base := engine(t, policies.Source, settings())
	if again := engine(t, policies.Source, settings()); again.Digest() != base.Digest() {
		t.Error("the same policy with the same settings has two digests")
	}
	seen := map[action.Hash]string{base.Digest(): "the settings as they were"}
	differ := func(name string, e *Engine) {
		if was, twice := seen[e.Digest()]; twice {
			t.Errorf("%s has the digest of %s", name, was)
		}
		seen[e.Digest()] = name
	}
	for name, change := range map[string]func(*Settings){
		"another approver":  func(s *Settings) { s.Approvers["*"] = []string{"U2"} },
		"another namespace": func(s *Settings) { s.Approvers["web"] = []string{"U1"} },
		"another floor":     func(s *Settings) { s.Floor = 0.8 },
		"another quorum":    func(s *Settings) { s.Quorum["high"] = 3 },
		"another quota":     func(s *Settings) { s.PerHour = 3 },
		"fewer kinds":       func(s *Settings) { s.Kinds = s.Kinds[1:] },
		"less protected":    func(s *Settings) { s.Protected = s.Protected[1:] },
	} {
		s := settings()
		change(&s)
		differ(name, engine(t, policies.Source, s))
	}
	differ("a comment more", engine(t, policies.Source+"# more\n", settings()))
	inputs := map[action.Hash]bool{}
	for _, stage := range []Stage{Propose, Approve, Execute} {
		first, err := base.Decide(t.Context(), question(stage))
		if err != nil {
			t.Fatal(err)
		}
		again, err := base.Decide(t.Context(), question(stage))
		if err != nil || again.InputDigest != first.InputDigest {
			t.Errorf("the same question has two digests: %v", err)
		}
		inputs[first.InputDigest] = true
	}
	if len(inputs) != 3 {
		t.Errorf("three questions have %d digests", len(inputs))
	}
}

func TestApproversAreSortedAndTheCallersOwn(t *testing.T) {
	s := settings()
	s.Approvers["*"] = []string{"U3", "U1"}
	e := engine(t, policies.Source, s)
	list := e.Approvers("shop")
	if !slices.Equal(list, []string{"U1", "U3"}) {
		t.Errorf("%v", list)
	}
	list[0] = "U666"
	if e.Approvers("shop")[0] != "U1" || s.Approvers["*"][0] != "U3" {
		t.Error("a caller's change reached the settings")
	}
	if list := e.Approvers("nobody"); len(list) != 0 {
		t.Errorf("an empty list names %v", list)
	}
}
