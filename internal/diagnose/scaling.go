package diagnose

import (
	"regexp"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

const (
	// metricsAfter is how long an autoscaler may be without metrics: those of new
	// pods come late.
	metricsAfter = kube.PendingAfter
	// maximumAfter is how long load may stay beyond an autoscaler's maximum before
	// those who ask are told: one round of its controller. It is announced after its
	// hold; what passes sooner is a peak.
	maximumAfter = 15 * time.Second
)

// autoscalerFaults says whether an autoscaler cannot do its work. One whose
// target is scaled to zero is at rest (ScalingDisabled).
func (l *look) autoscalerFaults(h *autoscalingv2.HorizontalPodAutoscaler) []kube.Symptom {
	if h.DeletionTimestamp != nil {
		return nil
	}
	for i := range h.Status.Conditions {
		c := &h.Status.Conditions[i]
		class, since := "", c.LastTransitionTime.Time
		switch {
		case c.Type == autoscalingv2.AbleToScale && c.Status == corev1.ConditionFalse && c.Reason == "FailedGetScale":
			class = "target"
		case c.Type == autoscalingv2.ScalingActive && c.Status == corev1.ConditionFalse && strings.HasPrefix(c.Reason, "FailedGet") &&
			(l.now.Sub(since) >= metricsAfter || absentRequest.MatchString(c.Message) || unservedMetrics.MatchString(c.Message)) && l.targetRuns(h):
			class = "metrics"
		case c.Type == autoscalingv2.ScalingLimited && c.Status == corev1.ConditionTrue && c.Reason == "TooManyReplicas" &&
			l.now.Sub(since) >= maximumAfter && h.Status.CurrentReplicas >= h.Spec.MaxReplicas:
			class = "maximum"
		}
		if class != "" {
			return []kube.Symptom{{Kind: kube.ScalingStuck, Class: class, Since: since, Message: c.Message}}
		}
	}
	return nil
}

// targetRuns reports whether a pod of the target runs, as far as the snapshot
// tells: pods that do not run have no metrics, and a finding of their own.
func (l *look) targetRuns(h *autoscalingv2.HorizontalPodAutoscaler) bool {
	target := l.target(h)
	if l.x.Object(target) == nil {
		return true
	}
	for _, p := range l.x.PodsOf(target) {
		if p.DeletionTimestamp == nil && podReady(p) {
			return true
		}
	}
	return false
}

// target is what an autoscaler scales.
func (l *look) target(h *autoscalingv2.HorizontalPodAutoscaler) action.Ref {
	t := h.Spec.ScaleTargetRef
	return action.Ref{APIVersion: t.APIVersion, Kind: t.Kind, Namespace: h.Namespace, Name: t.Name}
}

// The controller's words about what it lacks. Names of containers and resources
// are foreign text, but not free.
var (
	absentTarget  = regexp.MustCompile(`^the HPA controller was unable to get the target's current scale: (?:[a-z0-9./-]+ \\?"([^"\\]+)\\?" not found|no matches for kind \\?"[^"\\]+\\?" in (?:group|version) \\?"[^"\\]*\\?")$`)
	absentRequest = regexp.MustCompile(`: missing request for (\S+) in container (\S+) of Pod \S+$`)
	absentMetrics = regexp.MustCompile(`: unable to (?:fetch metrics from|get) (resource|custom|external) metrics API: (.+)$`)
	// unservedMetrics says that no server has the API at all: waiting brings none.
	unservedMetrics = regexp.MustCompile(`: unable to (?:fetch metrics from|get) (?:resource|custom|external) metrics API: (?:the server could not find the requested resource|no (?:known available|custom|external) metric)`)
	needsPods       = regexp.MustCompile(`: (?:did not receive metrics for targeted pods|no pods returned by selector|unable to (?:get pods|calculate ready pods))`)
)

// proveScaling reads an autoscaler's conditions.
func proveScaling(l *look, f fault) (proof, bool) {
	h, ok := l.top.(*autoscalingv2.HorizontalPodAutoscaler)
	if !ok {
		return proof{}, false
	}
	p := proof{cites: []string{l.status(f)}}
	who, target, said := refText(l.subject), l.target(h), f.symptom.Message
	switch f.symptom.Class {
	case "target":
		m := absentTarget.FindStringSubmatch(said)
		if m == nil || m[1] != "" && m[1] != target.Name || l.x.Object(target) != nil {
			return proof{}, false
		}
		p.cause = incident.HPATargetMissing
		p.summary = redact.Sprintf("%s scales nothing: its target %s does not exist", who, refText(target))
		if l.x.KnownAbsent(target.Kind, target.Namespace, target.Name) {
			p.cites = append(p.cites, l.absence(kube.Key(target.Kind, target.Namespace, target.Name)))
		}
	case "metrics":
		p.cause = incident.HPAMetricsUnavailable
		why, ok := l.withoutMetrics(h, said)
		if !ok {
			return proof{}, false
		}
		p.summary = redact.Sprintf("%s does not scale %s: %s", who, refText(target), why)
	case "maximum":
		p.cause = incident.HPAMaxedOut
		p.cites = append(p.cites, l.evidence.add("spec", l.subject, redact.Literal("maxReplicas"), redact.Int(int64(h.Spec.MaxReplicas)), l.x.Taken))
		p.summary = redact.Sprintf("%s holds %s at its maximum of %s replicas although the load asks for more",
			who, refText(target), redact.Int(int64(h.Spec.MaxReplicas)))
	default:
		return proof{}, false
	}
	return p, true
}

// withoutMetrics says in words why there are no metrics. What the pods are to
// blame for is proven only while a pod is seen to run.
func (l *look) withoutMetrics(h *autoscalingv2.HorizontalPodAutoscaler, said string) (why redact.Text, ok bool) {
	if m := absentRequest.FindStringSubmatch(said); m != nil {
		return redact.Sprintf("container %s has no request for %s to measure against", text(m[2]), text(m[1])), true
	}
	if m := absentMetrics.FindStringSubmatch(said); m != nil {
		return redact.Sprintf("the %s metrics API does not answer: %s", text(m[1]), text(m[2])), true
	}
	if needsPods.MatchString(said) && l.x.Object(l.target(h)) == nil {
		return redact.Text{}, false
	}
	_, said, _ = strings.Cut(said, "the HPA was unable to compute the replica count: ")
	return redact.Sprintf("it gets no metrics (%s)", text(said)), said != ""
}
