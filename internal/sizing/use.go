package sizing

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// Figures compare use with what was asked for: milli for processor time, bytes
// for memory. A request or limit of 0 means that there is none.
type Figures struct {
	Used    int64 `json:"used"`
	Request int64 `json:"request"`
	Limit   int64 `json:"limit"`
}

// Use is what one container of a workload uses: of memory the most that a pod
// was seen to use, of processor time the 95th percentile of all samples.
type Use struct {
	Workload  action.Ref
	Container string
	Pods      int // that run and have these requests and limits
	Sampled   int // of these, with samples
	Basis     Basis
	CPU       Figures
	Memory    Figures
	// PeakPod is the pod that used the most memory.
	PeakPod string
	// Pinned counts, of the pod that has most of them, the samples at the
	// processor limit; BusyPod is that pod.
	Pinned  int
	BusyPod string

	peakCPU int64
	sidecar bool
}

// key is a container of a workload.
type key struct {
	workload  action.Ref
	container string
}

// running is one container of a pod, and its samples, the oldest first.
type running struct {
	pod     *corev1.Pod
	spec    *corev1.Container
	sidecar bool
	samples []kube.Usage
}

// uses groups the containers that run by workload. Pods of an older revision,
// whose requests or limits differ from those of the youngest, are left out.
func uses(x *kube.Index) (list []Use, unsampled int) {
	samples := byContainer(x.Usage)
	groups := map[key][]running{}
	for _, p := range x.Pods {
		if p.DeletionTimestamp != nil || p.Status.Phase != corev1.PodRunning {
			continue
		}
		top, sampled := x.Subject(kube.RefOf(p)), false
		for _, r := range containersOf(p) {
			r.samples = since(samples[key{kube.Key("Pod", p.Namespace, p.Name), r.spec.Name}], p.CreationTimestamp.Time)
			sampled = sampled || len(r.samples) > 0
			k := key{top, r.spec.Name}
			groups[k] = append(groups[k], r)
		}
		if !sampled {
			unsampled++
		}
	}
	for k, g := range groups {
		list = append(list, sum(k, g))
	}
	slices.SortFunc(list, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Workload.Namespace, b.Workload.Namespace), cmp.Compare(a.Workload.Kind, b.Workload.Kind),
			cmp.Compare(a.Workload.Name, b.Workload.Name), cmp.Compare(a.Container, b.Container))
	})
	return list, unsampled
}

func byContainer(all []kube.Usage) map[key][]kube.Usage {
	out := map[key][]kube.Usage{}
	for _, u := range all {
		if u.CPUMilli < 0 || u.Memory < 0 || u.Window < 0 {
			continue
		}
		u.CPUMilli, u.Memory = clamp(u.CPUMilli), clamp(u.Memory)
		k := key{kube.Key("Pod", u.Pod.Namespace, u.Pod.Name), u.Container}
		out[k] = append(out[k], u)
	}
	for k, list := range out {
		slices.SortStableFunc(list, func(a, b kube.Usage) int { return a.At.Compare(b.At) })
		out[k] = slices.CompactFunc(list, func(a, b kube.Usage) bool { return a.At.Equal(b.At) })
	}
	return out
}

// since leaves out samples of an earlier pod of the same name.
func since(list []kube.Usage, made time.Time) []kube.Usage {
	return slices.DeleteFunc(slices.Clone(list), func(u kube.Usage) bool { return u.At.Before(made) })
}

// containersOf lists what runs as long as the pod: its containers, and init
// containers that are restarted (sidecars).
func containersOf(p *corev1.Pod) []running {
	var out []running
	for i := range p.Spec.Containers {
		out = append(out, running{pod: p, spec: &p.Spec.Containers[i]})
	}
	for i := range p.Spec.InitContainers {
		c := &p.Spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			out = append(out, running{pod: p, spec: c, sidecar: true})
		}
	}
	return out
}

// sum makes one Use of the youngest pod's requests and limits and of the samples
// of all pods that share them.
func sum(k key, group []running) Use {
	slices.SortStableFunc(group, func(a, b running) int {
		return cmp.Or(b.pod.CreationTimestamp.Compare(a.pod.CreationTimestamp.Time), cmp.Compare(a.pod.Name, b.pod.Name))
	})
	want := group[0].spec.Resources
	u := Use{
		Workload: k.workload, Container: k.container, sidecar: group[0].sidecar,
		CPU:    Figures{Request: milli(want.Requests), Limit: milli(want.Limits)},
		Memory: Figures{Request: bytes(want.Requests), Limit: bytes(want.Limits)},
	}
	var cpu []int64
	for _, r := range group {
		if milli(r.spec.Resources.Requests) != u.CPU.Request || milli(r.spec.Resources.Limits) != u.CPU.Limit ||
			bytes(r.spec.Resources.Requests) != u.Memory.Request || bytes(r.spec.Resources.Limits) != u.Memory.Limit {
			continue
		}
		u.Pods++
		if len(r.samples) == 0 {
			continue
		}
		u.Sampled++
		pinned := 0
		for _, s := range r.samples {
			cpu = append(cpu, s.CPUMilli)
			if share(s.CPUMilli, u.CPU.Limit) >= atLimit {
				pinned++
			}
			if s.Memory > u.Memory.Used || u.PeakPod == "" {
				u.Memory.Used, u.PeakPod = s.Memory, r.pod.Name
			}
		}
		if 2*pinned >= len(r.samples) && pinned > u.Pinned {
			u.Pinned, u.BusyPod = pinned, r.pod.Name
		}
		if b := basisOf(r.samples); b.Samples > u.Basis.Samples {
			u.Basis = b
		}
	}
	u.CPU.Used, u.peakCPU = percentile95(cpu)
	return u
}

func basisOf(samples []kube.Usage) Basis {
	first, last := samples[0], samples[len(samples)-1]
	return Basis{Samples: len(samples), Span: last.At.Sub(first.At) + first.Window}
}

// percentile95 is the nearest rank, and the greatest.
func percentile95(list []int64) (p95, peak int64) {
	if len(list) == 0 {
		return 0, 0
	}
	slices.Sort(list)
	return list[(len(list)*95+99)/100-1], list[len(list)-1]
}

func milli(list corev1.ResourceList) int64 { return amount(list, corev1.ResourceCPU, resource.Milli) }

func bytes(list corev1.ResourceList) int64 { return amount(list, corev1.ResourceMemory, 0) }

// amount reads a quantity; one that is beyond what a machine has counts as the
// most that is reckoned with.
func amount(list corev1.ResourceList, name corev1.ResourceName, scale resource.Scale) int64 {
	q, ok := list[name]
	if !ok || q.Sign() <= 0 {
		return 0
	}
	if q.Cmp(*resource.NewScaledQuantity(most, scale)) >= 0 {
		return most
	}
	return q.ScaledValue(scale)
}
