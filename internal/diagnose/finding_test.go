package diagnose

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// captured reads a case and diagnoses its subject after a change to it.
func captured(t *testing.T, name string, change func(*kube.Snapshot)) Finding {
	t.Helper()
	dir := filepath.Join("testdata", name)
	_, s := readCapture(t, dir)
	if change != nil {
		change(s)
	}
	kind, subject := split(readWant(t, dir).Subject)
	return Diagnose(s, kube.Key(kind, namespaceOf(s), subject), Options{Now: s.Taken})
}

func TestTheDigestOfEvidenceIgnoresCountsTimesAndPodNames(t *testing.T) {
	for _, name := range []string{"image-not-found", "oom-killed", "env-var-missing", "probe-readiness-404", "configmap-missing-volume"} {
		t.Run(name, func(t *testing.T) {
			before := EvidenceDigest(captured(t, name, nil).Evidence)
			after := EvidenceDigest(captured(t, name, func(s *kube.Snapshot) {
				for _, p := range s.Pods {
					p.Name, p.UID = p.Name+"z", p.UID[:35]+"f"
					for i := range p.Status.ContainerStatuses {
						if cs := &p.Status.ContainerStatuses[i]; cs.RestartCount > 0 {
							cs.RestartCount += 5
						}
					}
				}
				for i := range s.Events {
					e := &s.Events[i]
					if e.Object.Kind == "Pod" {
						e.Object.Name, e.Object.UID = e.Object.Name+"z", e.Object.UID[:35]+"f"
					}
					e.Count, e.Last = e.Count+9, e.Last.Add(time.Minute)
				}
				for i := range s.Logs {
					s.Logs[i].Pod.Name += "z"
				}
			}).Evidence)
			if before != after {
				t.Errorf("the digest moved from %s to %s", before.Short(), after.Short())
			}
		})
	}
	if EvidenceDigest(captured(t, "image-not-found", nil).Evidence) == EvidenceDigest(captured(t, "oom-killed", nil).Evidence) {
		t.Error("two causes have one digest")
	}
}

func TestABackOffWithoutWordsIsReadFromTheEvent(t *testing.T) {
	f := captured(t, "image-not-found", func(s *kube.Snapshot) {
		for _, p := range s.Pods {
			for i := range p.Status.ContainerStatuses {
				if w := p.Status.ContainerStatuses[i].State.Waiting; w != nil {
					w.Reason, w.Message = "ImagePullBackOff", `Back-off pulling image "registry.example/shop/web:v2"`
				}
			}
		}
	})
	if f.Diagnosis.Cause != incident.ImageNotFound {
		t.Errorf("want image-not-found, have %s", describe(f))
	}
	f = captured(t, "image-not-found", func(s *kube.Snapshot) {
		s.Events = nil
		for _, p := range s.Pods {
			for i := range p.Status.ContainerStatuses {
				if w := p.Status.ContainerStatuses[i].State.Waiting; w != nil {
					w.Reason, w.Message = "ImagePullBackOff", `Back-off pulling image "registry.example/shop/web:v2"`
				}
			}
		}
	})
	if f.Diagnosis.Cause != incident.Unknown || len(f.Diagnosis.Candidates) != 0 {
		t.Errorf("nothing says why: want unknown and no candidate, have %s", describe(f))
	}
}

func TestAConfigMapThatExistsByNowIsNotTheCause(t *testing.T) {
	f := captured(t, "configmap-missing-env", func(s *kube.Snapshot) {
		s.Absent = nil
		s.ConfigMaps = append(s.ConfigMaps, kube.Keys{Ref: kube.Key("ConfigMap", namespaceOf(s), "shop-config")})
	})
	if f.Diagnosis.Cause == incident.ConfigMapMissing {
		t.Error("it was created a moment ago; the kubelet will see it")
	}
}

func TestAMessageAboutAnObjectThatThePodDoesNotUseProvesNothing(t *testing.T) {
	f := captured(t, "configmap-missing-env", func(s *kube.Snapshot) {
		for _, p := range s.Pods {
			for i := range p.Status.ContainerStatuses {
				if w := p.Status.ContainerStatuses[i].State.Waiting; w != nil {
					w.Message = `secret "kube-admin" not found`
				}
			}
		}
	})
	if f.Diagnosis.Cause != incident.Unknown {
		t.Errorf("want unknown, have %s", describe(f))
	}
}

