package diagnose

import (
	"slices"
	"strings"

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

// failedContainers are those of the Job's pods that ended badly, the last first:
// its log is the one that is read.
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
	slices.SortStableFunc(out, func(a, b fault) int { return b.symptom.Since.Compare(a.symptom.Since) })
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
