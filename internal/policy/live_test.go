package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/policies"
)

func live(t testing.TB, s Settings) *Live {
	t.Helper()
	l, err := NewLive(context.Background(), engine(t, policies.Source, s))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestANewPolicyIsInForceAtOnceWithItsSettings(t *testing.T) {
	l := live(t, settings())
	before := l.Digest()
	s := settings()
	s.Approvers["*"] = []string{"U2"}
	if err := l.Reload(t.Context(), policies.Source+"\n# ours\n", s); err != nil {
		t.Fatal(err)
	}
	if l.Digest() == before || l.Approvers("shop")[0] != "U2" {
		t.Errorf("digest %s, approvers %v", l.Digest(), l.Approvers("shop"))
	}
	d, err := l.Decide(t.Context(), question(Approve))
	if err != nil || d.Allow || d.PolicyDigest != l.Digest() {
		t.Errorf("%+v %v", d, err)
	}
	if err := l.Reload(t.Context(), policies.Source, settings()); err != nil || l.Digest() != before {
		t.Errorf("the same content has another digest: %v", err)
	}
}

func TestABadPolicyLeavesTheLastGoodOneInForce(t *testing.T) {
	l := live(t, settings())
	before := l.Digest()
	bad := settings()
	bad.Approvers["*"] = []string{"ada"}
	always := "package countersign\n\ndecision := {\"allow\": true, \"reasons\": [], \"quorum\": 1}\n"
	for name, c := range map[string]struct {
		source string
		s      Settings
		says   string
	}{
		"syntax":                   {"package countersign\n\ndecision := }\n", settings(), "countersign.rego:3"},
		"another package":          {"package other\n\ndecision := {}\n", settings(), "gives no decision"},
		"no object":                {"package countersign\n\ndecision := true\n", settings(), "is no object"},
		"what allows all":          {always, settings(), "allows a question that says nothing"},
		"only at one stage":        {always[:len(always)-1] + " if input.stage == \"execute\"\n", settings(), "stage propose: the policy gives no decision"},
		"settings that do not fit": {policies.Source, bad, `approvers.*: "ada"`},
	} {
		err := l.Reload(t.Context(), c.source, c.s)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v does not say %q", name, err, c.says)
		}
		if l.Digest() != before {
			t.Fatalf("%s is in force", name)
		}
	}
	if d, err := l.Decide(t.Context(), question(Execute)); err != nil || !d.Allow {
		t.Errorf("the last good policy: %+v %v", d, err)
	}
}

func TestAPolicyThatDoesNotAnswerIsNoBeginning(t *testing.T) {
	if _, err := NewLive(t.Context(), engine(t, "package countersign\n", settings())); err == nil {
		t.Error("it is in force")
	}
}

// Every question is answered by one policy as a whole while others are put in
// force: the digest and the answer belong together.
func TestNoQuestionIsAnsweredByHalfAPolicy(t *testing.T) {
	strict := settings()
	strict.Approvers["*"] = nil
	l := live(t, settings())
	open := l.Digest()
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := range 20 {
			s := strict
			if n%2 == 1 {
				s = settings()
			}
			if err := l.Reload(t.Context(), policies.Source, s); err != nil {
				t.Error(err)
			}
		}
	})
	for range 3 {
		wg.Go(func() {
			for range 100 {
				d, err := l.Decide(t.Context(), question(Approve))
				if err != nil || d.Allow != (d.PolicyDigest == open) {
					t.Errorf("%+v %v", d, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestEveryDecisionIsLoggedWithItsDigests(t *testing.T) {
	var out bytes.Buffer
	l, err := NewLive(t.Context(), engine(t, policies.Source, settings()).LogTo(slog.New(slog.NewJSONHandler(&out, nil))))
	if err != nil {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		t.Errorf("the check at the start is logged as a decision: %s", out.String())
	}
	if err := l.Reload(t.Context(), policies.Source+"# ours\n", settings()); err != nil {
		t.Fatal(err)
	}
	in := question(Approve)
	in.Voter.Person.ID = "U3"
	d, err := l.Decide(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	for key, want := range map[string]any{
		"level": "INFO", "stage": "approve", "allow": false, "policyDigest": string(d.PolicyDigest), "inputDigest": string(d.InputDigest),
		"namespace": "shop", "kind": "set-image", "reasons": "you are not among the approvers of this namespace",
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
}

// The policy must have no way to the network, the clock or the environment: a
// decision would not be what its digests name.
func TestThePolicyIsAFunctionOfItsInput(t *testing.T) {
	for _, call := range []string{
		`http.send({"method": "get", "url": "http://127.0.0.1:1"})`, `time.now_ns()`, `opa.runtime()`, `net.lookup_ip_addr("localhost")`,
		`rand.intn("x", 10)`, `uuid.rfc4122("x")`,
	} {
		source := "package countersign\n\nx := " + call + "\n\ndecision := {\"allow\": false, \"reasons\": [], \"quorum\": 1} if x\n"
		if _, err := New(t.Context(), source, settings(), engine(t, policies.Source, settings()).redactor); err == nil || !strings.Contains(err.Error(), "countersign.rego:3") {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestApproversForKnowsTheTeamOfTheNamespace(t *testing.T) {
	s := settings()
	s.TeamApprovers = map[string][]string{"tills": {"U5", "U4"}}
	l := live(t, s)
	for name, c := range map[string]struct {
		namespace, team, want string
	}{
		"the general list":                   {"shop", "", "U1"},
		"the team's list":                    {"shop", "tills", "U4 U5"},
		"a namespace's list before a team's": {"pay", "tills", "S9"},
		"a team without a list has nobody":   {"shop", "tilsl", ""},
	} {
		labels := []incident.Label{{Key: "a", Value: "b"}}
		if c.team != "" {
			labels = append(labels, incident.Label{Key: TeamLabel, Value: c.team})
		}
		if got := strings.Join(l.ApproversFor(c.namespace, labels), " "); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
