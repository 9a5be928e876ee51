package diagnose

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

func TestAnOlderRevisionWithTheSameFaultIsNoWayBack(t *testing.T) {
	f := captured(t, "image-not-found", func(s *kube.Snapshot) {
		bad := s.Pods[0]
		for _, p := range s.Pods {
			if strings.Contains(p.Spec.Containers[0].Image, "registry.example") {
				bad = p
			}
		}
		for _, p := range s.Pods {
			if p != bad {
				p.Status, p.Spec = *bad.Status.DeepCopy(), *bad.Spec.DeepCopy()
			}
		}
	})
	if len(f.Diagnosis.Candidates) != 0 {
		t.Errorf("revision 1 fails as well: %v", f.Diagnosis.Candidates)
	}
}

func TestAFaultLongAfterARolloutIsNotBlamedOnIt(t *testing.T) {
	f := captured(t, "app-error-panic", func(s *kube.Snapshot) {
		for _, rs := range s.ReplicaSets {
			rs.CreationTimestamp.Time = rs.CreationTimestamp.Add(-48 * time.Hour)
		}
		for _, d := range s.Deployments {
			for i := range d.Status.Conditions {
				c := &d.Status.Conditions[i]
				c.LastUpdateTime.Time = c.LastUpdateTime.Add(-48 * time.Hour)
			}
		}
	})
	if f.Diagnosis.Cause != incident.AppError || len(f.Diagnosis.Candidates) != 0 {
		t.Errorf("want app-error without a candidate, have %s with %v", f.Diagnosis.Cause, f.Diagnosis.Candidates)
	}
}

func TestARolloutWithOtherChangesIsNotRolledBack(t *testing.T) {
	f := captured(t, "image-not-found", func(s *kube.Snapshot) {
		for _, rs := range s.ReplicaSets {
			if kube.Revision(rs) == 1 {
				rs.Spec.Template.Spec.ServiceAccountName = "another"
			}
		}
	})
	if len(f.Diagnosis.Candidates) != 1 || f.Diagnosis.Candidates[0].Action.Params.SetImage == nil {
		t.Errorf("want the image alone, have %v", f.Diagnosis.Candidates)
	}
}

func TestTemplatesAreComparedByWhatARollbackMayTouch(t *testing.T) {
	template := func(change func(*corev1.PodTemplateSpec)) *corev1.PodTemplateSpec {
		p := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "a:1", Args: []string{"x"}}}}}
		p.Labels = map[string]string{"app": "web", appsv1.DefaultDeploymentUniqueLabelKey: "123"}
		if change != nil {
			change(p)
		}
		return p
	}
	for _, c := range []struct {
		name   string
		change func(*corev1.PodTemplateSpec)
		fields string
		other  bool
	}{
		{"nothing but the hash and a restart", func(p *corev1.PodTemplateSpec) {
			p.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = "456"
			p.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "now"}
		}, "map[]", false},
		{"image and args", func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers[0].Image, p.Spec.Containers[0].Args = "a:2", []string{"y"}
		}, "map[web:[image command]]", false},
		{"an argument that became the command", func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers[0].Command, p.Spec.Containers[0].Args = []string{"x"}, nil
		}, "map[web:[command]]", false},
		{"a label", func(p *corev1.PodTemplateSpec) { p.Labels["tier"] = "front" }, "map[]", true},
		{"a volume", func(p *corev1.PodTemplateSpec) { p.Spec.Volumes = []corev1.Volume{{Name: "v"}} }, "map[]", true},
		{"a port", func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 1}}
		}, "map[]", true},
		{"a container more", func(p *corev1.PodTemplateSpec) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "side"})
		}, "map[]", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			fields, other := compare(template(nil), template(c.change))
			if fmt.Sprint(fields) != c.fields || other != c.other {
				t.Errorf("want %s %t, have %v %t", c.fields, c.other, fields, other)
			}
		})
	}
}
