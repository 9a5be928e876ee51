package diagnose

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveDeadlock finds a rollout whose new pod cannot start beside the old ones,
// because they hold what it needs, while the strategy lets none of them go first.
// More nodes or quota would help as well; it is the strategy that never can.
func proveDeadlock(l *look, f fault) (proof, bool) {
	d, ok := l.top.(*appsv1.Deployment)
	if !ok || !mayDropNone(d) || f.pod != nil && ownerUID(f.pod) != l.currentOwner() {
		return proof{}, false
	}
	old := l.oldPods()
	if len(old) == 0 {
		return proof{}, false
	}
	p := proof{cause: incident.RolloutDeadlocked, cites: []string{l.status(f)}}
	var what redact.Text
	switch f.symptom.Kind {
	case kube.Unschedulable:
		if what, ok = l.placeHeld(f, old); l.nodeComing(f) {
			return proof{}, false
		}
	case kube.Pending:
		e, holders, attached := l.multiAttached(f.object)
		ok = attached && beforeContainers(f) && slices.ContainsFunc(old, func(o *corev1.Pod) bool { return slices.Contains(holders, o.Name) })
		if ok {
			what = redact.Literal("a volume that may be used on one node at a time (ReadWriteOnce)")
			p.cites = append(p.cites, l.event(e))
		}
	case kube.RolloutStuck:
		var r refusedCreate
		r, p.cites, ok = l.refusal(f)
		ok = ok && f.symptom.Class == "create" && quotaHeld(d, r, old[0])
		what = redact.Sprintf("the last of ResourceQuota/%s", text(r.name))
	default:
		return proof{}, false
	}
	if !ok {
		return proof{}, false
	}
	surge, unavailable := strategyWords(d)
	p.cites = append(p.cites, l.evidence.add("spec", l.subject, redact.Literal("strategy"),
		redact.Sprintf("maxSurge %s, maxUnavailable %s of %s replicas", surge, unavailable, redact.Int(int64(wanted(d)))), l.x.Taken),
		l.evidence.add("status", kube.RefOf(old[0]), redact.Literal("revision"), redact.Literal("an older one, ready"), l.x.Taken))
	p.summary = redact.Sprintf("the rollout of %s can neither add nor drop a pod: a new one needs %s, which the old ones hold, and maxUnavailable (%s) lets none of these go first",
		refText(l.subject), what, unavailable)
	return p, true
}

// nodeComing reports whether an autoscaler is making a node for the pod.
func (l *look) nodeComing(f fault) bool {
	return slices.ContainsFunc(l.x.EventsOf(f.object), func(e kube.Event) bool {
		return e.Reason == "TriggeredScaleUp" || e.Reason == "Nominated" // Cluster Autoscaler, Karpenter
	})
}

func wanted(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// mayDropNone reports whether a rolling update of d must keep every pod that is
// available now. Percentages are rounded as the Deployment controller does.
func mayDropNone(d *appsv1.Deployment) bool {
	if d.DeletionTimestamp != nil || d.Spec.Paused || d.Status.ObservedGeneration < d.Generation ||
		d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType || wanted(d) == 0 {
		return false
	}
	surge, unavailable := strategy(d)
	up, err := intstr.GetScaledValueFromIntOrPercent(&surge, int(wanted(d)), true)
	if err != nil {
		return false
	}
	down, err := intstr.GetScaledValueFromIntOrPercent(&unavailable, int(wanted(d)), false)
	if err != nil {
		return false
	}
	if up == 0 && down == 0 {
		down = 1
	}
	return int(d.Status.AvailableReplicas) <= int(wanted(d))-down
}

// strategy is maxSurge and maxUnavailable with the defaults of the API server.
func strategy(d *appsv1.Deployment) (surge, unavailable intstr.IntOrString) {
	surge, unavailable = intstr.FromString("25%"), intstr.FromString("25%")
	if r := d.Spec.Strategy.RollingUpdate; r != nil {
		if r.MaxSurge != nil {
			surge = *r.MaxSurge
		}
		if r.MaxUnavailable != nil {
			unavailable = *r.MaxUnavailable
		}
	}
	return surge, unavailable
}

func strategyWords(d *appsv1.Deployment) (surge, unavailable redact.Text) {
	s, u := strategy(d)
	return text(s.String()), text(u.String())
}

// oldPods are the ready pods of older revisions.
func (l *look) oldPods() []*corev1.Pod {
	current := l.currentOwner()
	var out []*corev1.Pod
	for _, p := range l.pods {
		if current != "" && ownerUID(p) != current && p.Status.Phase == corev1.PodRunning && podReady(p) {
			out = append(out, p)
		}
	}
	return out
}
