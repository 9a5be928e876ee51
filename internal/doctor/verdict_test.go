package doctor

import (
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/remediate"
)

// proving is what the executor of a kind reports behind a fence that stands.
func proving(kind action.Kind) remediate.Result {
	r := remediate.Result{State: remediate.Probed, Mode: action.Probe, Probes: []remediate.Attempt{{Name: remediate.OwnChange, Outcome: remediate.Open}}}
	for _, name := range mustMeet(kind) {
		r.Probes = append(r.Probes, remediate.Attempt{Name: name, Outcome: remediate.ByPolicy})
	}
	for _, name := range []string{"create-pod", "token"} {
		r.Probes = append(r.Probes, remediate.Attempt{Name: name, Outcome: remediate.ByRBAC})
	}
	return r
}

func TestAProbeCountsOnlyIfThePolicyRefusedWhatItMust(t *testing.T) {
	set := func(name string, o remediate.Outcome) func(*remediate.Result) {
		return func(r *remediate.Result) {
			for i := range r.Probes {
				if r.Probes[i].Name == name {
					r.Probes[i].Outcome = o
				}
			}
		}
	}
	const policy = "countersign-set-resources"
	for name, c := range map[string]struct {
		with func(*remediate.Result)
		want string
	}{
		"all refused by policy or rights":               {func(*remediate.Result) {}, ""},
		"one got through":                               {set("host-network", remediate.Open), "policy countersign-set-resources does not refuse host-network"},
		"refused by rights before the policy was asked": {set("host-network", remediate.ByRBAC), "host-network is refused to set-resources, but not by policy countersign-set-resources"},
		"refused by a webhook":                          {set("replicas", remediate.ByOther), "replicas is refused to set-resources, but not by policy countersign-set-resources"},
		"the own change is refused":                     {set(remediate.OwnChange, remediate.ByPolicy), "set-resources is refused the one change that it is for"},
		"a new object got through":                      {set("create-pod", remediate.Open), "policy countersign-set-resources does not refuse create-pod"},
		"a new object refused by something else":        {set("token", remediate.ByOther), "policy countersign-set-resources does not refuse token"},
		"one was not tried":                             {func(r *remediate.Result) { r.Probes = r.Probes[:3] }, "host-ipc was not tried with set-resources"},
		"none was tried":                                {func(r *remediate.Result) { r.Probes = nil }, "set-resources is refused the one change that it is for"},
		"it did not get that far":                       {func(r *remediate.Result) { r.State = remediate.Failed }, "the probe of set-resources could not be made"},
		"the zero value":                                {func(r *remediate.Result) { *r = remediate.Result{} }, "the probe of set-resources could not be made"},
		"a refusal beside an open one of the same name": {func(r *remediate.Result) {
			r.Probes = append(r.Probes, remediate.Attempt{Name: "host-pid", Outcome: remediate.Open})
		}, "policy countersign-set-resources does not refuse host-pid"},
		"words of the executor's are not repeated": {func(r *remediate.Result) {
			r.Probes = append(r.Probes, remediate.Attempt{Name: "<!channel>", Outcome: remediate.Open})
		}, "policy countersign-set-resources does not refuse everything that it must"},
	} {
		t.Run(name, func(t *testing.T) {
			r := proving(action.SetResources)
			c.with(&r)
			if got := verdict(action.SetResources, policy, r); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	for _, e := range action.Catalogue() {
		if got := verdict(e.Kind, policy, proving(e.Kind)); got != "" {
			t.Errorf("%s: %s", e.Kind, got)
		}
	}
}
