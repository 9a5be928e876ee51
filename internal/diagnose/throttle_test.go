package diagnose

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// heldBack is a container whose probe reads a file and gets no turn in time: four
// samples, 15 s apart, stand at its limit of 50m.
func heldBack(s *kube.Snapshot) {
	for _, p := range s.Pods {
		c := &p.Spec.Containers[0]
		c.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m")}
		c.ReadinessProbe.TimeoutSeconds = 1
		p.Status.ContainerStatuses[0].State.Running.StartedAt = metav1.NewTime(s.Taken.Add(-5 * time.Minute))
		for i := range 4 {
			s.Usage = append(s.Usage, kube.Usage{
				Pod: kube.RefOf(p), Container: c.Name, CPUMilli: 50, Memory: 4 << 20,
				At: s.Taken.Add(time.Duration(i-4) * 15 * time.Second), Window: 15 * time.Second,
			})
		}
	}
	for i := range s.Events {
		if e := &s.Events[i]; e.Reason == "Unhealthy" {
			e.Message, e.Last = redact.Literal(`Readiness probe failed: command timed out: "cat /tmp/ready" timed out after 1s`), s.Taken
		}
	}
}

func TestAProbeThatGetsNoTurnAtTheProcessorLimitIsThrottled(t *testing.T) {
	f := captured(t, "readiness-probe-failing", heldBack)
	if f.Diagnosis.Cause != incident.CPUThrottled || f.Diagnosis.Rule != "probe.throttled" {
		t.Fatalf("have %s", describe(f))
	}
	for _, problem := range sound(f) {
		t.Error(problem)
	}
	said := describe(f)
	for _, want := range []string{"held back at its processor limit of 50m", "uses 50m of processor time (limit 50m)", "the last 4 samples, over 1m0s, stand at the processor limit"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
	if len(f.Diagnosis.Candidates) != 0 || len(f.Diagnosis.Steps) == 0 || !strings.Contains(f.Diagnosis.Steps[1].String(), "--limits=cpu=AMOUNT") {
		t.Errorf("candidates %v, steps %v", f.Diagnosis.Candidates, f.Diagnosis.Steps)
	}
}

func TestUseAtTheProcessorLimitAloneProvesNothing(t *testing.T) {
	container := func(s *kube.Snapshot) *corev1.Container { return &s.Pods[0].Spec.Containers[0] }
	said := func(s *kube.Snapshot, message redact.Text) {
		for i := range s.Events {
			s.Events[i].Message = message
		}
	}
	for name, change := range map[string]func(*kube.Snapshot){
		"no sample":             func(s *kube.Snapshot) { s.Usage = nil },
		"two samples":           func(s *kube.Snapshot) { s.Usage = s.Usage[2:] },
		"the last one is below": func(s *kube.Snapshot) { s.Usage[3].CPUMilli = 40 },
		"one between is below":  func(s *kube.Snapshot) { s.Usage[2].CPUMilli = 40 },
		"the samples are old":   func(s *kube.Snapshot) { s.Taken = s.Taken.Add(3 * time.Minute) },
		"the same sample four times": func(s *kube.Snapshot) {
			for i := range s.Usage {
				s.Usage[i].At = s.Usage[3].At
			}
		},
		"samples of another container": func(s *kube.Snapshot) {
			for i := range s.Usage {
				s.Usage[i].Container = "sidecar"
			}
		},
		"samples of another pod": func(s *kube.Snapshot) {
			for i := range s.Usage {
				s.Usage[i].Pod.Name = "web-0"
			}
		},
		"samples of an earlier run": func(s *kube.Snapshot) {
			s.Pods[0].Status.ContainerStatuses[0].State.Running.StartedAt = metav1.NewTime(s.Taken.Add(-40 * time.Second))
		},
		"no limit":                     func(s *kube.Snapshot) { container(s).Resources.Limits = nil },
		"a limit too small to measure": func(s *kube.Snapshot) { container(s).Resources.Limits[corev1.ResourceCPU] = resource.MustParse("10m") },
		"the check says no": func(s *kube.Snapshot) {
			said(s, redact.Literal("Readiness probe failed: cat: can't open '/tmp/ready': No such file or directory"))
		},
		"a command that asks the program": func(s *kube.Snapshot) { container(s).ReadinessProbe.Exec.Command = []string{"redis-cli", "ping"} },
		"a shell, which may do anything": func(s *kube.Snapshot) {
			container(s).ReadinessProbe.Exec.Command = []string{"sh", "-c", "cat /tmp/ready"}
		},
		"a question by HTTP": func(s *kube.Snapshot) {
			container(s).ReadinessProbe.ProbeHandler = corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}
			said(s, redact.Literal(`Readiness probe failed: Get "http://10.0.0.1:8080/healthz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := captured(t, "readiness-probe-failing", func(s *kube.Snapshot) { heldBack(s); change(s) })
			if f.Diagnosis.Cause != incident.ReadinessProbeFailing {
				t.Errorf("want readiness-probe-failing, have %s", describe(f))
			}
		})
	}
}

func TestUseIsCitedAtAKillForMemoryAndDoesNotMoveTheDigest(t *testing.T) {
	without := captured(t, "oom-killed", nil)
	with := captured(t, "oom-killed", func(s *kube.Snapshot) {
		for _, p := range s.Pods {
			s.Usage = append(s.Usage, kube.Usage{Pod: kube.RefOf(p), Container: p.Spec.Containers[0].Name, CPUMilli: 20, Memory: 30 << 20, At: s.Taken, Window: 15 * time.Second})
		}
	})
	cited := false
	for _, e := range with.Evidence {
		for _, id := range with.Diagnosis.Cites {
			cited = cited || e.ID == id && e.Kind == "metric" && strings.Contains(e.Text.String(), "30Mi of memory")
		}
	}
	if !cited {
		t.Errorf("the use is not cited: %s", describe(with))
	}
	if EvidenceDigest(with.Evidence) != EvidenceDigest(without.Evidence) {
		t.Error("a figure that moves with every look moves the digest")
	}
}
