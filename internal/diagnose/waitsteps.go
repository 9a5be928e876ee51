package diagnose

import (
	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// waitSteps are those of the causes in which a workload waits for another
// object; nil for others.
func (l *look) waitSteps(p proof, edit redact.Text) []redact.Text {
	ns, root, subject := text(l.subject.Namespace), refText(p.root), refText(l.subject)
	rootNS, name := text(p.root.Namespace), text(p.root.Name)
	logs := redact.Sprintf("read the log: kubectl logs %s -c %s -n %s", text(p.fault.object.Name), text(p.fault.symptom.Container), ns)
	if t := termination(p.fault); t != nil && p.fault.status.State.Terminated == nil {
		logs = redact.Sprintf("%s --previous", logs)
	}
	if l.isSubject(p.root) && p.cause == incident.DependencyUnavailable {
		return []redact.Text{redact.Literal("check the host's name and port in the log, and whether it accepts connections from the cluster"), logs, edit}
	}
	switch p.cause {
	case incident.DependencyUnavailable:
		return append(l.awaitedSteps(p), logs)
	case incident.ServiceMissing:
		return []redact.Text{
			redact.Sprintf("look for it under another name or namespace: kubectl get services -A | grep %s", name),
			redact.Sprintf("if the name is wrong, correct it in the environment or arguments of %s; if it is right, create %s in namespace %s", subject, root, rootNS), logs,
		}
	case incident.InitContainerWaiting:
		if l.x.Object(p.root) == nil {
			return []redact.Text{
				redact.Sprintf("look for it under another name or namespace: kubectl get %ss -A | grep %s", text(lowerResource(p.root.Kind)), name),
				redact.Sprintf("create %s in namespace %s: the pod goes on by itself then; or correct the name in the init container of %s", root, rootNS, subject), logs,
			}
		}
		return append(l.awaitedSteps(p), logs)
	case incident.DNSFailure:
		if l.isSubject(p.root) {
			return []redact.Text{
				redact.Sprintf("see what it asks: kubectl get %s -n %s -o yaml | grep -A5 dns", refText(p.fault.object), ns),
				redact.Sprintf("set dnsPolicy to ClusterFirst (ClusterFirstWithHostNet with hostNetwork) in %s", subject), edit,
			}
		}
		return []redact.Text{
			redact.Sprintf("look at the DNS of the cluster: kubectl describe %s -n %s", root, rootNS),
			redact.Sprintf("read its log: kubectl logs %s -n %s", root, rootNS),
		}
	case incident.NetworkPolicyBlocking:
		return []redact.Text{
			redact.Sprintf("read what it allows: kubectl describe networkpolicy %s -n %s", name, rootNS),
			redact.Sprintf("add the missing rule to %s, or a policy of its own that allows this traffic: policies add up", root), logs,
		}
	default:
		return nil
	}
}

func (l *look) isSubject(r action.Ref) bool { return incident.AnyOf(r) == incident.AnyOf(l.subject) }

// awaitedSteps are those for what is down while others wait for it.
func (l *look) awaitedSteps(p proof) []redact.Text {
	root, ns := refText(p.root), text(p.root.Namespace)
	out := []redact.Text{redact.Sprintf("look at what is behind it: kubectl describe %s -n %s", root, ns)}
	for _, t := range l.x.Templates(p.root.Namespace) {
		if t.Replicas == 0 && t.Ref.Kind != "DaemonSet" && incident.AnyOf(t.Ref) == incident.AnyOf(p.root) {
			out = append(out, redact.Sprintf("if it should run: kubectl scale %s -n %s --replicas=1", root, ns))
		}
	}
	return out
}

// lowerResource is how kubectl calls one object of the kinds that a program may
// wait for.
func lowerResource(kind string) string {
	if kind == "Service" {
		return "service"
	}
	return lowerKind(kind)
}
