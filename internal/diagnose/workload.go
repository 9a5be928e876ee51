package diagnose

import (
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveNode blames the node of a pod before the pod.
func proveNode(l *look, f fault) (proof, bool) {
	if f.pod == nil {
		return proof{
			cause: incident.NodeNotReady, root: f.object,
			summary: redact.Sprintf("%s is not ready: %s", refText(f.object), orText(text(f.symptom.Message), redact.Literal("its kubelet does not report"))),
		}, f.symptom.Kind == kube.NodeNotReady
	}
	n := l.x.Node(f.pod.Spec.NodeName)
	if n == nil {
		return proof{}, false
	}
	for _, s := range kube.NodeSymptoms(n) {
		if s.Kind != kube.NodeNotReady {
			continue
		}
		node := kube.RefOf(n)
		return proof{
			cause: incident.NodeNotReady, root: node,
			cites:   []string{l.status(f), l.evidence.add("status", node, redact.Literal("Ready"), text(s.Message), s.Since)},
			summary: redact.Sprintf("%s is down because %s, where it runs, is not ready", refText(l.subject), refText(node)),
		}, true
	}
	return proof{}, false
}

func provePressure(_ *look, f fault) (proof, bool) {
	return proof{
		cause: pressureCause(f.symptom.Class), root: f.object,
		summary: redact.Sprintf("%s is under pressure (%s)", refText(f.object), text(f.symptom.Class)),
	}, true
}

var (
	absentAccount = regexp.MustCompile(`error looking up service account \S+: serviceaccount \\?"([^"\\]+)\\?" not found`)
	quotaReached  = regexp.MustCompile(`exceeded quota: ([^\s,]+), requested: ([^,]+(?:,[^,:]+=[^,:]+)*?), used: ([^,]+(?:,[^,:]+=[^,:]+)*?), limited: (.+)$`)
	quotaWants    = regexp.MustCompile(`failed quota: ([^\s:]+): must specify (.+)$`)
	podSecurity   = regexp.MustCompile(`violates PodSecurity \\?"([^"\\]+)\\?": (.+)$`)
)

// refusedCreate is why the API server refuses a controller its pods.
type refusedCreate struct {
	cause  incident.Cause
	name   string // of the ServiceAccount or the quota
	detail string
}

// parseCreate reads a FailedCreate message; ok is false for a reason that no
// rule knows.
func parseCreate(message string) (r refusedCreate, ok bool) {
	if m := absentAccount.FindStringSubmatch(message); m != nil {
		return refusedCreate{incident.ServiceAccountMissing, m[1], ""}, true
	}
	if m := quotaReached.FindStringSubmatch(message); m != nil {
		return refusedCreate{incident.QuotaExceeded, m[1], "asks for " + m[2] + ", used " + m[3] + " of " + m[4]}, true
	}
	if m := quotaWants.FindStringSubmatch(message); m != nil {
		return refusedCreate{incident.QuotaRequiresLimits, m[1], m[2]}, true
	}
	if m := podSecurity.FindStringSubmatch(message); m != nil {
		return refusedCreate{incident.PodSecurityViolation, m[1], m[2]}, true
	}
	return refusedCreate{}, false
}

// proveCreate reads why pods never appear. The message stands in the
// Deployment's condition, and as an event on the ReplicaSet.
func proveCreate(l *look, f fault) (proof, bool) {
	if f.symptom.Class != "create" {
		return proof{}, false
	}
	r, ok := parseCreate(f.symptom.Message)
	cites := []string{l.status(f)}
	if !ok {
		var id string
		if r, id, ok = l.createEvent(); !ok {
			return proof{}, false
		}
		cites = append(cites, id)
	}
	p := proof{cause: r.cause, cites: cites}
	who, ns := refText(l.subject), f.object.Namespace
	switch r.cause {
	case incident.ServiceAccountMissing:
		p.root = kube.Key("ServiceAccount", ns, r.name)
		p.summary = redact.Sprintf("%s gets no pods: %s does not exist", who, refText(p.root))
	case incident.QuotaExceeded:
		p.root = kube.Key("ResourceQuota", ns, r.name)
		p.summary = redact.Sprintf("%s gets no more pods: %s is used up (%s)", who, refText(p.root), text(r.detail))
	case incident.QuotaRequiresLimits:
		p.root = kube.Key("ResourceQuota", ns, r.name)
		p.summary = redact.Sprintf("%s gets no pods: %s demands that they set %s", who, refText(p.root), text(r.detail))
	case incident.PodSecurityViolation:
		p.root = kube.Key("Namespace", "", ns)
		p.summary = redact.Sprintf("%s gets no pods: Pod Security %s of its namespace forbids them: %s", who, text(r.name), text(r.detail))
	default:
		return proof{}, false
	}
	if o := l.x.Object(p.root); o != nil {
		p.root = kube.RefOf(o)
	}
	return p, true
}

// createEvent looks at what the subject's ReplicaSets were told.
func (l *look) createEvent() (r refusedCreate, id string, ok bool) {
	refs := []kube.Event{}
	refs = append(refs, l.x.EventsOf(l.subject)...)
	if d, is := l.top.(*appsv1.Deployment); is {
		for _, rs := range l.x.RevisionsOf(d) {
			refs = append(refs, l.x.EventsOf(kube.RefOf(rs))...)
		}
	}
	for n := len(refs) - 1; n >= 0; n-- {
		if refs[n].Reason != "FailedCreate" {
			continue
		}
		if r, ok = parseCreate(refs[n].Message.String()); ok {
			return r, l.event(refs[n]), true
		}
	}
	return refusedCreate{}, "", false
}

// proveRollout is the shallowest cause: the deadline passed, nothing says more.
func proveRollout(l *look, f fault) (proof, bool) {
	if f.symptom.Class != "deadline" {
		return proof{}, false
	}
	return proof{
		cause:   incident.RolloutStuck,
		summary: redact.Sprintf("the rollout of %s is stuck: its pods did not become available within the deadline", refText(l.subject)),
	}, true
}

// proveJobBy tries a rule for crashing containers on the failed pods of a Job,
// which the symptoms leave to the Job.
func proveJobBy(prove func(*look, fault) (proof, bool)) func(*look, fault) (proof, bool) {
	return func(l *look, f fault) (proof, bool) {
		for _, pf := range l.failedContainers(f) {
			p, ok := prove(l, pf)
			if !ok {
				continue
			}
			p.fault = pf
			p.cites = append([]string{l.status(f)}, p.cites...)
			return p, true
		}
		return proof{}, false
	}
}

// failedContainers are those of the Job's pods that ended badly.
func (l *look) failedContainers(f fault) []fault {
	var out []fault
	for _, p := range l.x.PodsOf(f.object) {
		if p.Status.Phase != corev1.PodFailed && p.Status.Phase != corev1.PodRunning {
			continue
		}
		for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
			for i := range list {
				t := list[i].State.Terminated
				if t == nil {
					t = list[i].LastTerminationState.Terminated
				}
				if t == nil || t.ExitCode == 0 && t.Reason != "OOMKilled" {
					continue
				}
				pf := podFault(p, kube.Symptom{Kind: kube.CrashLoop, Container: list[i].Name, Since: t.FinishedAt.Time, Message: t.Message})
				pf.like = 1
				out = append(out, pf)
			}
		}
	}
	return out
}

