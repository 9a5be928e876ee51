package app

import (
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

var (
	judgedWeb  = action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "u1"}
	judgedNode = action.Ref{APIVersion: "v1", Kind: "Node", Name: "n1"}
	judgedNow  = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)
)

func said(who string, v incident.Verdict) incident.Verdict {
	v.By = incident.Person{ID: who, Team: "T1", Name: redact.Name("Somebody " + who)}
	v.Of = incident.Claim{Cause: incident.OOMKilled, Root: judgedWeb, By: "oom"}
	if v.Right {
		v.Cause, v.Root = v.Of.Cause, v.Of.Root
	}
	return v
}

func TestACaseHoldsWhatMostPeopleSay(t *testing.T) {
	right, wrong := incident.Verdict{Right: true}, incident.Verdict{}
	was := incident.Verdict{Cause: incident.NodeNotReady, Root: judgedNode, Words: redact.Literal("it was gone")}
	for name, c := range map[string]struct {
		say  []incident.Verdict
		want string
	}{
		"nobody":        {nil, ""},
		"right":         {[]incident.Verdict{right}, "oom-killed, Deployment/web (1 of 1)"},
		"two to one":    {[]incident.Verdict{was, right, right}, "oom-killed, Deployment/web (2 of 3)"},
		"a better idea": {[]incident.Verdict{right, was, was}, "node-not-ready, Node/n1 (2 of 3)"},
		"only wrong":    {[]incident.Verdict{wrong, wrong, was}, "it was not oom-killed, Deployment/web (2 of 3)"},
		"disputed":      {[]incident.Verdict{right, was}, "disputed"},
	} {
		i := incident.Incident{}
		for n, v := range c.say {
			i.Verdicts = append(i.Verdicts, said(string(rune('A'+n)), v))
		}
		got := ""
		if e := expected(i); e != nil && e.Disputed {
			got = "disputed"
		} else if e != nil {
			got = saidBy(*e)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAnOutcomeIsSameOrDifferentOrCannotBeTold(t *testing.T) {
	now := Diagnosed{Cause: incident.OOMKilled, Root: judgedWeb}
	for name, c := range map[string]struct {
		e    *Expected
		want Outcome
	}{
		"nobody said anything":         {nil, CannotTell},
		"the same":                     {&Expected{Cause: incident.OOMKilled, Root: judgedWeb}, Same},
		"a later object of the name":   {&Expected{Cause: incident.OOMKilled, Root: action.Ref{Kind: "Deployment", Namespace: "shop", Name: "web"}}, Same},
		"the cause alone":              {&Expected{Cause: incident.OOMKilled}, Same},
		"another root":                 {&Expected{Cause: incident.OOMKilled, Root: judgedNode}, Different},
		"another cause":                {&Expected{Cause: incident.NodeNotReady, Root: judgedWeb}, Different},
		"not this":                     {&Expected{Not: &Diagnosed{Cause: incident.OOMKilled, Root: judgedWeb}}, Different},
		"not something else":           {&Expected{Not: &Diagnosed{Cause: incident.NodeNotReady, Root: judgedNode}}, CannotTell},
		"disputed":                     {&Expected{Cause: incident.OOMKilled, Root: judgedWeb, Disputed: true}, CannotTell},
		"a case that says neither":     {&Expected{}, CannotTell},
		"nothing wrong, people say so": {&Expected{Cause: "", Not: nil}, CannotTell},
	} {
		if got, why := compare(now, c.e); got != c.want || (got == CannotTell) == why.IsEmpty() {
			t.Errorf("%s: %s (%s), want %s", name, got, why, c.want)
		}
	}
}

// What is kept for the finding that people judged goes into the case, not what
// came after it; and no person's name does.
func TestACaseIsMadeOfWhatWasJudged(t *testing.T) {
	var records []incident.Record
	i := incident.Incident{}
	add := func(role incident.Role, b incident.Body) {
		t.Helper()
		r, err := incident.Next("i000000000001", i.Version, i.Head, role, b, judgedNow, &incident.Sealer{Key: []byte("k")})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
		next, bad := incident.Replay(records, nil)
		if len(bad) > 0 {
			t.Fatal(bad[0].Reason)
		}
		i = next
	}
	found := func(c incident.Cause) {
		add(incident.Watcher, &incident.Collected{Digest: action.Hash(c), Diagnosis: incident.Diagnosis{Cause: c, Root: judgedWeb, Object: judgedWeb, Rule: "r", Summary: redact.Literal("so it is")}})
		add(incident.Gate, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1", Revision: i.Revision})
		add(incident.Watcher, &incident.Kept{Cause: c, Root: judgedWeb, Rule: "r", Subject: judgedWeb, Snapshot: redact.Sprintf("taken: 2026-11-21T03:00:00Z # %s", redact.Name(string(c)))})
	}
	add(incident.Watcher, &incident.Opened{Fingerprint: "f", Signal: incident.Signal{Subject: judgedWeb}})
	found(incident.OOMKilled)
	v := said("U1", incident.Verdict{Right: true})
	v.Click, v.Words = "k", redact.Literal("seen it before")
	add(incident.Gate, &incident.Clicked{Click: "k", Verb: incident.Judge, Person: v.By, Verdict: &incident.Verdict{Right: true, Words: v.Words}})
	add(incident.Gate, &v)
	found(incident.AppError)
	c, err := caseOf(i, records)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	if !strings.Contains(text, "# oom-killed") || !strings.Contains(text, "seen it before") || strings.Contains(text, "Somebody") || strings.Contains(text, "U1") {
		t.Errorf("the case is\n%s", text)
	}
	if c.Diagnosis.Cause != incident.OOMKilled || c.Expected == nil || c.Expected.Cause != incident.OOMKilled {
		t.Errorf("%+v", c)
	}
	// The snapshot holds no such workload.
	if r := ReplayCase(c); r.Outcome != CannotTell || !strings.Contains(r.Why.String(), "does not hold") {
		t.Errorf("%s: %s", r.Outcome, r.Why)
	}
}

func TestAFileThatIsNoCaseIsAnErrorThatSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "no version",
		"version: 2":           "version 2",
		"version: 1":           "subject.kind",
		"version: one":         "read the case",
		"version: 1\nhosts: 1": "hosts",
		"version: 1\nsubject: {kind: Pod, name: x}": "no snapshot",
	} {
		if _, err := DecodeCase([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzReplayCase(f *testing.F) {
	f.Add([]byte("version: 1\nsubject: {kind: Deployment, namespace: shop, name: web}\nsnapshot: |\n  taken: 2026-11-21T03:00:00Z\n  deployments: [{metadata: {name: web, namespace: shop, uid: u}}]\n"))
	f.Add([]byte("version: 1\nsubject: {kind: Pod, name: x}\nmissing: nothing\nexpected: {not: {cause: oom-killed}}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := DecodeCase(raw)
		if err != nil {
			return
		}
		if r := ReplayCase(c); r.Outcome == "" {
			t.Fatalf("no outcome: %+v", r)
		}
	})
}
