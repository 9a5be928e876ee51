package kube

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/redact"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(noon.Add(-d)) }

// pod is one that was scheduled an hour ago and runs well; change spoils it.
func pod(change func(p *corev1.Pod, web *corev1.ContainerStatus)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1", UID: "u1", CreationTimestamp: ago(time.Hour)},
		Spec:       corev1.PodSpec{NodeName: "n1", RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{Name: "web"}}},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: ago(time.Hour)}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: "web", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(time.Hour)}},
			}},
		},
	}
	if change != nil {
		change(p, &p.Status.ContainerStatuses[0])
	}
	return p
}

func waits(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func runs(since time.Duration) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(since)}}
}

// ended is a run that lasted and ended so long ago.
func ended(code int32, reason string, lasted, since time.Duration) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, StartedAt: ago(since + lasted), FinishedAt: ago(since),
	}}
}

func unhealthy(container, message string, last time.Duration) Event {
	return Event{
		Reason: "Unhealthy", Type: "Warning", Field: "spec.containers{" + container + "}",
		Message: redact.New(redact.Config{}).Redact(message), First: noon.Add(-last - time.Minute), Last: noon.Add(-last), Count: 3,
	}
}

func TestPodSymptoms(t *testing.T) {
	type status = corev1.ContainerStatus
	pending := func(p *corev1.Pod, scheduled corev1.ConditionStatus, reason string, since time.Duration, message string) {
		p.Status.Phase, p.Status.ContainerStatuses = corev1.PodPending, nil
		p.CreationTimestamp = ago(since)
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: scheduled, Reason: reason, Message: message, LastTransitionTime: ago(since)}}
	}
	probed := func(p *corev1.Pod) { p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 2} }
	const refused = "Readiness probe failed: dial tcp: connection refused"
	tests := map[string]struct {
		change func(*corev1.Pod, *status)
		events []Event
		want   string // kind/container/class, joined by commas
		again  time.Duration
	}{
		"a healthy pod has none": {},
		"an image that is not there": {want: "image-pull/web/not-found", change: func(p *corev1.Pod, s *status) {
			s.State = waits("ErrImagePull", `rpc error: code = NotFound desc = failed to resolve: not found`)
		}},
		"a back-off for the same image has the same class": {want: "image-pull/web/not-found", change: func(p *corev1.Pod, s *status) {
			s.State = waits("ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: rpc error: code = NotFound desc = x: not found`)
		}},
		"a registry that cannot be found": {want: "image-pull/web/unreachable", change: func(p *corev1.Pod, s *status) {
			s.State = waits("ErrImagePull", `failed to do request: Head "https://r.example/v2/": dial tcp: lookup r.example: no such host`)
		}},
		"a registry that wants credentials": {want: "image-pull/web/unauthorized", change: func(p *corev1.Pod, s *status) {
			s.State = waits("ErrImagePull", `pull access denied, repository does not exist or may require authorization`)
		}},
		"a registry that has had enough": {want: "image-pull/web/rate-limited", change: func(p *corev1.Pod, s *status) {
			s.State = waits("ErrImagePull", `unexpected status code 429 Too Many Requests: toomanyrequests`)
		}},
		"an absent ConfigMap": {want: "config-error/web/configmap", change: func(p *corev1.Pod, s *status) {
			s.State = waits("CreateContainerConfigError", `configmap "settings" not found`)
		}},
		"an absent key": {want: "config-error/web/configmap-key", change: func(p *corev1.Pod, s *status) {
			s.State = waits("CreateContainerConfigError", `couldn't find key mode in ConfigMap shop/settings`)
		}},
		"an image that runs as root": {want: "config-error/web/run-as-root", change: func(p *corev1.Pod, s *status) {
			s.State = waits("CreateContainerConfigError", `container has runAsNonRoot and image will run as root`)
		}},
		"a command that does not exist": {want: "start-failure/web/command", change: func(p *corev1.Pod, s *status) {
			s.State = ended(128, "StartError", 0, time.Second)
			s.State.Terminated.Message = `exec: "/nope": no such file or directory: unknown`
		}},
		"a crash loop that waits": {want: "crash-loop/web/exit-3", change: func(p *corev1.Pod, s *status) {
			s.State, s.LastTerminationState, s.RestartCount = waits("CrashLoopBackOff", "back-off 10s"), ended(3, "Error", time.Second, time.Second), 1
		}},
		"a crash loop that has just ended": {want: "crash-loop/web/exit-3", change: func(p *corev1.Pod, s *status) {
			s.State, s.RestartCount = ended(3, "Error", time.Second, time.Second), 1
		}},
		"a crash loop that happens to run": {want: "crash-loop/web/exit-3", again: 11 * time.Second, change: func(p *corev1.Pod, s *status) {
			s.State, s.LastTerminationState, s.RestartCount = runs(time.Second), ended(3, "Error", time.Second, 12*time.Second), 2
		}},
		"a run that outlived the last one is none": {change: func(p *corev1.Pod, s *status) {
			s.State, s.LastTerminationState, s.RestartCount = runs(13*time.Second), ended(3, "Error", time.Second, 24*time.Second), 2
		}},
		"a first exit may heal": {change: func(p *corev1.Pod, s *status) {
			s.State = ended(3, "Error", time.Second, time.Second)
		}},
		"a restart long ago is none": {change: func(p *corev1.Pod, s *status) {
			s.State, s.LastTerminationState, s.RestartCount = runs(11*time.Minute), ended(3, "Error", 24*time.Hour, 12*time.Minute), 5
		}},
		"a command that ends well again and again": {want: "crash-loop/web/exit-0", change: func(p *corev1.Pod, s *status) {
			s.State, s.RestartCount = ended(0, "Completed", time.Second, time.Second), 2
		}},
		"a command that ends well again and again and happens to run": {want: "crash-loop/web/exit-0", again: 9 * time.Second, change: func(p *corev1.Pod, s *status) {
			s.State, s.LastTerminationState, s.RestartCount = runs(time.Second), ended(0, "Completed", 0, time.Second), 2
		}},
		"an OOM kill": {want: "oom-killed/web/", change: func(p *corev1.Pod, s *status) {
			s.State = ended(1, "OOMKilled", time.Second, time.Second) // exit code 1: a shell as PID 1
		}},
		"an OOM kill a moment ago": {want: "oom-killed/web/", again: 29 * time.Second, change: func(p *corev1.Pod, s *status) {
			s.State, s.LastTerminationState, s.RestartCount = runs(time.Second), ended(137, "OOMKilled", 10*time.Second, 2*time.Second), 1
		}},
		"a failing init container": {want: "crash-loop/init/exit-4", change: func(p *corev1.Pod, s *status) {
			p.Status.Phase = corev1.PodPending
			p.Spec.InitContainers = []corev1.Container{{Name: "init"}}
			p.Status.InitContainerStatuses = []status{{Name: "init", RestartCount: 2, State: waits("CrashLoopBackOff", ""), LastTerminationState: ended(4, "Error", 0, time.Second)}}
			s.State, s.Ready = waits("PodInitializing", ""), false
		}},
		"an init container that ended well is none": {change: func(p *corev1.Pod, s *status) {
			p.Spec.InitContainers = []corev1.Container{{Name: "init"}}
			p.Status.InitContainerStatuses = []status{{Name: "init", Ready: true, State: ended(0, "Completed", time.Second, time.Hour)}}
		}},
		"a pod without a place": {want: "unschedulable//cpu+taint", change: func(p *corev1.Pod, s *status) {
			pending(p, corev1.ConditionFalse, "Unschedulable", time.Second, "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). preemption: 0/3 nodes are available: 3 Insufficient memory.")
		}},
		"a gated pod is none": {change: func(p *corev1.Pod, s *status) {
			pending(p, corev1.ConditionFalse, "SchedulingGated", time.Hour, "")
		}},
		"a pod that starts for a minute is none yet": {again: time.Minute, change: func(p *corev1.Pod, s *status) {
			pending(p, corev1.ConditionTrue, "", time.Minute, "")
		}},
		"a pod that starts for three minutes": {want: "pending//creating", change: func(p *corev1.Pod, s *status) {
			pending(p, corev1.ConditionTrue, "", 3*time.Minute, "")
		}},
		"a pod that no scheduler serves": {want: "pending//unscheduled", change: func(p *corev1.Pod, s *status) {
			pending(p, corev1.ConditionTrue, "", 3*time.Minute, "")
			p.Status.Conditions, p.Spec.NodeName = nil, ""
		}},
		"a volume whose Secret is absent, at once": {want: "config-error//secret", again: time.Minute, change: func(p *corev1.Pod, s *status) {
			pending(p, corev1.ConditionTrue, "", time.Minute, "")
		}, events: []Event{{Reason: "FailedMount", First: noon, Last: noon.Add(-14 * time.Minute), Message: redact.Literal(`MountVolume.SetUp failed for volume "v" : secret "tls" not found`)}}},
		"a readiness probe that fails": {want: "probe-failing/web/readiness", again: 15*time.Minute - time.Second, change: func(p *corev1.Pod, s *status) {
			s.Ready = false
			probed(p)
		}, events: []Event{unhealthy("web", refused, time.Second)}},
		"a readiness probe that fails while the container starts is none": {again: 2 * time.Second, change: func(p *corev1.Pod, s *status) {
			s.Ready, s.State = false, runs(5*time.Second)
			probed(p)
		}, events: []Event{unhealthy("web", refused, time.Second)}},
		"a readiness event about a ready container is none": {change: func(p *corev1.Pod, s *status) { probed(p) },
			events: []Event{unhealthy("web", refused, time.Second)}},
		"a container that is not ready stands without any event": {want: "probe-failing/web/readiness", change: func(p *corev1.Pod, s *status) {
			s.Ready = false
			probed(p)
		}},
		"an old event does not count, the state does": {want: "probe-failing/web/readiness", change: func(p *corev1.Pod, s *status) {
			s.Ready = false
			probed(p)
		}, events: []Event{unhealthy("web", refused, 16*time.Minute)}},
		"a liveness probe that kills": {want: "probe-failing/web/liveness", again: 5 * time.Second, change: func(p *corev1.Pod, s *status) {
			s.State, s.LastTerminationState, s.RestartCount = runs(45*time.Second), ended(137, "Error", 20*time.Second, 46*time.Second), 1
		}, events: []Event{unhealthy("web", "Liveness probe failed: HTTP probe failed with statuscode: 404", 50*time.Second)}},
		"a liveness probe that failed and did not kill is none": {again: 14 * time.Minute,
			events: []Event{unhealthy("web", "Liveness probe failed: timeout", time.Minute)}},
		"a pod that is being deleted has none": {change: func(p *corev1.Pod, s *status) {
			now := metav1.NewTime(noon)
			p.DeletionTimestamp, s.State = &now, waits("ImagePullBackOff", "not found")
		}},
		"a pod that ended well has none": {change: func(p *corev1.Pod, s *status) {
			p.Status.Phase, s.State = corev1.PodSucceeded, ended(0, "Completed", time.Second, time.Second)
		}},
		"an evicted pod": {want: "evicted//memory", again: 14 * time.Minute, change: func(p *corev1.Pod, s *status) {
			p.Status.Phase, p.Status.Reason, p.Status.ContainerStatuses = corev1.PodFailed, "Evicted", nil
			p.Status.Message = "The node was low on resource: memory."
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.DisruptionTarget, LastTransitionTime: ago(time.Minute)}}
		}},
		"an eviction of yesterday is none": {change: func(p *corev1.Pod, s *status) {
			p.Status.Phase, p.Status.Reason, p.Status.ContainerStatuses = corev1.PodFailed, "Evicted", nil
		}},
		"a failed pod of a Job is the Job's business": {again: 14 * time.Minute, change: func(p *corev1.Pod, s *status) {
			truth := true
			p.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "j", Controller: &truth}}
			p.Status.Phase, s.State = corev1.PodFailed, ended(1, "Error", time.Second, time.Minute)
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			found, again := PodSymptoms(pod(test.change), test.events, noon)
			if got := words(found); got != test.want {
				t.Errorf("symptoms %q, want %q", got, test.want)
			}
			var in time.Duration
			if !again.IsZero() {
				in = again.Sub(noon)
			}
			if in != test.again {
				t.Errorf("look again in %v, want %v", in, test.again)
			}
			for _, s := range found {
				if s.Since.IsZero() {
					t.Errorf("%s has no beginning", s.Kind)
				}
			}
		})
	}
}

