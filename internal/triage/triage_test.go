package triage

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

var (
	noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	api  = action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "api", UID: "u-api"}
)

func pod(n int) action.Ref {
	return action.Ref{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: fmt.Sprintf("api-%d", n), UID: fmt.Sprintf("u-%d", n)}
}

func signal(symptom incident.Symptom, object action.Ref) incident.Signal {
	return incident.Signal{Symptom: symptom, Object: object, Subject: api, Since: noon}
}

func signals(symptom incident.Symptom, n int) []incident.Signal {
	var list []incident.Signal
	for i := range n {
		list = append(list, signal(symptom, pod(i)))
	}
	return list
}

func TestDecide(t *testing.T) {
	pull, crash := incident.SymptomImagePull, incident.SymptomCrashLoop
	closed := func(ago time.Duration, announced bool) *Prior {
		return &Prior{ID: "i1", Signals: signals(pull, 1), Announced: announced, ClosedAt: noon.Add(-ago)}
	}
	open := func(list ...incident.Signal) *Prior { return &Prior{ID: "i2", Signals: list} }
	tests := map[string]struct {
		signal incident.Signal
		view   View
		want   Verdict
		into   incident.ID
		quiet  time.Time
	}{
		"a signal about nothing is ignored":                       {signal: incident.Signal{}, want: Ignore},
		"a signal without a symptom is ignored":                   {signal: signal("", pod(0)), want: Ignore},
		"a first signal opens":                                    {signal: signal(pull, pod(0)), want: Open},
		"a new symptom merges":                                    {signal: signal(crash, pod(0)), view: View{Open: open(signals(pull, 1)...)}, want: Merge, into: "i2"},
		"a new object merges":                                     {signal: signal(pull, pod(1)), view: View{Open: open(signals(pull, 1)...)}, want: Merge, into: "i2"},
		"the same symptom of the same object is ignored":          {signal: signal(pull, pod(0)), view: View{Open: open(signals(pull, 1)...)}, want: Ignore, into: "i2"},
		"the twenty-first object is ignored":                      {signal: signal(pull, pod(99)), view: View{Open: open(signals(pull, 20)...)}, want: Ignore, into: "i2"},
		"a new symptom merges into a full incident":               {signal: signal(crash, pod(99)), view: View{Open: open(signals(pull, 20)...)}, want: Merge, into: "i2"},
		"an open incident counts before a closed one":             {signal: signal(crash, pod(0)), view: View{Open: open(signals(pull, 1)...), Last: closed(time.Minute, true)}, want: Merge, into: "i2"},
		"the same finding after a minute opens quietly":           {signal: signal(pull, pod(7)), view: View{Last: closed(time.Minute, true)}, want: Open, quiet: noon.Add(9 * time.Minute)},
		"the same finding after ten minutes opens":                {signal: signal(pull, pod(7)), view: View{Last: closed(10*time.Minute, true)}, want: Open},
		"another finding after a minute opens":                    {signal: signal(crash, pod(7)), view: View{Last: closed(time.Minute, true)}, want: Open},
		"a finding that was never announced opens":                {signal: signal(pull, pod(7)), view: View{Last: closed(time.Minute, false)}, want: Open},
		"a namespace out of scope is ignored":                     {signal: signal(pull, pod(0)), view: View{Scope: Scope{[]string{"other"}}}, want: Ignore},
		"a namespace in scope opens":                              {signal: signal(pull, pod(0)), view: View{Scope: Scope{[]string{"other", "shop"}}}, want: Open},
		"a muted workload is ignored":                             {signal: signal(pull, pod(0)), view: View{Mutes: []Mute{{Namespace: "shop", Kind: "Deployment", Name: "api"}}}, want: Ignore},
		"a muted namespace is ignored until then":                 {signal: signal(pull, pod(0)), view: View{Mutes: []Mute{{Namespace: "shop", Until: noon.Add(time.Second)}}}, want: Ignore},
		"a mute that has run out mutes nothing":                   {signal: signal(pull, pod(0)), view: View{Mutes: []Mute{{Namespace: "shop", Until: noon}}}, want: Open},
		"a mute of another symptom mutes nothing":                 {signal: signal(pull, pod(0)), view: View{Mutes: []Mute{{Namespace: "shop", Symptom: crash}}}, want: Open},
		"a mute without any field mutes nothing":                  {signal: signal(pull, pod(0)), view: View{Mutes: []Mute{{}}}, want: Open},
		"a muted subject is ignored although an incident is open": {signal: signal(crash, pod(0)), view: View{Open: open(signals(pull, 1)...), Mutes: []Mute{{Namespace: "shop"}}}, want: Ignore},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.view.Quiet = 10 * time.Minute
			got := Decide(test.signal, test.view, noon)
			if got.Verdict != test.want || got.Into != test.into || !got.QuietUntil.Equal(test.quiet) {
				t.Errorf("Decide = %v into %q quiet until %v, want %v into %q quiet until %v (%s)",
					got.Verdict, got.Into, got.QuietUntil, test.want, test.into, test.quiet, got.Reason)
			}
			if got.Reason == "" {
				t.Error("the decision gives no reason")
			}
		})
	}
}

func TestANodeIsInEveryScope(t *testing.T) {
	s := signal(incident.SymptomNodeNotReady, action.Ref{Kind: "Node", Name: "n1"})
	s.Subject = s.Object
	if got := Decide(s, View{Scope: Scope{[]string{"shop"}}}, noon); got.Verdict != Open {
		t.Errorf("Decide = %v (%s), want open", got.Verdict, got.Reason)
	}
}

func TestAFingerprintOutlivesTheObject(t *testing.T) {
	again := api
	again.UID = "u-later"
	if Fingerprint("c", api) != Fingerprint("c", again) {
		t.Error("the same workload, made again, has another fingerprint")
	}
	seen := map[string]string{}
	for _, p := range []struct{ cluster, kind, ns, name string }{
		{"c", "Deployment", "shop", "api"}, {"d", "Deployment", "shop", "api"}, {"c", "StatefulSet", "shop", "api"},
		{"c", "Deployment", "shopa", "pi"}, {"c", "Deployment", "", "shopapi"}, {"cDeployment", "", "shop", "api"},
	} {
		f := Fingerprint(p.cluster, action.Ref{Kind: p.kind, Namespace: p.ns, Name: p.name})
		if was, ok := seen[f]; ok {
			t.Errorf("%v and %s share a fingerprint", p, was)
		}
		seen[f] = fmt.Sprint(p)
	}
}

func TestAnIDIsDeterministicAndWellFormed(t *testing.T) {
	f := Fingerprint("c", api)
	id := NewID(f, noon)
	if id != NewID(f, noon.In(time.FixedZone("", 3600))) {
		t.Error("the id depends on the time zone")
	}
	if !regexp.MustCompile(`^i[0-9a-f]{12}$`).MatchString(string(id)) {
		t.Errorf("id %q is malformed", id)
	}
	if id == NewID(f, noon.Add(time.Millisecond)) || id == NewID(f+"x", noon) {
		t.Error("different openings share an id")
	}
}
