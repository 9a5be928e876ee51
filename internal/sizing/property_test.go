package sizing

import (
	"math/rand/v2"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// TestEveryProposalIsWithinBoundsAboveThePeakAndOneStepFromTakenBack puts
// thousands of containers before the judge.
func TestEveryProposalIsWithinBoundsAboveThePeakAndOneStepFromTakenBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	raised, lowered := 0, 0
	for range 5000 {
		limit := 1 + r.Int64N(6*gibi>>r.IntN(12))
		request := limit
		if r.IntN(2) == 0 {
			request = 1 + r.Int64N(limit)
		}
		w := newWorld(1+r.IntN(3), asked("100m/", ""))
		want := w.deployment.Spec.Template.Spec.Containers[0].Resources
		want.Limits["memory"], want.Requests["memory"] = memoryQuantity(limit), memoryQuantity(request)
		for _, p := range w.Pods {
			p.Spec.Containers[0].Resources = want
		}
		samples := []int{1, 2, 3, 10, 41}[r.IntN(5)]
		peak, part := int64(0), int64(1+9*r.IntN(2))
		for _, p := range w.Pods {
			for i := range samples {
				used := r.Int64N(limit+1+limit/20) / part
				peak = max(peak, used)
				w.Usage = append(w.Usage, kube.Usage{Pod: kube.Key("Pod", "shop", p.Name), Container: "app", Memory: used, CPUMilli: r.Int64N(2000),
					At: noon.Add(-time.Duration(i) * 15 * time.Second), Window: 15 * time.Second})
			}
		}
		for _, f := range Judge(w.Snapshot, allowed()).Findings {
			if f.Change == nil {
				continue
			}
			p := f.Change.Params.SetResources
			to, from := resource.MustParse(p.ToMemoryLimit), resource.MustParse(p.FromMemoryLimit)
			_, back := f.Change.Inverse()
			switch bound := resource.MustParse(action.MaxMemoryLimit); {
			case f.Change.Validate() != nil:
				t.Fatalf("the catalogue refuses %+v: %v", *p, f.Change.Validate())
			case to.Cmp(bound) >= 0 || !back:
				t.Fatalf("%+v is beyond the bound, or cannot be taken back (%t)", *p, back)
			case to.Value()*100 < peak*headroom:
				t.Fatalf("%+v leaves no room above the peak of %d", *p, peak)
			case from.Value() != limit:
				t.Fatalf("%+v is not about the limit of %d", *p, limit)
			case !f.Basis.Settled():
				t.Fatalf("%+v is proposed on %s", *p, f.Basis.Words())
			}
			if to.Cmp(from) > 0 {
				raised++
				continue
			}
			lowered++
			if !f.Basis.Long() || request != limit {
				t.Fatalf("%+v is lowered on %s, request %d of limit %d", *p, f.Basis.Words(), request, limit)
			}
		}
	}
	if raised < 100 || lowered < 100 {
		t.Errorf("only %d raised and %d lowered: the test sees too little", raised, lowered)
	}
}

// FuzzAnyQuantityAndSample holds the judge to its bounds whatever the API says:
// quantities come from manifests, samples from an extension server.
func FuzzAnyQuantityAndSample(f *testing.F) {
	for _, q := range []string{"64Mi", "1Gi", "-1", "0", "1n", "9223372036854775807", "1e30", "8Ei", "1.5Gi", "100M", ""} {
		f.Add(q, q, int64(60<<20), int64(50), int64(15))
	}
	f.Add("1Ei", "9Ei", int64(1)<<62, int64(-1), int64(-5))
	f.Fuzz(func(t *testing.T, request, limit string, memory, cpu, seconds int64) {
		w := newWorld(2, asked("", ""))
		want := w.deployment.Spec.Template.Spec.Containers[0].Resources
		for text, list := range map[*string]map[string]bool{&request: {"r": true}, &limit: {"l": true}} {
			q, err := resource.ParseQuantity(*text)
			if err != nil || len(*text) > 40 {
				continue
			}
			if list["r"] {
				want.Requests["memory"], want.Requests["cpu"] = q, q
			} else {
				want.Limits["memory"], want.Limits["cpu"] = q, q
			}
		}
		for _, p := range w.Pods {
			p.Spec.Containers[0].Resources = want
			for i := range 41 {
				w.Usage = append(w.Usage, kube.Usage{Pod: kube.Key("Pod", "shop", p.Name), Container: "app", Memory: memory, CPUMilli: cpu,
					At: noon.Add(-time.Duration(int64(i)*(seconds%1000)) * time.Second), Window: time.Duration(seconds)})
			}
		}
		r := Judge(w.Snapshot, allowed())
		for _, n := range r.Findings {
			if n.Change != nil && (n.Change.Validate() != nil || quantityBytes(n.Change.Params.SetResources.ToMemoryLimit) < with(memory)) {
				t.Errorf("proposed %+v at a use of %d", *n.Change.Params.SetResources, memory)
			}
			if n.Saving.CPUMilli < 0 || n.Saving.Memory < 0 || n.Saving.Storage < 0 || n.Summary.IsEmpty() {
				t.Errorf("%s: saving %+v, said %q", n.Code, n.Saving, n.Summary)
			}
		}
		r.Namespaces()
	})
}
