package action

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
)

func TestAMemoryChangeIsOneStepWithinTheBound(t *testing.T) {
	for _, c := range []struct{ limit, request, want, to, toRequest string }{
		{"256Mi", "", "384Mi", "384Mi", ""},
		{"256Mi", "", "2Gi", "512Mi", ""},           // at most twice
		{"1Gi", "", "100Mi", "512Mi", ""},           // at least half
		{"1Gi", "1Gi", "512Mi", "512Mi", "512Mi"},   // equal stays equal
		{"1Gi", "800Mi", "512Mi", "512Mi", "512Mi"}, // a request is never above its limit
		{"1Gi", "100Mi", "512Mi", "512Mi", ""},      // others stand for themselves
		{"64M", "", "128M", "128M", ""},             // in the words that were used
		{"3Gi", "", "6Gi", "3840Mi", ""},            // below the bound
		{"3840Mi", "", "8Gi", "", ""},               // nothing is left to give
		{"4Gi", "", "8Gi", "", ""},
		{"6Gi", "", "3Gi", "", ""}, // no step would take it back
		{"256Mi", "", "256Mi", "", ""},
		{"0", "", "256Mi", "", ""},
	} {
		request := resource.Quantity{}
		if c.request != "" {
			request = resource.MustParse(c.request)
		}
		p, ok := MemoryChange("web", resource.MustParse(c.limit), request, resource.MustParse(c.want))
		if ok != (c.to != "") || ok && (p.ToMemoryLimit != c.to || p.ToMemoryRequest != c.toRequest || p.FromMemoryLimit != c.limit) {
			t.Errorf("%s towards %s (request %q): %+v %t, want %q and request %q", c.limit, c.want, c.request, p, ok, c.to, c.toRequest)
		}
		if !ok {
			continue
		}
		a := Action{Kind: SetResources, Target: Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "11111111-2222-3333-4444-555555555555"},
			Params: Params{SetResources: &p}}
		if err := a.Validate(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
		if _, back := a.Inverse(); !back {
			t.Errorf("%+v cannot be taken back", p)
		}
	}
}