func words(found []Symptom) string {
	var out []string
	for _, s := range found {
		out = append(out, fmt.Sprintf("%s/%s/%s", s.Kind, s.Container, s.Class))
	}
	return strings.Join(out, ",")
}

func TestLookingAgainIsEnough(t *testing.T) {
	// Whatever a pod shows, nothing changes before the time that the look names.
	changes := map[string]func(*corev1.Pod, *corev1.ContainerStatus){
		"recovering": func(p *corev1.Pod, s *corev1.ContainerStatus) {
			s.State, s.LastTerminationState, s.RestartCount = runs(0), ended(1, "Error", 40*time.Second, time.Second), 3
		},
		"starting": func(p *corev1.Pod, s *corev1.ContainerStatus) {
			p.Status.Phase, s.State = corev1.PodPending, waits("ContainerCreating", "")
			p.Status.Conditions[0].LastTransitionTime = ago(0)
		},
		"not ready": func(p *corev1.Pod, s *corev1.ContainerStatus) {
			s.State, s.Ready = runs(0), false
			p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{}
		},
	}
	for name, change := range changes {
		for _, events := range [][]Event{nil, {unhealthy("web", "Readiness probe failed: x", 0), unhealthy("web", "Liveness probe failed: x", 0)}} {
			p := pod(change)
			before, again := PodSymptoms(p, events, noon)
			for now := noon; now.Before(noon.Add(20 * time.Minute)); now = now.Add(time.Second) {
				found, next := PodSymptoms(p, events, now)
				if (again.IsZero() || now.Before(again)) && !slices.Equal(found, before) {
					t.Fatalf("%s: %q became %q at %v, before the announced %v", name, words(before), words(found), now, again)
				}
				before, again = found, next
			}
		}
	}
}

