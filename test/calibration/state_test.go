package calibration

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// state is what the cluster shows once a fault stands. It is read here with
// other eyes than the product's: a fault that the product cannot see counts.
type state string

const (
	pulling     state = "image"
	unmade      state = "config"
	crashing    state = "crash"
	starved     state = "oom"
	probed      state = "probe"
	unscheduled state = "unschedulable"
	ready       state = "ready"
)

func (s state) known() bool {
	return slices.Contains([]state{pulling, unmade, crashing, starved, probed, unscheduled, ready}, s)
}

// stands reports whether any of the pods shows the state; for ready, all do.
func (s state) stands(pods []corev1.Pod, events []corev1.Event, replicas int, now time.Time) bool {
	if s == ready {
		return len(pods) >= replicas && !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !isReady(&p) })
	}
	return slices.ContainsFunc(pods, func(p corev1.Pod) bool { return s.stood(&p, events, now) })
}

func (s state) stood(p *corev1.Pod, events []corev1.Event, now time.Time) bool {
	switch s {
	case pulling:
		return waits(p, "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
	case unmade:
		return waits(p, "CreateContainerConfigError") || told(p, events, "FailedMount")
	case crashing:
		return ended(p, func(t *corev1.ContainerStateTerminated, restarts int32) bool {
			return t.Reason == "StartError" || restarts >= 1
		})
	case starved:
		return ended(p, func(t *corev1.ContainerStateTerminated, _ int32) bool { return t.Reason == "OOMKilled" })
	case probed:
		return told(p, events, "Unhealthy") && (restarted(p) || !isReady(p) && ranFor(p, now) > probeSettles)
	case unscheduled:
		return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable
		})
	}
	return false
}

// probeSettles is longer than any probe of testdata may fail while starting.
const probeSettles = 10 * time.Second

func statuses(p *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses)
}

func waits(p *corev1.Pod, reasons ...string) bool {
	return slices.ContainsFunc(statuses(p), func(cs corev1.ContainerStatus) bool {
		return cs.State.Waiting != nil && slices.Contains(reasons, cs.State.Waiting.Reason)
	})
}

func ended(p *corev1.Pod, as func(*corev1.ContainerStateTerminated, int32) bool) bool {
	return slices.ContainsFunc(statuses(p), func(cs corev1.ContainerStatus) bool {
		return cs.State.Terminated != nil && as(cs.State.Terminated, cs.RestartCount) ||
			cs.LastTerminationState.Terminated != nil && as(cs.LastTerminationState.Terminated, cs.RestartCount)
	})
}

func restarted(p *corev1.Pod) bool {
	return slices.ContainsFunc(statuses(p), func(cs corev1.ContainerStatus) bool { return cs.RestartCount >= 1 })
}

func ranFor(p *corev1.Pod, now time.Time) time.Duration {
	var longest time.Duration
	for _, cs := range p.Status.ContainerStatuses {
		if cs.State.Running != nil {
			longest = max(longest, now.Sub(cs.State.Running.StartedAt.Time))
		}
	}
	return longest
}

func told(p *corev1.Pod, events []corev1.Event, reason string) bool {
	return slices.ContainsFunc(events, func(e corev1.Event) bool {
		return e.InvolvedObject.UID == p.UID && e.Reason == reason
	})
}

func isReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
