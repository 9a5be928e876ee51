package diagnose

import (
	"path"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

const (
	// atLimit is the share of a processor limit, in percent, from which use
	// stands at it: the rest is rounding.
	atLimit = 95
	// pinnedSamples and pinnedFor are how often and how long use must be seen
	// there. A sample is the mean of some 15 s.
	pinnedSamples = 3
	pinnedFor     = 45 * time.Second
	// smallestLimit is the processor limit, in milli, below which the rounding of
	// a sample is more than the rest that atLimit allows.
	smallestLimit = 20
	// staleSample is how old the last sample may be: one may be lost.
	staleSample = 90 * time.Second
)

// proveThrottled finds a probe that fails because its container is held back at
// its processor limit. There is no counter of throttled periods to read (package
// sizing says why), and use at the limit alone proves nothing: a program in an
// endless loop looks alike, and more processor time would not help it. All of
// this must hold:
//
//   - The probe's last failure in this run is that no answer came in time.
//   - Every sample of the last three or more, over 45 s or more and all of this
//     run, stands at the limit: so the limit holds it back, not the node.
//   - The probe's command only looks at a file: see onlyLooks.
func proveThrottled(l *look, f fault) (proof, bool) {
	probe := probeOfClass(f)
	if probe == nil || f.pod == nil || f.status == nil || f.status.State.Running == nil {
		return proof{}, false
	}
	command, looks := onlyLooks(probe)
	limit, limited := f.container.Resources.Limits[corev1.ResourceCPU]
	failed, id, known := l.failure(f, f.symptom.Class)
	if !looks || !limited || !known || !failed.timeout || l.seenAt(id).Before(f.status.State.Running.StartedAt.Time) {
		return proof{}, false
	}
	held, over := pinned(l.samples(f), limit.MilliValue(), l.x.Taken)
	if held < pinnedSamples || over < pinnedFor {
		return proof{}, false
	}
	container, patience := text(f.symptom.Container), time.Duration(max(1, probe.TimeoutSeconds))*time.Second
	return proof{
		cause: incident.CPUThrottled,
		cites: []string{
			l.status(f), id, l.used(f),
			l.evidence.add("spec", l.subject, redact.Sprintf("%s probe of container %s", text(f.symptom.Class), container),
				redact.Sprintf("the command %s, which has to end within %s", text(command), redact.Duration(patience)), l.x.Taken),
		},
		summary: redact.Sprintf("%s fails its %s probe because container %s is held back at its processor limit of %s: no answer comes in time",
			refText(l.subject), text(f.symptom.Class), container, text(limit.String())),
		ruledOut: []redact.Text{redact.Sprintf("a program that hangs or loops: the probe only runs %s, which waits for processor time and not for the program", text(command))},
	}, true
}

// probeOfClass is the probe that a fault is about; nil where the container has
// none.
func probeOfClass(f fault) *corev1.Probe {
	if f.container == nil {
		return nil
	}
	switch f.symptom.Class {
	case "readiness":
		return f.container.ReadinessProbe
	case "liveness":
		return f.container.LivenessProbe
	case "startup":
		return f.container.StartupProbe
	}
	return nil
}

// seenAt is when a piece of evidence was seen; the zero time where there is none.
func (l *look) seenAt(id string) time.Time {
	for i := range l.evidence.list {
		if l.evidence.list[i].ID == id {
			return l.evidence.list[i].At
		}
	}
	return time.Time{}
}

// samples are those of this run of a fault's container, the oldest first.
func (l *look) samples(f fault) []kube.Usage {
	if f.pod == nil {
		return nil
	}
	var out []kube.Usage
	for _, u := range l.x.Usage {
		if u.Container == f.symptom.Container && u.Pod.Name == f.pod.Name && u.Pod.Namespace == f.pod.Namespace &&
			(f.status == nil || f.status.State.Running == nil || !u.At.Add(-u.Window).Before(f.status.State.Running.StartedAt.Time)) {
			out = append(out, u)
		}
	}
	slices.SortStableFunc(out, func(a, b kube.Usage) int { return a.At.Compare(b.At) })
	return slices.CompactFunc(out, func(a, b kube.Usage) bool { return a.At.Equal(b.At) })
}

// pinned counts the last samples that stand at the limit without a break, and
// how long they are; none where the last one is old.
func pinned(samples []kube.Usage, limit int64, now time.Time) (n int, over time.Duration) {
	if len(samples) == 0 || limit < smallestLimit || now.Sub(samples[len(samples)-1].At) > staleSample {
		return 0, 0
	}
	last := samples[len(samples)-1].At
	for i := len(samples) - 1; i >= 0; i-- {
		if u := samples[i]; float64(u.CPUMilli) < float64(limit)*atLimit/100 {
			break
		}
		n++
		over = last.Sub(samples[i].At) + samples[i].Window
	}
	return n, over
}

// lookers are commands that look at a file and at nothing else.
var lookers = []string{"cat", "test", "[", "true", "ls", "stat"}

// onlyLooks is the command of a probe that looks at a file: that takes processor
// time and no part of the program, so that the program cannot be to blame for the
// silence. Who asks the program by HTTP cannot tell a slow one from one that hangs.
func onlyLooks(probe *corev1.Probe) (command string, ok bool) {
	if probe.Exec == nil || len(probe.Exec.Command) == 0 {
		return "", false
	}
	command = path.Base(probe.Exec.Command[0])
	return command, slices.Contains(lookers, command)
}

// used records what a fault's container uses and returns the evidence's id;
// empty where nothing is known. Absence proves nothing: the metrics API forgets
// what has ended.
func (l *look) used(f fault) string {
	samples := l.samples(f)
	if len(samples) == 0 || f.container == nil {
		return ""
	}
	last := samples[len(samples)-1]
	said := redact.Sprintf("uses %s of processor time (%s) and %s of memory (%s)",
		kube.CPU(last.CPUMilli), limitText(f.container.Resources.Limits, corev1.ResourceCPU),
		kube.Memory(last.Memory), limitText(f.container.Resources.Limits, corev1.ResourceMemory))
	if limit, ok := f.container.Resources.Limits[corev1.ResourceCPU]; ok {
		if n, over := pinned(samples, limit.MilliValue(), l.x.Taken); n > 1 {
			said = redact.Sprintf("%s; the last %s samples, over %s, stand at the processor limit", said, redact.Int(int64(n)), redact.Duration(over.Round(time.Second)))
		}
	}
	return l.evidence.add("metric", f.object, redact.Sprintf("container %s", text(f.symptom.Container)), said, last.At)
}

func limitText(list corev1.ResourceList, name corev1.ResourceName) redact.Text {
	q, ok := list[name]
	if !ok {
		return redact.Literal("no limit")
	}
	return redact.Sprintf("limit %s", text(q.String()))
}

// maxUses bounds the pods whose use is told of one finding.
const maxUses = 3

// uses records what the containers that a proof is about use, where use tells
// something: at a kill for memory, at a failing probe, and of the pods that an
// autoscaler at its maximum scales.
func (l *look) uses(p proof) []string {
	var ids []string
	add := func(f fault) {
		if len(ids) == maxUses {
			return
		}
		if id := l.used(f); id != "" && !slices.Contains(p.cites, id) {
			ids = append(ids, id)
		}
	}
	switch p.cause {
	case incident.OOMKilled, incident.MemoryLeak, incident.CPUThrottled,
		incident.LivenessProbeFailing, incident.ReadinessProbeFailing, incident.StartupProbeFailing:
		add(p.fault)
	case incident.HPAMaxedOut:
		h, ok := l.top.(*autoscalingv2.HorizontalPodAutoscaler)
		if !ok {
			return nil
		}
		for _, pod := range l.x.PodsOf(l.target(h)) {
			for i := range pod.Spec.Containers {
				add(podFault(pod, kube.Symptom{Container: pod.Spec.Containers[i].Name}))
			}
		}
	default:
	}
	return ids
}
