package sizing

import (
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// judge is one judgement in the making.
type judge struct {
	x      *kube.Index
	bounds Bounds
	found  []Finding
}

// Judge says what could be sized better in a snapshot, and what it rests on.
func Judge(s *kube.Snapshot, b Bounds) Report {
	j := &judge{x: s.Index(), bounds: b}
	r := Report{}
	r.Uses, r.Unsampled = uses(j.x)
	for _, u := range r.Uses {
		j.memory(u)
		j.processor(u)
		j.requests(u)
	}
	for _, h := range s.Autoscalers {
		j.autoscaler(h)
	}
	j.idle(r.Uses)
	r.Blind = j.claims()
	slices.SortStableFunc(j.found, compare)
	r.Findings = j.found
	return r
}

func (j *judge) add(f Finding) {
	if obj := j.x.Object(f.Object); obj != nil {
		by, helm := kube.Managed(obj)
		switch {
		case by != "":
			f.Note = redact.Sprintf("%s is managed by %s: make the change there", ref(f.Object), redact.Name(by))
		case helm != "":
			f.Note = redact.Sprintf("Helm release %s made it: its next upgrade undoes a change made here, so change its values too", redact.Name(helm))
		}
	}
	j.found = append(j.found, f)
}

// about begins a finding about a container.
func about(u Use, code Code, danger Danger) Finding {
	return Finding{Code: code, Danger: danger, Object: u.Workload, Workload: u.Workload, Container: u.Container, Basis: u.Basis}
}

// passing reports pods whose requests are gone when their work is: nothing is
// saved there, and their template cannot be changed.
func passing(u Use) bool { return u.Workload.Kind == "Job" || u.Workload.Kind == "CronJob" }

func ref(r action.Ref) redact.Text { return redact.Name(r.String()) }

// lookLonger is the advice where one look is no ground for a figure.
func lookLonger(r action.Ref) redact.Text {
	return redact.Sprintf("look for longer before you lower anything: countersign optimize %s -n %s --watch 10m", ref(r), redact.Name(r.Namespace))
}

// set is the command that sets a request or limit of a workload's container.
func (u Use) set(what, value redact.Text) redact.Text {
	switch u.Workload.Kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
		if !u.sidecar {
			return redact.Sprintf("kubectl set resources %s -c %s --%s=%s -n %s",
				ref(u.Workload), redact.Name(u.Container), what, value, redact.Name(u.Workload.Namespace))
		}
	}
	return redact.Sprintf("set %s=%s for container %s in the manifest of %s", what, value, redact.Name(u.Container), ref(u.Workload))
}

// scaler is the autoscaler of a workload, or nil.
func (j *judge) scaler(workload action.Ref) *autoscalingv2.HorizontalPodAutoscaler {
	for _, h := range j.x.Autoscalers {
		if h.DeletionTimestamp == nil && same(target(h), workload) {
			return h
		}
	}
	return nil
}

func target(h *autoscalingv2.HorizontalPodAutoscaler) action.Ref {
	t := h.Spec.ScaleTargetRef
	return action.Ref{APIVersion: t.APIVersion, Kind: t.Kind, Namespace: h.Namespace, Name: t.Name}
}

// measured is one metric of a pod's resources that an autoscaler looks at.
type measured struct {
	resource  corev1.ResourceName
	container string // empty: all of them
	target    autoscalingv2.MetricTarget
}

// resources lists the resources that an autoscaler looks at, and whether it
// looks at anything else. Without metrics the API server's default is the
// processor.
func resources(h *autoscalingv2.HorizontalPodAutoscaler) (list []measured, others bool) {
	for i := range h.Spec.Metrics {
		switch m := &h.Spec.Metrics[i]; {
		case m.Resource != nil:
			list = append(list, measured{resource: m.Resource.Name, target: m.Resource.Target})
		case m.ContainerResource != nil:
			list = append(list, measured{resource: m.ContainerResource.Name, container: m.ContainerResource.Container, target: m.ContainerResource.Target})
		default:
			others = true
		}
	}
	if len(h.Spec.Metrics) == 0 {
		list = []measured{{resource: corev1.ResourceCPU}}
	}
	return list, others
}

// looksAt reports whether an autoscaler scales on a resource of the container.
func looksAt(h *autoscalingv2.HorizontalPodAutoscaler, resource corev1.ResourceName, container string) bool {
	list, _ := resources(h)
	return slices.ContainsFunc(list, func(m measured) bool {
		return m.resource == resource && (m.container == "" || m.container == container)
	})
}

// sights says in words what an autoscaler scales on.
func sights(h *autoscalingv2.HorizontalPodAutoscaler) redact.Text {
	list, others := resources(h)
	var names []redact.Text
	for _, m := range list {
		names = append(names, redact.Name(string(m.resource)))
	}
	if others {
		names = append(names, redact.Literal("metrics of its own"))
	}
	slices.SortFunc(names, func(a, b redact.Text) int { return len(a.String()) - len(b.String()) })
	return redact.Join(" and ", slices.Compact(names)...)
}
