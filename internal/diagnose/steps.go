package diagnose

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// maxSteps bounds the steps that a person is given.
const maxSteps = 5

// steps are what a person would do, concrete enough to be typed.
func (l *look) steps(p proof, owner redact.Text) []redact.Text {
	var out []redact.Text
	if !owner.IsEmpty() {
		out = append(out, redact.Sprintf("%s is managed by %s: make the change there, a change made here would be reverted", refText(l.subject), owner))
	}
	if l.subject.Kind == "Pod" && metav1.GetControllerOf(l.top) == nil {
		out = append(out, redact.Sprintf("%s has no controller, nothing would bring it back: it is not deleted by a button; delete and create it again from its manifest", refText(l.subject)))
	}
	out = append(out, l.takeBack()...)
	out = append(out, l.causeSteps(p)...)
	if len(out) > maxSteps {
		out = out[:maxSteps]
	}
	return out
}

// takeBack is the step for a last change that no rollout made: the cluster keeps
// no earlier state of it.
func (l *look) takeBack() []redact.Text {
	if len(l.recent) == 0 || l.recent[0].rollout != nil {
		return nil
	}
	h := l.recent[0]
	return []redact.Text{redact.Sprintf("see whether the change of %s is to blame, and take it back if it is: kubectl edit %s%s",
		redact.Time(h.at), refText(h.object), inNamespace(h.object))}
}

// undo is the step back that every workload with an older revision has.
func (l *look) undo() redact.Text {
	return redact.Sprintf("or go back: kubectl rollout undo %s -n %s", refText(l.subject), text(l.subject.Namespace))
}

func (l *look) causeSteps(p proof) []redact.Text {
	ns := text(l.subject.Namespace)
	object, root, subject := refText(p.fault.object), refText(p.root), refText(l.subject)
	container := text(p.fault.symptom.Container)
	describe := redact.Sprintf("look at it: kubectl describe %s -n %s", object, ns)
	logs := redact.Sprintf("read the log: kubectl logs %s -n %s", object, ns)
	if !container.IsEmpty() {
		logs = redact.Sprintf("read the log: kubectl logs %s -c %s -n %s --previous", text(p.fault.object.Name), container, ns)
	}
	setImage := redact.Sprintf("set an image that exists: kubectl set image %s %s=IMAGE -n %s", subject, container, ns)
	edit := redact.Sprintf("change the manifest of %s and apply it", subject)
	var out []redact.Text
	switch p.cause {
	case incident.ImageNotFound, incident.ImageNameInvalid, incident.ImagePlatformMismatch:
		out = []redact.Text{redact.Sprintf("check that %s was pushed, and for a typing error in its name or tag", image(p.fault)), setImage}
	case incident.ImageRegistryUnreachable, incident.ImagePullRateLimited:
		out = []redact.Text{redact.Sprintf("check the registry's name in %s, and that the nodes can reach it", image(p.fault)), describe}
	case incident.ImagePullUnauthorized:
		out = []redact.Text{redact.Sprintf("check the imagePullSecrets of %s and of its ServiceAccount: kubectl get secrets -n %s", subject, ns), describe}
	case incident.ImageNeverPulled:
		out = []redact.Text{redact.Sprintf("load %s onto the node, or set imagePullPolicy to IfNotPresent", image(p.fault)), setImage}
	case incident.ConfigMapMissing, incident.SecretMissing:
		out = []redact.Text{
			redact.Sprintf("look for it under another name or namespace: kubectl get %ss -A", text(lowerKind(p.root.Kind))),
			redact.Sprintf("create %s in namespace %s: the pods start by themselves then", root, ns),
		}
	case incident.ConfigMapKeyMissing, incident.SecretKeyMissing:
		out = []redact.Text{
			redact.Sprintf("compare the keys: kubectl describe %s -n %s", root, ns),
			redact.Sprintf("add the key %s to %s, or correct the name in %s", text(p.key), root, subject),
		}
	case incident.CommandNotFound, incident.RunAsNonRootViolation:
		out = []redact.Text{redact.Sprintf("compare command, args and user of container %s with what image %s holds", container, image(p.fault)), edit}
	case incident.EnvVarMissing:
		out = []redact.Text{redact.Sprintf("set the variable: kubectl set env %s -c %s %s=VALUE -n %s", subject, container, text(p.key), ns), logs}
	case incident.AppError, incident.InitContainerFailed, incident.JobBackoffLimitExceeded:
		out = []redact.Text{logs, describe}
	case incident.OOMKilled:
		out = []redact.Text{
			redact.Sprintf("see what it uses: kubectl top pod %s -n %s --containers", text(p.fault.object.Name), ns),
			redact.Sprintf("raise the limit: kubectl set resources %s -c %s --limits=memory=SIZE -n %s", subject, container, ns), logs,
		}
	case incident.CPUThrottled:
		out = []redact.Text{
			redact.Sprintf("see what it uses: kubectl top pod %s -n %s --containers", text(p.fault.object.Name), ns),
			redact.Sprintf("raise the limit: kubectl set resources %s -c %s --limits=cpu=AMOUNT -n %s", subject, container, ns),
			redact.Literal("or spread the work: more replicas, fewer threads; a probe that waits longer hides it only"),
		}
	case incident.ProbeMisconfigured:
		out = []redact.Text{redact.Sprintf("correct port, path or delay of the probe in the manifest of %s; a slow start wants a startupProbe", subject), describe}
	case incident.LivenessProbeFailing, incident.ReadinessProbeFailing, incident.StartupProbeFailing:
		out = []redact.Text{
			redact.Sprintf("read the log: kubectl logs %s -c %s -n %s", text(p.fault.object.Name), container, ns), describe,
			redact.Literal("give the probe more time (timeoutSeconds, failureThreshold, a startupProbe) if the program is only slow"),
		}
	default:
		return l.placeSteps(p, describe, edit)
	}
	if l.change() != nil {
		out = append(out, l.undo())
	}
	return out
}

