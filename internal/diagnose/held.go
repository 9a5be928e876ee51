package diagnose

import (
	"regexp"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// placeHeld reports whether an old pod holds the place that the scheduler did not
// find: were it gone, the new pod would fit onto its node.
func (l *look) placeHeld(f fault, old []*corev1.Pod) (what redact.Text, ok bool) {
	_, refusals, ok := parseScheduling(f.symptom.Message)
	if !ok {
		return redact.Text{}, false
	}
	decisive, ok := lastFilter(refusals)
	if !ok {
		return redact.Text{}, false
	}
	for _, o := range old {
		if n := l.x.Node(o.Spec.NodeName); n == nil || n.Spec.Unschedulable || !admits(f.pod, n) {
			continue
		}
		switch decisive.cause {
		case incident.HostPortConflict:
			if port := sharedHostPort(f.pod, o); port > 0 {
				return redact.Sprintf("host port %s", redact.Int(int64(port))), true
			}
		case incident.PodAntiAffinity:
			if l.repels(f.pod, o) {
				return redact.Literal("a node without a pod that its anti-affinity shuns"), true
			}
		case incident.InsufficientCPU, incident.InsufficientMemory, incident.InsufficientResource:
			if names, ok := roomHeld(refusals, f.pod, o); ok {
				return redact.Sprintf("%s of a node", text(names)), true
			}
		default:
			return redact.Text{}, false
		}
	}
	return redact.Text{}, false
}

// hostPorts lists the host ports that a pod asks for.
func hostPorts(pod *corev1.Pod) redact.Text {
	var ports []redact.Text
	for i := range pod.Spec.Containers {
		for _, p := range pod.Spec.Containers[i].Ports {
			if p.HostPort > 0 {
				ports = append(ports, redact.Int(int64(p.HostPort)))
			}
		}
	}
	return redact.Join(", ", ports...)
}

func sharedHostPort(a, b *corev1.Pod) int32 {
	for i := range a.Spec.Containers {
		for _, p := range a.Spec.Containers[i].Ports {
			for j := range b.Spec.Containers {
				for _, q := range b.Spec.Containers[j].Ports {
					if p.HostPort > 0 && p.HostPort == q.HostPort && p.Protocol == q.Protocol {
						return p.HostPort
					}
				}
			}
		}
	}
	return 0
}

// repels reports whether the anti-affinity of a, or of b, keeps a off b's node
// and b alone does so, as far as the snapshot tells.
func (l *look) repels(a, b *corev1.Pod) bool {
	for _, o := range l.x.Pods {
		if o.UID != b.UID && o.Spec.NodeName == b.Spec.NodeName && o.DeletionTimestamp == nil && (shuns(a, o) || shuns(o, a)) {
			return false
		}
	}
	return shuns(a, b) || shuns(b, a)
}

// shuns reports whether a may not share a host with b. Wider topologies are left
// out: which pods they hold is not known.
func shuns(a, b *corev1.Pod) bool {
	if a.Spec.Affinity == nil || a.Spec.Affinity.PodAntiAffinity == nil || a.Namespace != b.Namespace {
		return false
	}
	for i := range a.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
		t := &a.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution[i]
		if t.TopologyKey == corev1.LabelHostname && t.LabelSelector != nil && len(t.Namespaces) == 0 && t.NamespaceSelector == nil && picks(t.LabelSelector, b.Labels) {
			return true
		}
	}
	return false
}

// roomHeld reports whether b takes at least as much as a asks for of all that
// nodes lack, and names it.
func roomHeld(refusals []refusal, a, b *corev1.Pod) (names string, ok bool) {
	for _, r := range refusals {
		m := insufficient.FindStringSubmatch(r.reason)
		if m == nil {
			continue
		}
		want, have := requested(a, corev1.ResourceName(m[1])), requested(b, corev1.ResourceName(m[1]))
		if want.IsZero() || want.Cmp(have) > 0 {
			return "", false
		}
		if names != "" {
			names += " and "
		}
		names += want.String() + " of " + m[1]
	}
	return names, names != ""
}

// requested is what a pod's containers ask for together, or its largest init
// container where that is more.
func requested(p *corev1.Pod, name corev1.ResourceName) resource.Quantity {
	var sum resource.Quantity
	for i := range p.Spec.Containers {
		if q, ok := p.Spec.Containers[i].Resources.Requests[name]; ok {
			sum.Add(q)
		}
	}
	for i := range p.Spec.InitContainers {
		if q, ok := p.Spec.InitContainers[i].Resources.Requests[name]; ok && q.Cmp(sum) > 0 {
			sum = q
		}
	}
	return sum
}

var quotaItem = regexp.MustCompile(`^(pods|count/pods|cpu|memory|requests\.[a-z-]+|limits\.[a-z-]+)=([^=]+)$`)

// quotaHeld reports whether the quota has room for all the pods that d wants,
// which run, and for none more: the old pod o counts for as much as a new one.
func quotaHeld(d *appsv1.Deployment, r refusedCreate, o *corev1.Pod) bool {
	if r.cause != incident.QuotaExceeded || d.Status.AvailableReplicas < wanted(d) {
		return false
	}
	for _, item := range r.quota {
		m := quotaItem.FindStringSubmatch(item)
		if m == nil {
			return false
		}
		want, err := resource.ParseQuantity(m[2])
		if err != nil {
			return false
		}
		if have := counts(o, m[1]); want.Cmp(have) > 0 {
			return false
		}
	}
	return len(r.quota) > 0
}