// proveJob says that a Job gave up, and with which exit codes if they are all
// that is known.
func proveJob(l *look, f fault) (proof, bool) {
	if f.symptom.Kind != kube.JobFailed {
		return proof{}, false
	}
	who := refText(f.object)
	switch f.symptom.Class {
	case batchv1.JobReasonDeadlineExceeded:
		return proof{cause: incident.JobDeadlineExceeded, root: f.object,
			summary: redact.Sprintf("%s failed: it ran longer than its deadline", who)}, true
	case batchv1.JobReasonBackoffLimitExceeded:
		p := proof{cause: incident.JobBackoffLimitExceeded, root: f.object, cites: []string{l.status(f)}}
		p.summary = redact.Sprintf("%s failed: it used up its retries", who)
		for _, pf := range l.failedContainers(f) {
			if termination(pf).Reason == "OOMKilled" {
				q, ok := proveOOM(l, pf)
				q.fault, q.root = pf, l.subject
				return q, ok
			}
			if len(p.cites) == 1 {
				p.cites = append(p.cites, l.status(pf))
				if lines := l.telling(pf); len(lines) > 0 {
					p.cites = append(p.cites, l.log(pf, lines))
				}
				p.summary = redact.Sprintf("%s failed: it used up its retries, the last ended with exit code %s",
					who, redact.Int(int64(termination(pf).ExitCode)))
			}
		}
		return p, true
	}
	return proof{}, false
}

// proveEvicted says that a pod was sent away, and blames its node while that is
// still under pressure.
func proveEvicted(l *look, f fault) (proof, bool) {
	if n := l.x.Node(f.pod.Spec.NodeName); n != nil {
		for _, s := range kube.NodeSymptoms(n) {
			if s.Kind == kube.NodePressure {
				return proof{
					cause: pressureCause(s.Class), root: kube.RefOf(n),
					summary: redact.Sprintf("a pod of %s was evicted because %s is under pressure (%s)",
						refText(l.subject), refText(kube.RefOf(n)), text(s.Class)),
				}, true
			}
		}
	}
	return proof{
		cause:   incident.PodEvicted,
		summary: redact.Sprintf("a pod of %s was evicted: %s", refText(l.subject), text(strings.TrimSpace(f.symptom.Message))),
	}, true
}
