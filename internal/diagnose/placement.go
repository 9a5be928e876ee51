package diagnose

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// insufficient names the resource that stands in the way. Where a node lacks
// several, the one that no node could ever give counts first.
func (l *look) insufficient(f fault, last refusal, all []refusal) (incident.Cause, redact.Text) {
	var names []string
	for _, r := range all {
		if m := insufficient.FindStringSubmatch(r.reason); m != nil {
			names = append(names, m[1])
		}
	}
	if len(names) == 0 {
		return incident.InsufficientResource, redact.Sprintf("%s cannot be placed: %s", refText(l.subject), text(last.reason))
	}
	name := names[0]
	for _, n := range names {
		if want, most, ok := l.beyond(f.pod, corev1.ResourceName(n)); ok && want.Cmp(most) > 0 {
			name = n
			break
		}
	}
	cause := incident.InsufficientResource
	switch name {
	case "cpu":
		cause = incident.InsufficientCPU
	case "memory":
		cause = incident.InsufficientMemory
	}
	want, most, ok := l.beyond(f.pod, corev1.ResourceName(name))
	switch {
	case ok && want.Cmp(most) > 0:
		return cause, redact.Sprintf("%s cannot be placed: it asks for %s of %s, the largest node has %s",
			refText(l.subject), text(want.String()), text(name), text(most.String()))
	case ok:
		return cause, redact.Sprintf("%s cannot be placed: it asks for %s of %s, no node has so much left",
			refText(l.subject), text(want.String()), text(name))
	}
	return cause, redact.Sprintf("%s cannot be placed: no node has enough %s left", refText(l.subject), text(name))
}

// beyond compares what the pod asks for with the most that any node has; ok is
// false where the nodes are not known.
func (l *look) beyond(pod *corev1.Pod, name corev1.ResourceName) (want, most resource.Quantity, ok bool) {
	if len(l.x.Nodes) == 0 {
		return want, most, false
	}
	for i := range pod.Spec.Containers {
		if q, has := pod.Spec.Containers[i].Resources.Requests[name]; has {
			want.Add(q)
		}
	}
	for _, n := range l.x.Nodes {
		if q, has := n.Status.Allocatable[name]; has && q.Cmp(most) > 0 {
			most = q
		}
	}
	return want, most, true
}

// tainted tells a taint that someone set from one that a sick node carries. The
// scheduler does not name the taint; the nodes do.
func (l *look) tainted(f fault, p proof) (proof, bool) {
	p.cause = incident.TaintNotTolerated
	p.summary = redact.Sprintf("%s cannot be placed: it tolerates the taints of no node that would fit", refText(l.subject))
	for _, n := range l.x.Nodes {
		for i := range n.Spec.Taints {
			t := &n.Spec.Taints[i]
			if t.Effect == corev1.TaintEffectPreferNoSchedule || tolerates(f.pod, t) || ordinaryTaint(t) {
				continue
			}
			node := kube.RefOf(n)
			switch t.Key {
			case corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable:
				p.cause, p.root = incident.NodeNotReady, node
				p.summary = redact.Sprintf("%s cannot be placed: %s is not ready", refText(l.subject), refText(node))
				return p, true
			case corev1.TaintNodeDiskPressure, corev1.TaintNodeMemoryPressure, corev1.TaintNodePIDPressure:
				p.cause, p.root = pressureCause(t.Key), node
				p.summary = redact.Sprintf("%s cannot be placed: %s is under pressure (%s)", refText(l.subject), refText(node), text(t.Key))
				return p, true
			}
			p.cites = append(p.cites, l.evidence.add("status", node, redact.Literal("taint"), text(t.ToString()), l.x.Taken))
			p.summary = redact.Sprintf("%s cannot be placed: it does not tolerate the taint %s of %s",
				refText(l.subject), text(t.ToString()), refText(node))
			return p, true
		}
	}
	return p, true
}

// ordinaryTaint keeps workloads off the control plane, as everywhere.
func ordinaryTaint(t *corev1.Taint) bool {
	return t.Key == "node-role.kubernetes.io/control-plane" || t.Key == "node-role.kubernetes.io/master"
}

func tolerates(pod *corev1.Pod, taint *corev1.Taint) bool {
	for _, t := range pod.Spec.Tolerations {
		if t.Effect != "" && t.Effect != taint.Effect || t.Key != "" && t.Key != taint.Key {
			continue
		}
		if t.Operator == corev1.TolerationOpExists || t.Key == taint.Key && t.Value == taint.Value {
			return true
		}
	}
	return false
}

func pressureCause(key string) incident.Cause {
	switch {
	case strings.Contains(strings.ToLower(key), "disk"):
		return incident.NodeDiskPressure
	case strings.Contains(strings.ToLower(key), "pid"):
		return incident.NodePIDPressure
	}
	return incident.NodeMemoryPressure
}

// unbound looks behind the scheduler's "unbound claims" at the claims.
func (l *look) unbound(f fault, p proof) (proof, bool) {
	for i := range f.pod.Spec.Volumes {
		v := f.pod.Spec.Volumes[i].PersistentVolumeClaim
		if v == nil {
			continue
		}
		ref := kube.Key("PersistentVolumeClaim", f.object.Namespace, v.ClaimName)
		claim, _ := l.x.Object(ref).(*corev1.PersistentVolumeClaim)
		if claim == nil || claim.Status.Phase == corev1.ClaimBound {
			continue
		}
		p.root = kube.RefOf(claim)
		p.cause = incident.PVCUnbound
		p.summary = redact.Sprintf("%s cannot start: no volume fits %s", refText(l.subject), refText(p.root))
		if class := claim.Spec.StorageClassName; class != nil && *class != "" && l.x.StorageClasses != nil &&
			l.x.Object(kube.Key("StorageClass", "", *class)) == nil {
			p.cause = incident.StorageClassMissing
			p.summary = redact.Sprintf("%s cannot start: %s asks for StorageClass/%s, which does not exist",
				refText(l.subject), refText(p.root), text(*class))
		}
		return p, true
	}
	return proof{}, false
}
