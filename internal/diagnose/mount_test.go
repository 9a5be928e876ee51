package diagnose

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// events changes the events of one reason.
func events(reason string, change func(*kube.Snapshot, *kube.Event)) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		for i := range s.Events {
			if e := &s.Events[i]; e.Reason == reason {
				change(s, e)
			}
		}
	}
}

// started says that volumes and sandbox of every pod are there.
func started(s *kube.Snapshot) {
	for _, p := range s.Pods {
		for i := range p.Status.Conditions {
			if c := &p.Status.Conditions[i]; c.Type == corev1.PodReadyToStartContainers {
				c.Status = corev1.ConditionTrue
			}
		}
	}
}

func TestWhatFailedWhileAPodStartedIsNoCauseLater(t *testing.T) {
	old := func(s *kube.Snapshot, e *kube.Event) {
		e.First, e.Last = s.Taken.Add(-10*time.Minute), s.Taken.Add(-9*time.Minute)
	}
	once := func(_ *kube.Snapshot, e *kube.Event) { e.Count = 1 }
	says := func(message string) func(*kube.Snapshot, *kube.Event) {
		return func(_ *kube.Snapshot, e *kube.Event) { e.Message = text(message) }
	}
	for _, c := range []struct {
		name, from string
		change     func(*kube.Snapshot)
		cause      incident.Cause
	}{
		{"a mount fails still", "volume-mount-failed", nil, incident.VolumeMountFailed},
		{"a mount failed at first", "volume-mount-failed", events("FailedMount", old), incident.Unknown},
		{"a mount failed once", "volume-mount-failed", events("FailedMount", once), incident.Unknown},
		{"the volumes are there", "volume-mount-failed", started, incident.Unknown},
		{"the kubelet's cache is late", "volume-mount-failed", events("FailedMount", says(`MountVolume.SetUp failed for volume "data" : failed to sync configmap cache: timed out waiting for the condition`)), incident.Unknown},
		{"a ConfigMap that the pod does not name", "volume-mount-failed", events("FailedMount", says(`MountVolume.SetUp failed for volume "data" : configmap "other" not found`)), incident.Unknown},
		{"a volume of another pod", "volume-mount-failed", events("FailedMount", says(`MountVolume.SetUp failed for volume "cache" : hostPath type check failed: /x is not a directory`)), incident.Unknown},
		{"a driver that is not there", "volume-mount-multi-attach", events("FailedAttachVolume", func(_ *kube.Snapshot, e *kube.Event) {
			e.Count, e.Message = 4, text(`AttachVolume.Attach failed for volume "pvc-1" : rpc error: code = Unavailable desc = connection error`)
		}), incident.VolumeMountFailed},
		{"a volume is held elsewhere", "volume-mount-multi-attach", nil, incident.VolumeMountFailed},
		{"a volume was let go", "volume-mount-multi-attach", func(s *kube.Snapshot) {
			e := s.Events[len(s.Events)-1]
			e.Reason, e.Message, e.Last = "SuccessfulAttachVolume", text(`AttachVolume.Attach succeeded for volume "pvc-1"`), s.Taken
			s.Events = append(s.Events, e)
		}, incident.Unknown},
		{"a sandbox fails still", "pod-sandbox-failed", nil, incident.PodSandboxFailed},
		{"a sandbox failed at first", "pod-sandbox-failed", events(sandboxFailed, old), incident.Unknown},
		{"the sandbox is there", "pod-sandbox-failed", started, incident.Unknown},
		{"the other workload's failed at first", "pod-sandbox-failed-node", events(sandboxFailed, func(s *kube.Snapshot, e *kube.Event) {
			if e.Object.Name[:4] == "api-" {
				old(s, e)
			}
		}), incident.PodSandboxFailed},
		{"the scheduler has spoken", "scheduler-missing", func(s *kube.Snapshot) {
			s.Events = append(s.Events, kube.Event{Object: kube.RefOf(s.Pods[0]), Reason: "FailedScheduling", Source: "shop-scheduler", Count: 1, First: s.Taken, Last: s.Taken})
		}, incident.Unknown},
		{"the scheduler has placed another pod since", "scheduler-missing", func(s *kube.Snapshot) {
			p := s.Pods[0].DeepCopy()
			p.Name, p.UID, p.OwnerReferences, p.Spec.NodeName = "job-1", "u2", nil, "node1"
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: p.CreationTimestamp})
			p.Status.Conditions[len(p.Status.Conditions)-1].LastTransitionTime.Time = s.Taken
			s.Pods = append(s.Pods, p)
		}, incident.Unknown},
		{"the cluster's own scheduler is silent", "scheduler-missing", func(s *kube.Snapshot) { s.Pods[0].Spec.SchedulerName = corev1.DefaultSchedulerName }, incident.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, c.from, c.change)
			if f.Diagnosis.Cause != c.cause {
				t.Errorf("want %s, have %s", c.cause, describe(f))
			}
			if root := f.Diagnosis.Root.String(); c.change != nil && root != "Deployment/web" {
				t.Errorf("have root %s", root)
			}
			for _, problem := range sound(f) {
				t.Error(problem)
			}
		})
	}
}

func TestAttachMessagesAreRead(t *testing.T) {
	for message, want := range map[string]string{
		`Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) web-1`:                                                 "web-1",
		`Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) web-1, api-2 and 1 pod(s) in different namespaces`:     "web-1, api-2",
		`Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node and can't be attached to another`:    "-",
		`Multi-Attach error for volume "pvc-1" Volume is already used by 2 pod(s) in different namespaces`:                             "-",
		`Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) web-1; kubectl delete`:                                 "",
		`x Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) web-1`:                                               "",
		`AttachVolume.Attach failed for volume "pvc-1" : Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) web-1`: "",
	} {
		got := ""
		if m := multiAttach.FindStringSubmatch(message); m != nil {
			got = m[2]
			if got == "" {
				got = "-"
			}
		}
		if got != want {
			t.Errorf("%s: want %q, have %q", message, want, got)
		}
	}
}
