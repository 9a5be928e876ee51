package sizing

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// tolerance is the share of a target, in percent, beyond which an autoscaler
// acts.
const tolerance = 110

// autoscaler finds one that can scale no more, that never scales, or that has
// nothing to measure against.
func (j *judge) autoscaler(h *autoscalingv2.HorizontalPodAutoscaler) {
	if h.DeletionTimestamp != nil {
		return
	}
	least := int32(1)
	if h.Spec.MinReplicas != nil {
		least = *h.Spec.MinReplicas
	}
	f := Finding{Object: kube.RefOf(h), Workload: j.x.Subject(target(h))}
	switch {
	case least == h.Spec.MaxReplicas:
		f.Code, f.Danger = AutoscalerConstant, Note
		f.Summary = redact.Sprintf("holds %s at %s replicas whatever the load: its minimum is its maximum", ref(target(h)), redact.Int(int64(least)))
		f.Advice = []redact.Text{redact.Literal("raise its maximum, or remove it and set the replicas of the workload")}
		j.add(f)
	case h.Status.CurrentReplicas >= h.Spec.MaxReplicas && h.Status.CurrentReplicas > 0:
		j.atMaximum(f, h)
	}
	j.withoutRequest(h)
}

func (j *judge) atMaximum(f Finding, h *autoscalingv2.HorizontalPodAutoscaler) {
	of, name, over := overTarget(h)
	if !over && !limited(h) {
		return
	}
	f.Code, f.Danger = AutoscalerAtMost, Warning
	f.Summary = redact.Sprintf("holds %s at its maximum of %s replicas although the load asks for more",
		ref(target(h)), redact.Int(int64(h.Spec.MaxReplicas)))
	if over {
		f.Summary = redact.Sprintf("%s (%s stands at %s %% of its target)", f.Summary, redact.Name(string(name)), redact.Int(of))
		wants := (int64(h.Status.CurrentReplicas)*of + 99) / 100
		f.Advice = append(f.Advice, redact.Sprintf("at this load the target takes about %s replicas", redact.Int(wants)))
	}
	f.Advice = append(f.Advice, redact.Sprintf("raise maxReplicas of %s if nodes and what it depends on can carry it: kubectl edit hpa %s -n %s",
		ref(f.Object), redact.Name(h.Name), redact.Name(h.Namespace)))
	j.add(f)
}

func limited(h *autoscalingv2.HorizontalPodAutoscaler) bool {
	for i := range h.Status.Conditions {
		c := &h.Status.Conditions[i]
		if c.Type == autoscalingv2.ScalingLimited && c.Status == corev1.ConditionTrue && c.Reason == "TooManyReplicas" {
			return true
		}
	}
	return false
}

// overTarget is the resource that is the furthest above its target, in percent
// of the target. Only targets in utilization are compared: those of other kinds
// are quantities of the metric's own unit.
func overTarget(h *autoscalingv2.HorizontalPodAutoscaler) (of int64, name corev1.ResourceName, over bool) {
	list, _ := resources(h)
	for _, m := range list {
		if m.target.AverageUtilization == nil || *m.target.AverageUtilization <= 0 {
			continue
		}
		if now := utilization(h, m); share(int64(now), int64(*m.target.AverageUtilization)) > max(of, tolerance) {
			of, name, over = share(int64(now), int64(*m.target.AverageUtilization)), m.resource, true
		}
	}
	return of, name, over
}

// utilization is what the autoscaler measured last; 0 where it measured nothing.
func utilization(h *autoscalingv2.HorizontalPodAutoscaler, m measured) int32 {
	for i := range h.Status.CurrentMetrics {
		var now *autoscalingv2.MetricValueStatus
		switch c := &h.Status.CurrentMetrics[i]; {
		case c.Resource != nil && m.container == "" && c.Resource.Name == m.resource:
			now = &c.Resource.Current
		case c.ContainerResource != nil && c.ContainerResource.Container == m.container && c.ContainerResource.Name == m.resource:
			now = &c.ContainerResource.Current
		}
		if now != nil && now.AverageUtilization != nil {
			return *now.AverageUtilization
		}
	}
	return 0
}

// withoutRequest finds containers without the request that an autoscaler
// measures against: then it measures nothing.
func (j *judge) withoutRequest(h *autoscalingv2.HorizontalPodAutoscaler) {
	t := target(h)
	list, _ := resources(h)
	for _, w := range j.x.Templates(h.Namespace) {
		if !same(w.Ref, t) {
			continue
		}
		for _, m := range list {
			if c := lacking(w.Pod.Spec.Containers, m); m.relative() && c != "" {
				u := Use{Workload: w.Ref, Container: c}
				f := about(u, AutoscalerBlind, Warning)
				f.Summary = redact.Sprintf("container %s has no request for %s, against which %s measures: it cannot scale",
					redact.Name(c), redact.Name(string(m.resource)), ref(kube.RefOf(h)))
				f.Advice = []redact.Text{u.set(redact.Literal("requests"), redact.Sprintf("%s=AMOUNT", redact.Name(string(m.resource))))}
				j.add(f)
			}
		}
	}
}

// lacking names the first container without a request, which a limit stands in
// for, or the empty string.
func lacking(containers []corev1.Container, m measured) string {
	for i := range containers {
		c := &containers[i]
		_, requested := c.Resources.Requests[m.resource]
		_, limited := c.Resources.Limits[m.resource]
		if !requested && !limited && (m.container == "" || m.container == c.Name) {
			return c.Name
		}
	}
	return ""
}
