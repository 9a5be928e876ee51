package diagnose

import (
	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// controlSteps are those of admission, rollouts, scaling, disruption and
// deletion; nil for other causes.
func (l *look) controlSteps(p proof, describe, edit redact.Text) []redact.Text {
	ns, root, subject := text(l.subject.Namespace), refText(p.root), refText(l.subject)
	name := text(l.subject.Name)
	switch p.cause {
	case incident.LimitRangeViolation:
		return []redact.Text{redact.Sprintf("see what it demands: kubectl describe limitranges -n %s", ns), edit}
	case incident.AdmissionWebhookDenied:
		return []redact.Text{webhookStep(p), edit}
	case incident.AdmissionWebhookUnavailable:
		return []redact.Text{
			webhookStep(p),
			redact.Literal("bring back the pods behind the Service that it names, or take the configuration away if what it belongs to was removed"),
		}
	case incident.PodSecurityViolation:
		return []redact.Text{redact.Sprintf("see the level that is enforced: kubectl get namespace %s --show-labels", text(p.root.Name)), edit}
	case incident.RolloutPaused:
		return []redact.Text{
			redact.Sprintf("see what waits: kubectl rollout history %s -n %s", subject, ns),
			redact.Sprintf("let it go on: kubectl rollout resume %s -n %s", subject, ns),
		}
	case incident.RolloutDeadlocked:
		return []redact.Text{
			redact.Sprintf(`let one old pod go first: kubectl patch %s -n %s --type merge -p '{"spec":{"strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":1}}}}'`, subject, ns),
			redact.Literal("make the same change in its manifest, or set the strategy Recreate there"),
		}
	case incident.SchedulerMissing:
		return []redact.Text{
			redact.Literal("see which schedulers run: kubectl get pods -A -o wide"),
			redact.Sprintf("start that scheduler, or correct spec.schedulerName in the manifest of %s", subject),
		}
	case incident.CronJobSuspended:
		return []redact.Text{
			redact.Sprintf(`let it run on: kubectl patch cronjob %s -n %s -p '{"spec":{"suspend":false}}'`, name, ns),
			redact.Sprintf("or run it once: kubectl create job %s-by-hand --from=cronjob/%s -n %s", name, name, ns),
		}
	case incident.StorageClassMissing, incident.PVCUnbound:
		return []redact.Text{
			redact.Sprintf("look at claim, classes and volumes: kubectl describe %s -n %s; kubectl get storageclass,pv", root, ns),
			redact.Sprintf("make a volume or class that fits, or make %s anew with another class, size or access mode: these cannot be changed", root),
		}
	case incident.VolumeMountFailed:
		return []redact.Text{describe, redact.Sprintf("look at its claims: kubectl get pvc -n %s", ns), edit}
	case incident.PodSandboxFailed:
		return []redact.Text{describe, redact.Sprintf("look at network plugin and container runtime of the node: kubectl describe node %s", text(p.fault.pod.Spec.NodeName))}
	default:
		return l.scalingSteps(p, root)
	}
}

func webhookStep(p proof) redact.Text {
	if p.root.Kind != "ValidatingWebhookConfiguration" && p.root.Kind != "MutatingWebhookConfiguration" {
		return redact.Literal("find it: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml")
	}
	return redact.Sprintf("read what it is asked and whom it calls: kubectl get %s -o yaml", refText(p.root))
}

// scalingSteps are those of autoscalers, budgets and finalizers.
func (l *look) scalingSteps(p proof, root redact.Text) []redact.Text {
	ns, name := text(l.subject.Namespace), text(l.subject.Name)
	describe := redact.Sprintf("look at it: kubectl describe %s%s", root, inNamespace(p.root))
	switch p.cause {
	case incident.HPATargetMissing:
		return []redact.Text{describe, redact.Sprintf("correct scaleTargetRef in its manifest, or delete it: kubectl delete hpa %s -n %s", name, ns)}
	case incident.HPAMetricsUnavailable:
		return []redact.Text{
			describe, redact.Sprintf("see whether metrics come at all: kubectl top pods -n %s", ns),
			redact.Literal("set resource requests for every container of the target, or bring back the metrics server or adapter"),
		}
	case incident.HPAMaxedOut:
		return []redact.Text{describe, redact.Sprintf(`raise the maximum if the load is wanted: kubectl patch hpa %s -n %s -p '{"spec":{"maxReplicas":NUMBER}}'`, name, ns)}
	case incident.PDBBlocksEviction:
		return []redact.Text{
			describe, redact.Literal("let it allow one: run more replicas than its minAvailable, or raise its maxUnavailable"),
			redact.Sprintf("or end the drain: kubectl uncordon %s", text(p.key)),
		}
	case incident.FinalizerStuck:
		return []redact.Text{
			describe, redact.Sprintf("find out what sets the finalizer %s, and bring it back", text(p.key)),
			redact.Sprintf("only if it is gone for good, take the finalizer out, and clean up by hand what it would have: kubectl edit %s%s", root, inNamespace(p.root)),
		}
	default:
		return nil
	}
}

func inNamespace(r action.Ref) redact.Text {
	if r.Namespace == "" {
		return redact.Text{}
	}
	return redact.Sprintf(" -n %s", text(r.Namespace))
}
