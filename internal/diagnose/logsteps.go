package diagnose

import (
	"strings"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// logSteps are those of the causes that a log, or a look at the spec, proves;
// nil for others.
func (l *look) logSteps(p proof) []redact.Text {
	ns, root, subject := text(l.subject.Namespace), refText(p.root), refText(l.subject)
	container := text(p.fault.symptom.Container)
	logs := redact.Sprintf("read the log: kubectl logs %s -c %s -n %s", text(p.fault.object.Name), container, ns)
	if t := termination(p.fault); t != nil && p.fault.status.State.Terminated == nil {
		logs = redact.Sprintf("%s --previous", logs)
	}
	edit := redact.Sprintf("change the manifest of %s and apply it", subject)
	restart := redact.Sprintf("start the pods anew: kubectl rollout restart %s -n %s", subject, ns)
	switch p.cause {
	case incident.ConfigInvalid:
		if steps := l.nginxSteps(p, restart, logs); steps != nil {
			return steps
		}
		return []redact.Text{
			redact.Sprintf("correct it: kubectl edit %s -n %s (key %s)", root, ns, text(p.key)), restart, logs,
		}
	case incident.FilesystemPermissionDenied:
		return []redact.Text{
			redact.Literal("give it a writable place: mount a volume there, or set fsGroup to the group of the user that it runs as"), edit, logs,
		}
	case incident.VolumeFull:
		return l.fullSteps(p, edit)
	case incident.RBACForbidden:
		return l.forbiddenSteps(p)
	case incident.CredentialsRejected:
		return l.secretSteps(p, restart, logs)
	case incident.CertificateInvalid:
		return append(certificateSteps(p), logs)
	case incident.MemoryLeak:
		return []redact.Text{
			redact.Sprintf("watch it grow: kubectl top pod %s -n %s --containers", text(p.fault.object.Name), ns),
			redact.Literal("find what keeps the memory, with a heap profile; a higher limit only delays the end"), logs,
		}
	case incident.EnvShadowed:
		return []redact.Text{
			redact.Sprintf("see what sets it: kubectl set env %s -c %s --list -n %s", subject, container, ns),
			redact.Sprintf("remove the entry that should not win: kubectl set env %s -c %s %s- -n %s", subject, container, text(p.key), ns),
		}
	case incident.LifecycleHookFailed:
		return []redact.Text{
			redact.Sprintf("try the hook's command by hand, and correct spec.containers[].lifecycle.postStart of container %s", container), edit, logs,
		}
	case incident.EphemeralStorageExceeded:
		return []redact.Text{
			redact.Literal("see what it writes outside of volumes: logs, caches, temporary files"),
			redact.Sprintf("raise the limit (ephemeral-storage, or the sizeLimit of the emptyDir) or mount a volume: change the manifest of %s and apply it", subject),
		}
	case incident.DatabaseDeadlock, incident.ConnectionPoolExhausted, incident.UpstreamRateLimited:
		return []redact.Text{logs, redact.Sprintf("see how many pods share what it calls: kubectl get %s -n %s", subject, ns)}
	default:
		return nil
	}
}

func (l *look) fullSteps(p proof, edit redact.Text) []redact.Text {
	ns := text(l.subject.Namespace)
	if p.root.Kind != "PersistentVolumeClaim" {
		return []redact.Text{redact.Literal("write less there, or give it a larger volume for what it writes"), edit}
	}
	return []redact.Text{
		redact.Sprintf("see how large it is, and whether its class lets it grow: kubectl get pvc,storageclass -n %s", ns),
		redact.Sprintf("if its class allows it, make it larger: kubectl patch pvc %s -n %s -p '{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"SIZE\"}}}}'", text(p.root.Name), ns),
		redact.Literal("or remove what is no longer needed on it"),
	}
}

// forbiddenSteps ask the API server and grant what was refused. p.key is the
// question: "list pods -n shop".
func (l *look) forbiddenSteps(p proof) []redact.Text {
	ns, name := text(p.root.Namespace), text(p.root.Name)
	steps := []redact.Text{redact.Sprintf("ask again: kubectl auth can-i %s --as=system:serviceaccount:%s:%s", text(p.key), ns, name)}
	words := strings.Fields(p.key)
	if len(words) == 4 {
		verb, kind, in := text(words[0]), text(words[1]), text(words[3])
		return append(steps, redact.Sprintf("grant it: kubectl create role %s-%s --verb=%s --resource=%s -n %s", name, verb, verb, kind, in),
			redact.Sprintf("and bind it: kubectl create rolebinding %s-%s --role=%s-%s --serviceaccount=%s:%s -n %s", name, verb, name, verb, ns, name, in))
	}
	return append(steps, redact.Sprintf("grant it with a ClusterRole and a ClusterRoleBinding for serviceaccount %s:%s", ns, name))
}

func (l *look) secretSteps(p proof, restart, logs redact.Text) []redact.Text {
	if p.root.Kind != "Secret" {
		return []redact.Text{logs, redact.Sprintf("see where it takes them from: kubectl set env %s --list -n %s", refText(l.subject), text(l.subject.Namespace))}
	}
	if _, stale := l.isStale(p.fault, p.root); stale {
		return []redact.Text{restart, logs}
	}
	return []redact.Text{
		redact.Sprintf("compare it with what the other side expects: kubectl describe %s -n %s", refText(p.root), text(p.root.Namespace)), restart, logs,
	}
}

func certificateSteps(p proof) []redact.Text {
	if p.root.Kind != "Secret" {
		return []redact.Text{redact.Literal("see which certificate the other side shows: openssl s_client -connect HOST:PORT </dev/null | openssl x509 -noout -subject -issuer -dates")}
	}
	key := text(strings.ReplaceAll(p.key, ".", `\.`))
	return []redact.Text{
		redact.Sprintf("see until when it is valid: kubectl get secret %s -n %s -o jsonpath='{.data.%s}' | base64 -d | openssl x509 -noout -subject -dates",
			text(p.root.Name), text(p.root.Namespace), key),
		redact.Sprintf("renew it in %s", refText(p.root)),
	}
}
