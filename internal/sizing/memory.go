package sizing

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// memory finds a container that is about to be killed for its memory, and one
// that nothing holds.
func (j *judge) memory(u Use) {
	if u.Memory.Limit == 0 {
		if !passing(u) {
			f := about(u, MemoryUnlimited, Note)
			f.Summary = redact.Sprintf("container %s has no memory limit: a leak in it takes the memory of its node", redact.Name(u.Container))
			if u.Sampled > 0 && u.Basis.Long() {
				f.Advice = []redact.Text{u.set(redact.Literal("limits"), redact.Sprintf("memory=%s", size(roundMemory(2*with(u.Memory.Used)))))}
			} else {
				f.Advice = []redact.Text{redact.Literal("set a limit well above what it uses under load; a LimitRange gives the namespace a default")}
			}
			j.add(f)
		}
		return
	}
	of := share(u.Memory.Used, u.Memory.Limit)
	if u.Sampled == 0 || of < nearLimit {
		return
	}
	f := about(u, MemoryNearLimit, Warning)
	if of >= veryNearLimit {
		f.Danger = Critical
	}
	f.Summary = redact.Sprintf("container %s uses %s of its memory limit of %s (%s %%, most in pod %s)",
		redact.Name(u.Container), kube.Memory(u.Memory.Used), kube.Memory(u.Memory.Limit), redact.Int(of), redact.Name(u.PeakPod))
	h := j.scaler(u.Workload)
	if h != nil && !looksAt(h, corev1.ResourceMemory, u.Container) {
		f.Code = MemoryUnscaled
		f.Summary = redact.Sprintf("%s, and %s scales on %s: it adds no replica before the kernel kills the container",
			f.Summary, ref(kube.RefOf(h)), sights(h))
	}
	want := roundMemory(with(u.Memory.Used))
	j.raise(&f, u, want)
	f.Advice = append(f.Advice, u.set(redact.Literal("limits"), redact.Sprintf("memory=%s", size(want))))
	if f.Code == MemoryUnscaled {
		f.Advice = append(f.Advice, redact.Sprintf("if more replicas would share the memory, let %s scale on memory too", ref(kube.RefOf(h))))
	}
	j.add(f)
}

// size is an amount as a manifest has it.
func size(bytes int64) redact.Text {
	q := memoryQuantity(bytes)
	return redact.Quantity(q.String())
}

// raise proposes a higher limit, or says why not.
func (j *judge) raise(f *Finding, u Use, want int64) {
	c, why := j.changeable(u)
	if !why.IsEmpty() {
		f.Instead = why
		return
	}
	params, ok := action.MemoryChange(u.Container, limitOf(c), c.Resources.Requests[corev1.ResourceMemory], memoryQuantity(want))
	if !ok || quantityBytes(params.ToMemoryLimit) < with(u.Memory.Used) {
		f.Instead = redact.Sprintf("what it needs is more than one step may give (at most twice, and below %s)", redact.Literal(action.MaxMemoryLimit))
		return
	}
	f.Why = redact.Sprintf("leaves room above the %s seen; it does not remove what uses the memory", kube.Memory(u.Memory.Used))
	j.propose(f, u, params)
}

// lower proposes a lower limit, where the request goes with it, or says why not.
func (j *judge) lower(f *Finding, u Use, needed int64) {
	c, why := j.changeable(u)
	if !why.IsEmpty() {
		f.Instead = why
		return
	}
	if u.Memory.Request != u.Memory.Limit {
		f.Instead = redact.Literal("Countersign sets memory limits, and requests where they go with them: this request stands for itself")
		return
	}
	half := roundMemory((u.Memory.Limit + 1) / 2)
	params, ok := action.MemoryChange(u.Container, limitOf(c), c.Resources.Requests[corev1.ResourceMemory], memoryQuantity(max(needed, half)))
	if !ok || quantityBytes(params.ToMemoryLimit) < with(u.Memory.Used) {
		f.Instead = redact.Sprintf("one step may not go there (at least half, and from below %s)", redact.Literal(action.MaxMemoryLimit))
		return
	}
	f.Why = redact.Sprintf("leaves half as much again above the %s seen at most", kube.Memory(u.Memory.Used))
	j.propose(f, u, params)
}

func (j *judge) propose(f *Finding, u Use, params action.SetResourcesParams) {
	a := action.Action{Kind: action.SetResources, Target: kube.RefOf(j.x.Object(u.Workload)), Params: action.Params{SetResources: &params}}
	if a.Validate() == nil {
		f.Change = &a
	}
}

// changeable is the container in its Deployment's template, or why no change of
// its memory can be proposed.
func (j *judge) changeable(u Use) (*corev1.Container, redact.Text) {
	d, ok := j.x.Object(u.Workload).(*appsv1.Deployment)
	if !ok || u.sidecar {
		return nil, redact.Literal("Countersign sets the memory of containers of Deployments only")
	}
	by, _ := kube.Managed(d)
	switch ns := u.Workload.Namespace; {
	case by != "":
		return nil, redact.Sprintf("managed by %s, which would revert the change", redact.Name(by))
	case j.bounds.protects(j.x, ns):
		return nil, redact.Sprintf("namespace %s is protected", redact.Name(ns))
	case j.bounds.Enabled == nil || !j.bounds.Enabled(ns):
		return nil, redact.Literal("actions of kind set-resources are not enabled here")
	case desired(d) > j.bounds.MaxPods:
		return nil, redact.Sprintf("the change replaces %s pods at once, %s are allowed", redact.Int(int64(desired(d))), redact.Int(int64(j.bounds.MaxPods)))
	case !u.Basis.Settled():
		return nil, redact.Literal("one look proposes nothing: look over a time with --watch")
	}
	for i := range d.Spec.Template.Spec.Containers {
		c := &d.Spec.Template.Spec.Containers[i]
		if c.Name == u.Container && bytes(c.Resources.Limits) == u.Memory.Limit {
			return c, redact.Text{}
		}
	}
	return nil, redact.Literal("its limit is not that of the Deployment's template: a rollout is under way, or a LimitRange or webhook sets it")
}

func desired(d *appsv1.Deployment) int {
	if d.Spec.Replicas == nil {
		return 1
	}
	return int(*d.Spec.Replicas)
}

func limitOf(c *corev1.Container) resource.Quantity { return c.Resources.Limits[corev1.ResourceMemory] }

// quantityBytes reads an amount of a validated action.
func quantityBytes(s string) int64 {
	q, err := resource.ParseQuantity(s)
	if err != nil {
		return 0
	}
	return bytes(corev1.ResourceList{corev1.ResourceMemory: q})
}
