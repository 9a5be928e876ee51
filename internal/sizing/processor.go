package sizing

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// processor finds a container that its processor limit holds back.
func (j *judge) processor(u Use) {
	if u.Pinned == 0 || u.CPU.Limit == 0 {
		return
	}
	f := about(u, CPUAtLimit, Warning)
	limit := kube.CPU(u.CPU.Limit)
	if u.Basis.Settled() && u.Pinned >= fewSamples {
		f.Summary = redact.Sprintf("container %s is held back at its processor limit of %s: %s of %s samples of pod %s stand at it",
			redact.Name(u.Container), limit, redact.Int(int64(u.Pinned)), redact.Int(int64(u.Basis.Samples)), redact.Name(u.BusyPod))
	} else {
		f.Summary = redact.Sprintf("container %s stands at its processor limit of %s in pod %s: it is likely held back",
			redact.Name(u.Container), limit, redact.Name(u.BusyPod))
	}
	f.Instead = redact.Literal("Countersign sets no processor limits")
	f.Advice = []redact.Text{
		u.set(redact.Literal("limits"), redact.Sprintf("cpu=%s", kube.CPU(roundCPU(2*u.CPU.Limit)))),
		redact.Literal("what it would use without the limit is not seen: double it, or take it away and let the request speak, and look again"),
	}
	if h := j.scaler(u.Workload); h != nil && looksAt(h, corev1.ResourceCPU, u.Container) {
		f.Summary = redact.Sprintf("%s; %s scales on it", f.Summary, ref(kube.RefOf(h)))
	}
	j.add(f)
}

// Words says what figures rest on.
func (b Basis) Words() redact.Text {
	switch {
	case b == Basis{}:
		return redact.Literal("the objects as they are")
	case b.Samples <= 1:
		return redact.Literal("one look")
	}
	return redact.Sprintf("%s samples over %s", redact.Int(int64(b.Samples)), redact.Duration(b.Span.Round(time.Second)))
}