// placeSteps are those of scheduling, admission and nodes.
func (l *look) placeSteps(p proof, describe, edit redact.Text) []redact.Text {
	ns, root := text(l.subject.Namespace), refText(p.root)
	switch p.cause {
	case incident.InsufficientCPU, incident.InsufficientMemory, incident.InsufficientResource:
		return []redact.Text{
			redact.Literal("compare with what the nodes have: kubectl describe nodes"),
			redact.Sprintf("lower the requests of %s, scale something down, or add a node", refText(l.subject)),
		}
	case incident.NodeSelectorMismatch, incident.NodeAffinityMismatch, incident.TaintNotTolerated,
		incident.PodAntiAffinity, incident.TopologySpreadUnsatisfiable, incident.HostPortConflict:
		return []redact.Text{redact.Literal("see labels and taints: kubectl get nodes --show-labels; kubectl describe nodes"), edit}
	case incident.NodeCordoned:
		return []redact.Text{redact.Sprintf("if the drain is over: kubectl uncordon %s", text(p.root.Name))}
	case incident.PVCMissing:
		return []redact.Text{
			redact.Sprintf("look at the claims: kubectl get pvc,storageclass -n %s", ns),
			redact.Sprintf("create %s or correct its name, class or size", root),
		}
	case incident.NodeNotReady, incident.NodeMemoryPressure, incident.NodeDiskPressure, incident.NodePIDPressure:
		return []redact.Text{
			redact.Sprintf("look at the node: kubectl describe node %s", text(p.root.Name)),
			redact.Literal("check kubelet, container runtime and disk on it"),
		}
	case incident.ServiceAccountMissing:
		return []redact.Text{redact.Sprintf("create it: kubectl create serviceaccount %s -n %s", text(p.root.Name), ns), edit}
	case incident.QuotaExceeded, incident.QuotaRequiresLimits:
		return []redact.Text{redact.Sprintf("see what is used: kubectl describe resourcequota %s -n %s", text(p.root.Name), ns), edit}
	case incident.ServiceSelectorMismatch, incident.ServicePortMismatch, incident.ServiceSelectorOverlap,
		incident.IngressClassMissing, incident.IngressBackendMissing, incident.IngressTLSSecretMissing:
		return l.networkSteps(p, edit)
	default:
		if steps := l.logSteps(p); steps != nil {
			return steps
		}
		if steps := l.waitSteps(p, edit); steps != nil {
			return steps
		}
		if steps := l.controlSteps(p, describe, edit); steps != nil {
			return steps
		}
		return []redact.Text{describe, redact.Sprintf("read the events: kubectl events -n %s --for %s", ns, refText(p.fault.object))}
	}
}

func lowerKind(kind string) string {
	if kind == "Secret" {
		return "secret"
	}
	return "configmap"
}

// valueToChange says in words which value of a chart brings the fault: its path
// is the chart's own business.
func valueToChange(p proof) redact.Text {
	container := text(p.fault.symptom.Container)
	switch p.cause {
	case incident.ImageNotFound, incident.ImageNameInvalid, incident.ImageNeverPulled, incident.ImagePlatformMismatch,
		incident.ImageRegistryUnreachable, incident.ImagePullUnauthorized:
		return redact.Sprintf("the value that sets the image of container %s (now %s)", container, image(p.fault))
	case incident.OOMKilled:
		return redact.Sprintf("the value that sets the memory limit of container %s", container)
	case incident.CPUThrottled:
		return redact.Sprintf("the value that sets the processor limit of container %s", container)
	case incident.ProbeMisconfigured, incident.LivenessProbeFailing, incident.ReadinessProbeFailing, incident.StartupProbeFailing:
		return redact.Sprintf("the value that sets the %s probe of container %s", text(p.fault.symptom.Class), container)
	case incident.ConfigMapMissing, incident.ConfigMapKeyMissing, incident.SecretMissing, incident.SecretKeyMissing:
		return redact.Sprintf("the value that names %s", refText(p.root))
	default:
		return redact.Literal("the value that brings the fault")
	}
}
