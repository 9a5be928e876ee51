package sizing

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// requests compares requests with use: too high is paid for, too low fills the
// nodes with what they do not have.
func (j *judge) requests(u Use) {
	if u.Sampled == 0 || passing(u) {
		return
	}
	switch needed := roundMemory(with(u.Memory.Used)); {
	case u.Memory.Request >= farFactor*needed && times(u.Memory.Request-needed, u.Pods) >= smallMemory:
		j.memoryTooHigh(u, needed)
	case share(u.Memory.Used, max(1, u.Memory.Request)) > farBelowLess && u.Memory.Used-u.Memory.Request >= 2*smallMemory:
		f := about(u, RequestTooLow, Warning)
		f.Summary = redact.Sprintf("container %s uses %s of memory and requests %s: the node is filled by a figure that is not true, and the pod is among the first to be evicted",
			redact.Name(u.Container), kube.Memory(u.Memory.Used), orNone(u.Memory.Request, kube.Memory))
		f.Advice = []redact.Text{u.set(redact.Literal("requests"), redact.Sprintf("memory=%s", size(below(needed, u.Memory.Limit))))}
		j.add(f)
	}
	switch needed := roundCPU(with(u.CPU.Used)); {
	case u.CPU.Request >= farFactor*needed && times(u.CPU.Request-needed, u.Pods) >= smallCPU:
		j.cpuTooHigh(u, needed)
	case share(u.CPU.Used, max(1, u.CPU.Request)) > farBelowLess && u.CPU.Used-u.CPU.Request >= 2*smallCPU:
		f := about(u, RequestTooLow, Note)
		f.Summary = redact.Sprintf("container %s uses %s of processor time and requests %s: it gets that much only while its neighbours are idle",
			redact.Name(u.Container), kube.CPU(u.CPU.Used), orNone(u.CPU.Request, kube.CPU))
		f.Advice = []redact.Text{u.set(redact.Literal("requests"), redact.Sprintf("cpu=%s", kube.CPU(below(needed, u.CPU.Limit))))}
		j.add(f)
	}
}

// below keeps a request within the limit, if there is one.
func below(n, limit int64) int64 {
	if limit > 0 {
		return min(n, limit)
	}
	return n
}

func orNone(n int64, words func(int64) redact.Text) redact.Text {
	if n == 0 {
		return redact.Literal("none")
	}
	return words(n)
}

func (j *judge) memoryTooHigh(u Use, needed int64) {
	f := about(u, RequestTooHigh, Note)
	f.Saving.Memory = times(u.Memory.Request-needed, u.Pods)
	f.Summary = redact.Sprintf("container %s requests %s of memory and was seen to use %s at most",
		redact.Name(u.Container), kube.Memory(u.Memory.Request), kube.Memory(u.Memory.Used))
	switch measured := j.measuredBy(u, corev1.ResourceMemory); {
	case !u.Basis.Long():
		f.Instead = redact.Literal("memory is lowered only after ten minutes of samples: what was not seen may still come")
		f.Advice = []redact.Text{lookLonger(u.Workload)}
	case !measured.IsEmpty():
		f.Instead = measured
		f.Advice = []redact.Text{u.set(redact.Literal("requests"), redact.Sprintf("memory=%s", size(needed)))}
	default:
		j.lower(&f, u, needed)
		f.Advice = []redact.Text{u.set(redact.Literal("requests"), redact.Sprintf("memory=%s", size(needed)))}
	}
	j.add(f)
}

func (j *judge) cpuTooHigh(u Use, needed int64) {
	f := about(u, RequestTooHigh, Note)
	f.Saving.CPUMilli = times(u.CPU.Request-needed, u.Pods)
	f.Summary = redact.Sprintf("container %s requests %s of processor time and uses %s",
		redact.Name(u.Container), kube.CPU(u.CPU.Request), kube.CPU(u.CPU.Used))
	f.Instead = redact.Literal("Countersign sets no processor requests")
	f.Advice = []redact.Text{lookLonger(u.Workload)}
	if u.Basis.Long() {
		f.Advice = []redact.Text{u.set(redact.Literal("requests"), redact.Sprintf("cpu=%s", kube.CPU(needed)))}
		if measured := j.measuredBy(u, corev1.ResourceCPU); !measured.IsEmpty() {
			f.Advice = append(f.Advice, measured)
		}
	}
	j.add(f)
}

// measuredBy says that an autoscaler takes the request as its measure, so that
// another request means another number of replicas; empty where none does.
func (j *judge) measuredBy(u Use, resource corev1.ResourceName) redact.Text {
	h := j.scaler(u.Workload)
	if h == nil {
		return redact.Text{}
	}
	list, _ := resources(h)
	for _, m := range list {
		if m.resource == resource && m.relative() && (m.container == "" || m.container == u.Container) {
			return redact.Sprintf("%s measures against this request: with another one it wants another number of replicas", ref(kube.RefOf(h)))
		}
	}
	return redact.Text{}
}

// relative reports whether the target is a share of the request, which is also
// the API server's default.
func (m measured) relative() bool {
	return m.target.Type == autoscalingv2.UtilizationMetricType || m.target.Type == ""
}