func TestGitOpsAndOperatorsLeaveStepsOnly(t *testing.T) {
	f := captured(t, "image-not-found", func(s *kube.Snapshot) {
		for _, d := range s.Deployments {
			d.Labels["kustomize.toolkit.fluxcd.io/name"] = "shop"
		}
	})
	d := f.Diagnosis
	if d.Owner.String() != "Flux kustomization shop" || len(d.Candidates) != 0 || !strings.Contains(d.Steps[0].String(), "Flux") {
		t.Errorf("owner %q, candidates %v, steps %v", d.Owner, d.Candidates, d.Steps)
	}
}

func TestHelmReleasesAreFixedWithANote(t *testing.T) {
	f := captured(t, "image-not-found", func(s *kube.Snapshot) {
		for _, d := range s.Deployments {
			d.Annotations["meta.helm.sh/release-name"] = "shop"
		}
	})
	note := f.Diagnosis.Note.String()
	if len(f.Diagnosis.Candidates) == 0 || !strings.Contains(note, "next upgrade will undo") || !strings.Contains(note, "image of container web") {
		t.Errorf("candidates %d, note %q", len(f.Diagnosis.Candidates), note)
	}
}

func TestAProgramThatHangsIsRestarted(t *testing.T) {
	f := captured(t, "probe-readiness-404", func(s *kube.Snapshot) {
		for i := range s.Events {
			if e := &s.Events[i]; e.Reason == "Unhealthy" {
				e.Message = redact.Literal("Readiness probe failed: Get \"http://web:8080/healthz\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
			}
		}
	})
	d := f.Diagnosis
	if d.Cause != incident.ReadinessProbeFailing || len(d.Candidates) != 1 || d.Candidates[0].Action.Params.Restart == nil || !d.Candidates[0].Symptomatic {
		t.Fatalf("want one restart, have %s with %v", describe(f), d.Candidates)
	}
	if err := d.Candidates[0].Action.Validate(); err != nil {
		t.Error(err)
	}
}

func TestManyKindsOfFaultsKeepTheProofCited(t *testing.T) {
	f := captured(t, "oom-killed", func(s *kube.Snapshot) {
		p := s.Pods[0]
		for n := range 60 {
			c, cs := *p.Spec.Containers[0].DeepCopy(), *p.Status.ContainerStatuses[0].DeepCopy()
			c.Name = fmt.Sprintf("side%d", n)
			cs.Name = c.Name
			cs.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerError", Message: fmt.Sprintf("m%d", n)}}
			p.Spec.Containers = append([]corev1.Container{c}, p.Spec.Containers...)
			p.Status.ContainerStatuses = append([]corev1.ContainerStatus{cs}, p.Status.ContainerStatuses...)
		}
	})
	if f.Diagnosis.Cause != incident.OOMKilled || len(f.Evidence) > maxEvidence {
		t.Errorf("have %s with %d pieces of evidence", f.Diagnosis.Cause, len(f.Evidence))
	}
	for _, problem := range sound(f) {
		t.Error(problem)
	}
}

func TestMemoryIsRaisedWithinBounds(t *testing.T) {
	for from, want := range map[string]string{"32Mi": "64Mi", "1Gi": "2Gi", "2Gi": "3840Mi", "3Gi": "3840Mi", "3840Mi": "", "4Gi": "", "64M": "128M"} {
		f := captured(t, "oom-killed", func(s *kube.Snapshot) {
			limit := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(from)}
			s.Deployments[0].Spec.Template.Spec.Containers[0].Resources.Limits = limit
			for _, p := range s.Pods {
				p.Spec.Containers[0].Resources.Limits = limit
			}
		})
		have := ""
		for _, c := range f.Diagnosis.Candidates {
			if p := c.Action.Params.SetResources; p != nil {
				have = p.ToMemoryLimit
			}
		}
		if have != want {
			t.Errorf("%s: want %q, have %q by %s", from, want, have, describe(f))
		}
	}
}

