package kube

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// container looks at one container's state. A crash-looping container is seen
// waiting, terminated or briefly running, whichever the look meets.
func (l *look) container(pod *corev1.Pod, cs *corev1.ContainerStatus) {
	switch {
	case cs.State.Waiting != nil:
		l.containerWaiting(pod, cs, cs.State.Waiting)
	case cs.State.Terminated != nil:
		l.containerTerminated(pod, cs, cs.State.Terminated)
	case cs.State.Running != nil:
		l.containerRunning(pod, cs, cs.State.Running.StartedAt.Time)
	}
}

func (l *look) containerWaiting(pod *corev1.Pod, cs *corev1.ContainerStatus, w *corev1.ContainerStateWaiting) {
	since := containersSince(pod)
	switch w.Reason {
	case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError",
		"RegistryUnavailable", "SignatureValidationFailed":
		l.add(ImagePull, cs.Name, imageClass(w.Reason, w.Message), since, w.Message)
	case "CreateContainerConfigError":
		l.add(ConfigError, cs.Name, configClass(w.Message), since, w.Message)
	case "CreateContainerError", "RunContainerError", "StartError", "PreCreateHookError", "PreStartHookError":
		l.add(StartFailure, cs.Name, startClass(w.Message), since, w.Message)
	case "CrashLoopBackOff", "PostStartHookError": // it ran until its hook failed
		t := cs.LastTerminationState.Terminated
		if t == nil {
			l.add(CrashLoop, cs.Name, "", since, w.Message)
			return
		}
		l.exited(cs.Name, t, w.Message)
	}
}

func (l *look) containerTerminated(pod *corev1.Pod, cs *corev1.ContainerStatus, t *corev1.ContainerStateTerminated) {
	switch {
	case t.Reason == "OOMKilled" || startRefused(t):
		l.exited(cs.Name, t, t.Message)
	case t.ExitCode != 0 && cs.RestartCount >= 1:
		l.exited(cs.Name, t, t.Message)
	case t.ExitCode == 0 && cs.RestartCount >= 2 && restartsAlways(pod, cs.Name):
		l.exited(cs.Name, t, t.Message)
	}
}

// containerRunning finds the crash loop that happens to run at this moment. A
// run that outlives the one before twice over counts as recovered.
func (l *look) containerRunning(pod *corev1.Pod, cs *corev1.ContainerStatus, started time.Time) {
	t := cs.LastTerminationState.Terminated
	if t == nil || l.outlived(started, t) {
		return
	}
	if t.Reason == "OOMKilled" || cs.RestartCount >= 2 && (t.ExitCode != 0 || restartsAlways(pod, cs.Name)) {
		l.exited(cs.Name, t, t.Message)
	}
}

func (l *look) outlived(started time.Time, last *corev1.ContainerStateTerminated) bool {
	lasted := last.FinishedAt.Sub(last.StartedAt.Time)
	if last.StartedAt.IsZero() || lasted < 0 {
		lasted = 0
	}
	return l.past(started.Add(min(2*lasted+runSlack, recoveredAfter)))
}

// exited names what a termination shows: the kernel, the runtime or the program.
func (l *look) exited(container string, t *corev1.ContainerStateTerminated, message string) {
	switch {
	case t.Reason == "OOMKilled":
		if message == "" {
			message = "the container was killed at its memory limit"
		}
		l.add(OOMKill, container, "", t.FinishedAt.Time, message)
	case startRefused(t):
		if t.Message != "" {
			message = t.Message
		}
		l.add(StartFailure, container, startClass(message), t.FinishedAt.Time, message)
	default:
		if message == "" {
			message = "the container exited with code " + strconv.Itoa(int(t.ExitCode))
		}
		l.add(CrashLoop, container, exitClass(t), t.FinishedAt.Time, message)
	}
}

// startRefused reports whether the runtime could not start the program at all.
// The zero start time is what a kubelet writes then.
func startRefused(t *corev1.ContainerStateTerminated) bool {
	return t.Reason == "StartError" || t.Reason == "ContainerCannotRun"
}

func exitClass(t *corev1.ContainerStateTerminated) string {
	if t.Signal != 0 {
		return "signal-" + strconv.Itoa(int(t.Signal))
	}
	return "exit-" + strconv.Itoa(int(t.ExitCode))
}

// restartsAlways reports whether an exit with code 0 is unwanted, too.
func restartsAlways(pod *corev1.Pod, container string) bool {
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.Name == container {
			return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		}
	}
	return pod.Spec.RestartPolicy == corev1.RestartPolicyAlways || pod.Spec.RestartPolicy == ""
}

// containersSince is when the kubelet could begin with the containers.
func containersSince(pod *corev1.Pod) time.Time {
	if c := podCondition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionTrue {
		return c.LastTransitionTime.Time
	}
	return pod.CreationTimestamp.Time
}
