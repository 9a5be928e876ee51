package diagnose

import (
	"strings"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// wrote is what the API server records of a manager's last write.
func wrote(manager string, at time.Time, fields string) []metav1.ManagedFieldsEntry {
	t := metav1.NewTime(at)
	return []metav1.ManagedFieldsEntry{{Manager: manager, Time: &t, FieldsV1: metav1.NewFieldsV1(fields)}}
}

// mounted gives every container of a case a ConfigMap that was written at a time.
func mounted(at time.Time, env bool) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		s.ConfigMaps = append(s.ConfigMaps, kube.Keys{
			Ref: kube.Key("ConfigMap", namespaceOf(s), "settings"), Keys: []string{"a"}, Created: at.Add(-24 * time.Hour), Changed: at,
			Writes: []kube.Write{{Manager: "kubectl-edit", At: at, Fields: []string{"data.a"}}},
		})
		pods(func(p *corev1.Pod) {
			from := corev1.LocalObjectReference{Name: "settings"}
			for i := range p.Spec.Containers {
				c := &p.Spec.Containers[i]
				if env {
					c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: from}})
					continue
				}
				c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "settings", MountPath: "/etc/settings"})
			}
			p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: "settings", VolumeSource: corev1.VolumeSource{
				ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: from},
			}})
		})(s)
	}
}

func TestOnlyAChangeBeforeTheFaultIsTold(t *testing.T) {
	began := captured(t, "app-error-panic", nil).Diagnosis.Began
	if began.IsZero() {
		t.Fatal("nobody knows when the fault began")
	}
	for name, c := range map[string]struct {
		change func(*kube.Snapshot)
		told   bool
	}{
		"a mounted file, before":         {mounted(began.Add(-time.Second), false), true},
		"a mounted file, at that moment": {mounted(began, false), true},
		"a mounted file, after":          {mounted(began.Add(time.Second), false), false},
		"a mounted file, long before":    {mounted(began.Add(-2*time.Hour), false), false},
		"a variable, before its start":   {mounted(began.Add(-20*time.Minute), true), true},
		"of another namespace": {func(s *kube.Snapshot) {
			mounted(began, false)(s)
			s.ConfigMaps[len(s.ConfigMaps)-1].Ref.Namespace = "other"
		}, false},
		"of another name": {func(s *kube.Snapshot) { mounted(began, false)(s); s.ConfigMaps[len(s.ConfigMaps)-1].Ref.Name = "other" }, false},
		"its making":      {func(s *kube.Snapshot) { mounted(began, false)(s); s.ConfigMaps[len(s.ConfigMaps)-1].Created = began }, false},
		"by somebody who owns labels only": {func(s *kube.Snapshot) {
			mounted(began, false)(s)
			s.ConfigMaps[len(s.ConfigMaps)-1].Writes[0].Fields = []string{"metadata.labels"}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := captured(t, "app-error-panic", c.change).Diagnosis
			told := false
			for _, change := range d.Changes {
				told = told || change.Object.Kind == "ConfigMap"
			}
			if told != c.told {
				t.Errorf("want told %t, have %q of %v", c.told, d.Changed, d.Changes)
			}
		})
	}
}

func TestAVariableIsReadAtTheStartAndAFileWhenItIsUsed(t *testing.T) {
	started := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	settings := corev1.LocalObjectReference{Name: "settings"}
	variable := corev1.Container{EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: settings}}}}
	file := corev1.Container{VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/etc/x"}}}
	fixed := corev1.Container{VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/etc/x/a", SubPath: "a"}}}
	for name, c := range map[string]struct {
		container corev1.Container
		written   time.Duration // after the start
		told      bool
	}{
		"a variable, before the start":         {variable, -time.Minute, true},
		"a variable, after the start":          {variable, time.Minute, false},
		"a file, before the start":             {file, -time.Minute, true},
		"a file, after the start":              {file, time.Minute, true},
		"a file of a subPath, after the start": {fixed, time.Minute, false},
		"a file of a subPath, before":          {fixed, -time.Minute, true},
		"nothing of it":                        {corev1.Container{}, -time.Minute, false},
	} {
		s := &kube.Snapshot{ConfigMaps: []kube.Keys{{
			Ref: kube.Key("ConfigMap", "shop", "settings"), Created: started.Add(-time.Hour),
			Writes: []kube.Write{{Manager: "kubectl-edit", At: started.Add(c.written), Fields: []string{"data.a"}}},
		}}}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop"}, Spec: corev1.PodSpec{
			Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: settings}}}},
		}}
		f := fault{pod: pod, container: &c.container, status: &corev1.ContainerStatus{
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(started)}},
		}}
		l := &look{x: s.Index()}
		if got := l.configWrites(proof{fault: f}); (len(got) == 1) != c.told {
			t.Errorf("%s: want told %t, have %v", name, c.told, got)
		}
	}
}