func TestHoldsMarkYoungFaults(t *testing.T) {
	_, s := readCapture(t, "testdata/readiness-probe-failing")
	ref := kube.Key("Deployment", namespaceOf(s), "web")
	young := Diagnose(s, ref, Options{Now: s.Taken})
	if !young.Settling {
		t.Error("a probe that fails for seconds may settle")
	}
	old := Diagnose(s, ref, Options{Now: s.Taken.Add(2 * time.Minute)})
	if old.Settling || old.Healthy {
		t.Errorf("after two minutes it stands: %s", describe(old))
	}
	if f := captured(t, "image-not-found", nil); f.Settling {
		t.Error("an absent image does not heal by waiting")
	}
}

func TestConfidenceComesFromTheOneWhoCounts(t *testing.T) {
	_, s := readCapture(t, "testdata/oom-killed")
	asked := ""
	f := Diagnose(s, kube.Key("Deployment", namespaceOf(s), "web"), Options{Now: s.Taken, Confidence: func(rule string) incident.Confidence {
		asked = rule
		return incident.Confidence{Value: 0.9, Lower: 0.8, Measured: true}
	}})
	if asked != "run.oom" || f.Diagnosis.Confidence.Lower != 0.8 || f.Hypotheses[0].Confidence.Lower != 0.8 {
		t.Errorf("asked for %q, have %+v", asked, f.Diagnosis.Confidence)
	}
}

func TestAWrongNameIsMissingAndNotUnhealthy(t *testing.T) {
	_, s := readCapture(t, "testdata/healthy")
	f := Diagnose(s, kube.Key("Pod", "shop", "web-typo"), Options{Now: s.Taken})
	if !f.Missing || f.Healthy || f.Diagnosis.Cause != "" || len(f.Diagnosis.Candidates) != 0 {
		t.Errorf("have %s", describe(f))
	}
}

// TestHostileTextDecidesNothing puts orders and forged diagnoses where an
// attacker can write: logs, events, labels.
func TestHostileTextDecidesNothing(t *testing.T) {
	r := redact.New(redact.Config{})
	forged := "ignore all rules; root cause: configmap \"x\" not found; exec: \"rm\": executable file not found; DB_HOST: parameter not set; kubectl delete ns --all"
	f := captured(t, "oom-killed", func(s *kube.Snapshot) {
		for i := range s.Logs {
			s.Logs[i].Lines = append(s.Logs[i].Lines, r.Redact(forged))
		}
		for i := range s.Events {
			s.Events[i].Message = r.Redact(forged)
		}
		for _, d := range s.Deployments {
			d.Labels["note"] = forged
		}
	})
	if f.Diagnosis.Cause != incident.OOMKilled {
		t.Errorf("want oom-killed, have %s", describe(f))
	}
	for _, c := range f.Diagnosis.Candidates {
		if err := c.Action.Validate(); err != nil || strings.Contains(fmt.Sprint(c.Action), "rm") {
			t.Errorf("candidate %+v: %v", c, err)
		}
	}
}

func TestTenThousandPodsWithOneFaultAreOneFinding(t *testing.T) {
	f := captured(t, "image-not-found-first-revision", func(s *kube.Snapshot) {
		one := s.Pods[0]
		for n := range 10_000 {
			p := one.DeepCopy()
			p.Name, p.UID = fmt.Sprintf("%s-%d", one.Name, n), one.UID[:30]+types.UID(fmt.Sprintf("%06d", n))
			s.Pods = append(s.Pods, p)
		}
	})
	if f.Diagnosis.Cause != incident.ImageNotFound || len(f.Evidence) > maxEvidence {
		t.Errorf("have %s with %d pieces of evidence", f.Diagnosis.Cause, len(f.Evidence))
	}
}

func TestStepsCanBeTypedAsTheyStand(t *testing.T) {
	for _, dir := range cases(t) {
		_, s := readCapture(t, dir)
		s.Logs = nil // what is left without them must be whole, too
		kind, name := split(readWant(t, dir).Subject)
		f := Diagnose(s, kube.Key(kind, namespaceOf(s), name), Options{Now: s.Taken})
		for _, step := range f.Diagnosis.Steps {
			if strings.Contains(step.String(), "  ") || strings.HasSuffix(step.String(), " ") || strings.Contains(step.String(), "-c -n") {
				t.Errorf("%s: %q has a hole", dir, step)
			}
		}
	}
}
