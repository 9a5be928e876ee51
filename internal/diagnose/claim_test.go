package diagnose

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

func TestAClaimIsUnboundOnlyWhereNobodyMakesAVolume(t *testing.T) {
	class := func(provisioner string) func(*kube.Snapshot) {
		return func(s *kube.Snapshot) {
			s.StorageClasses = []*storagev1.StorageClass{{ObjectMeta: metav1.ObjectMeta{Name: "fast", UID: "u1"}, Provisioner: provisioner}}
		}
	}
	for _, c := range []struct {
		name, from string
		change     func(*kube.Snapshot)
		cause      incident.Cause
		root       string
	}{
		{"a provisioner has to make it", "storage-class-missing", class("ebs.csi.aws.com"), incident.Unknown, "Deployment/web"},
		{"people make the volumes of its class", "storage-class-missing", class("kubernetes.io/no-provisioner"), incident.PVCUnbound, "PersistentVolumeClaim/data"},
		{"the classes were not looked at", "storage-class-missing", func(s *kube.Snapshot) { s.StorageClasses = nil }, incident.Unknown, "Deployment/web"},
		{"its volume was deleted", "pvc-unbound", func(s *kube.Snapshot) { s.Claims[0].Status.Phase = corev1.ClaimLost }, incident.Unknown, "Deployment/web"},
		{"it is bound by now", "pvc-unbound", func(s *kube.Snapshot) { s.Claims[0].Status.Phase = corev1.ClaimBound }, incident.Unknown, "Deployment/web"},
		{"no volume can be used from a node", "pvc-unbound", refused("0/1 nodes are available: 1 node(s) didn't find available persistent volumes to bind. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
			func(*corev1.Node) {}), incident.PVCUnbound, "PersistentVolumeClaim/data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, c.from, c.change)
			if d := f.Diagnosis; d.Cause != c.cause || d.Root.String() != c.root {
				t.Errorf("want %s with root %s, have %s", c.cause, c.root, describe(f))
			}
			for _, problem := range sound(f) {
				t.Error(problem)
			}
		})
	}
}
