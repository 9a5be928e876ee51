package kube

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// probes joins Unhealthy events with the state of the container that they
// name. An event alone proves nothing: readiness fails while a pod starts.
func (l *look) probes(pod *corev1.Pod, events []Event) {
	statuses := [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses}
	for _, list := range statuses {
		for i := range list {
			l.containerProbes(pod, &list[i], events)
		}
	}
}

func (l *look) containerProbes(pod *corev1.Pod, cs *corev1.ContainerStatus, events []Event) {
	spec := containerSpec(pod, cs.Name)
	if spec == nil {
		return
	}
	if e := l.lastUnhealthy(events, cs.Name, "Liveness"); e != nil && l.killedBy(cs, e) {
		l.add(ProbeFailing, cs.Name, "liveness", e.First, e.Message.String())
		return
	}
	if e := l.lastUnhealthy(events, cs.Name, "Startup"); e != nil && l.killedBy(cs, e) {
		l.add(ProbeFailing, cs.Name, "startup", e.First, e.Message.String())
		return
	}
	run := cs.State.Running
	if run == nil || cs.Ready || spec.ReadinessProbe == nil || cs.Started != nil && !*cs.Started {
		return
	}
	grace := run.StartedAt.Add(probeGrace(spec.ReadinessProbe))
	e := l.lastUnhealthy(events, cs.Name, "Readiness")
	switch {
	case e != nil && l.past(grace):
		l.add(ProbeFailing, cs.Name, "readiness", notReadySince(pod, run.StartedAt.Time), e.Message.String())
	case e == nil && l.past(grace.Add(PendingAfter)):
		// The kubelet stops repeating an event after a while; the state stands.
		l.add(ProbeFailing, cs.Name, "readiness", notReadySince(pod, run.StartedAt.Time), "")
	}
}

// killedBy reports whether the container restarts because of the probe in e: it
// was killed shortly after a failure, and has not run well since.
func (l *look) killedBy(cs *corev1.ContainerStatus, e *Event) bool {
	t := cs.LastTerminationState.Terminated
	if t == nil {
		t = cs.State.Terminated
	}
	if t == nil || cs.RestartCount == 0 && cs.State.Terminated == nil {
		return false
	}
	if e.Last.Before(t.StartedAt.Time) && !killed(t) {
		return false // of a run before the last, and this one ended by itself
	}
	return cs.State.Running == nil || !l.outlived(cs.State.Running.StartedAt.Time, t)
}

// killed reports an end by a signal from outside. The kubelet keeps back events
// that come too often, so that the last kill may have none of its own.
func killed(t *corev1.ContainerStateTerminated) bool {
	return t.Reason != "OOMKilled" && (t.ExitCode == 137 || t.ExitCode == 143)
}

// lastUnhealthy is the youngest event about a failing probe of one container.
// The kubelet writes no field for the kind of probe: it begins the message.
func (l *look) lastUnhealthy(events []Event, container, probe string) *Event {
	var last *Event
	for i := range events {
		e := &events[i]
		if e.Reason != "Unhealthy" || ContainerOf(e.Field) != container || !strings.HasPrefix(e.Message.String(), probe+" probe ") {
			continue
		}
		if last == nil || e.Last.After(last.Last) {
			last = e
		}
	}
	if last == nil || l.past(last.Last.Add(EventAge)) {
		return nil
	}
	return last
}

// ContainerOf reads the container's name from an event's field path, such as
// spec.containers{web}; empty where the path names none.
func ContainerOf(field string) string {
	_, rest, ok := strings.Cut(field, "{")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(rest, "}")
}

func containerSpec(pod *corev1.Pod, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// probeGrace is how long a probe may fail before it says anything, with the
// defaults that the API server fills in.
func probeGrace(p *corev1.Probe) time.Duration {
	period, failures := p.PeriodSeconds, p.FailureThreshold
	if period == 0 {
		period = 10
	}
	if failures == 0 {
		failures = 3
	}
	return time.Duration(p.InitialDelaySeconds+period*failures+max(p.TimeoutSeconds, 1)) * time.Second
}

// notReadySince is when the pod stopped being ready, or when the container
// started if it never was.
func notReadySince(pod *corev1.Pod, started time.Time) time.Time {
	if c := podCondition(pod, corev1.ContainersReady); c != nil && c.Status == corev1.ConditionFalse && c.LastTransitionTime.After(started) {
		return c.LastTransitionTime.Time
	}
	return started
}