func TestDeploymentSymptoms(t *testing.T) {
	condition := func(kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason string) *appsv1.Deployment {
		return &appsv1.Deployment{Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{
			Type: kind, Status: status, Reason: reason, LastTransitionTime: ago(time.Minute),
		}}}}
	}
	paused := condition(appsv1.DeploymentProgressing, corev1.ConditionFalse, "ProgressDeadlineExceeded")
	paused.Spec.Paused = true
	stale := condition(appsv1.DeploymentProgressing, corev1.ConditionFalse, "ProgressDeadlineExceeded")
	stale.Generation = 2
	for name, test := range map[string]struct {
		d    *appsv1.Deployment
		want string
	}{
		"a rollout past its deadline":             {condition(appsv1.DeploymentProgressing, corev1.ConditionFalse, "ProgressDeadlineExceeded"), "rollout-stuck//deadline"},
		"a rollout that is refused its pods":      {condition(appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "FailedCreate"), "rollout-stuck//create"},
		"a rollout that moves has none":           {condition(appsv1.DeploymentProgressing, corev1.ConditionTrue, "ReplicaSetUpdated"), ""},
		"a paused rollout has none":               {paused, ""},
		"a status of an older generation is none": {stale, ""},
	} {
		if got := words(DeploymentSymptoms(test.d)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestJobAndNodeSymptoms(t *testing.T) {
	job := func(kind batchv1.JobConditionType, status corev1.ConditionStatus) *batchv1.Job {
		return &batchv1.Job{Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: kind, Status: status, Reason: "BackoffLimitExceeded"}}}}
	}
	node := func(kind corev1.NodeConditionType, status corev1.ConditionStatus) *corev1.Node {
		return &corev1.Node{Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: kind, Status: status}}}}
	}
	for name, test := range map[string]struct {
		got  []Symptom
		want string
	}{
		"a failed Job":                 {JobSymptoms(job(batchv1.JobFailed, corev1.ConditionTrue)), "job-failed//BackoffLimitExceeded"},
		"a complete Job has none":      {JobSymptoms(job(batchv1.JobComplete, corev1.ConditionTrue)), ""},
		"a node that says nothing":     {NodeSymptoms(node(corev1.NodeReady, corev1.ConditionUnknown)), "node-not-ready//"},
		"a node that is ready":         {NodeSymptoms(node(corev1.NodeReady, corev1.ConditionTrue)), ""},
		"a node short of disk":         {NodeSymptoms(node(corev1.NodeDiskPressure, corev1.ConditionTrue)), "node-pressure//DiskPressure"},
		"a node that has disk enough":  {NodeSymptoms(node(corev1.NodeDiskPressure, corev1.ConditionFalse)), ""},
		"a condition that nobody asks": {NodeSymptoms(node("CgroupV1", corev1.ConditionTrue)), ""},
	} {
		if got := words(test.got); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestARefusedControllerIsSeenByItsLastEvent(t *testing.T) {
	event := func(last time.Duration) []Event {
		return []Event{{Reason: "FailedCreate", First: noon.Add(-time.Hour), Last: noon.Add(-last)}, {Reason: "SuccessfulCreate", Last: noon}}
	}
	if found, again := CreateSymptoms(event(time.Minute), noon); words(found) != "rollout-stuck//create" || again.Sub(noon) != 14*time.Minute {
		t.Errorf("symptoms %q until %v", words(found), again)
	}
	if found, _ := CreateSymptoms(event(16*time.Minute), noon); found != nil {
		t.Errorf("symptoms %q of an event that is too old", words(found))
	}
}

func FuzzContainerOfAndClassesTakeAnyText(f *testing.F) {
	f.Add("spec.containers{web}", `0/1 nodes are available: 1 Insufficient cpu.`)
	f.Add("{", "preemption:")
	f.Fuzz(func(t *testing.T, field, message string) {
		if name := ContainerOf(field); len(name) > len(field) {
			t.Errorf("the name %q is longer than its field %q", name, field)
		}
		for _, class := range []string{imageClass("", message), configClass(message), startClass(message), evictedClass(message)} {
			if len(class) > 20 {
				t.Errorf("class %q is not of the vocabulary", class)
			}
		}
		if c := schedulingClass(message); c != schedulingClass(message) || strings.Contains(c, " ") {
			t.Errorf("class %q", c)
		}
	})
}