func TestTheNearestChangeIsToldAndARollbackOnlyWhereItWasTheRollout(t *testing.T) {
	before := captured(t, "app-error-panic", nil).Diagnosis
	if len(before.Candidates) == 0 || before.Candidates[0].Action.Kind != action.Rollback || !strings.Contains(before.Changed.String(), "revision 1 to 2") {
		t.Fatalf("the case offers %v after %q", before.Candidates, before.Changed)
	}
	after := captured(t, "app-error-panic", func(s *kube.Snapshot) {
		for _, rs := range s.ReplicaSets {
			rs.CreationTimestamp.Time = rs.CreationTimestamp.Add(-time.Minute)
		}
		mounted(before.Began, false)(s)
	}).Diagnosis
	if len(after.Candidates) != 0 || len(after.Changes) != 2 || after.Changes[0].Object.Kind != "ConfigMap" ||
		!strings.Contains(after.Changed.String(), "ConfigMap/settings was written (its a), by kubectl-edit") {
		t.Errorf("offered %v after %q of %v", after.Candidates, after.Changed, after.Changes)
	}
	if after.Steps[0].IsEmpty() || !strings.Contains(after.Steps[0].String(), "take it back if it is: kubectl edit ConfigMap/settings") {
		t.Errorf("the first step is %q", after.Steps[0])
	}
	cited := false
	for _, id := range after.Cites {
		cited = cited || id == after.Changes[0].Cite
	}
	if !cited {
		t.Errorf("%q is not among the cites %q", after.Changes[0].Cite, after.Cites)
	}
}

func TestWhoAsksForMoreRoomIsToldWhereRoomIsShort(t *testing.T) {
	d := captured(t, "insufficient-cpu", nil).Diagnosis
	autoscaler := func(target string) func(*kube.Snapshot) {
		return func(s *kube.Snapshot) {
			s.Autoscalers = []*autoscalingv2.HorizontalPodAutoscaler{{
				ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: namespaceOf(s), ManagedFields: wrote("ops", d.Began.Add(-time.Minute), `{"f:spec":{"f:minReplicas":{}}}`)},
				Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: target}},
			}}
		}
	}
	tells := func(target string) bool {
		for _, c := range captured(t, "insufficient-cpu", autoscaler(target)).Diagnosis.Changes {
			if c.Object.Kind == "HorizontalPodAutoscaler" && c.By.String() == "ops" {
				return true
			}
		}
		return false
	}
	if !tells("web") || tells("other") {
		t.Errorf("its own autoscaler is told: %t, another's: %t", tells("web"), tells("other"))
	}
}

func TestALastRolloutOfOldTellsNothingOfACauseOfAnotherKind(t *testing.T) {
	d := captured(t, "app-error-panic", func(s *kube.Snapshot) {
		for _, n := range s.Nodes {
			n.ManagedFields = wrote("kubectl-cordon", s.Taken, `{"f:spec":{"f:unschedulable":{}}}`)
		}
	}).Diagnosis
	for _, c := range d.Changes {
		if c.Object.Kind == "Node" {
			t.Errorf("a crash is not brought by %v", c)
		}
	}
	if d.Cause != incident.AppError {
		t.Errorf("have %s", d.Cause)
	}
}
