package watch

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// TestLiveUsageIsSampledWithTheWatchersRightsAndRemembered runs a container that
// fills 40 MiB and stands at its processor limit, and reads it as the watcher.
func TestLiveUsageIsSampledWithTheWatchersRightsAndRemembered(t *testing.T) {
	conn, admin, ns := live(t)
	as := asWatcher(t, conn, admin, ns)
	d := deployment(ns, "web", with(busybox("dd if=/dev/zero of=/mem/x bs=1M count=40; while :; do :; done"), func(c *corev1.Container) {
		c.Resources = corev1.ResourceRequirements{Limits: corev1.ResourceList{"cpu": resource.MustParse("60m"), "memory": resource.MustParse("64Mi")}}
		c.VolumeMounts = []corev1.VolumeMount{{Name: "mem", MountPath: "/mem"}}
	}))
	d.Spec.Template.Spec.Volumes = []corev1.Volume{{Name: "mem", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}}}
	if _, err := admin.AppsV1().Deployments(ns).Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c, err := NewCollector(CollectorConfig{
		Client: kubernetes.NewForConfigOrDie(as), Metadata: metadata.NewForConfigOrDie(as),
		Metrics: metricsclient.NewForConfigOrDie(as), Redactor: redact.New(redact.Config{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	settled := func(u kube.Usage) bool { return u.CPUMilli >= 57 && u.Memory >= 40<<20 }
	begin, seen := time.Now(), 0
	for seen < 2 {
		if time.Since(begin) > 3*time.Minute {
			t.Fatalf("%d samples in 3 minutes, want 2", seen)
		}
		s, err := c.Subject(t.Context(), kube.Key("Deployment", ns, "web"))
		if err != nil {
			t.Fatal(err)
		}
		seen = 0
		for _, u := range s.Usage {
			if settled(u) {
				seen++
			}
		}
		time.Sleep(3 * time.Second)
	}
	s, err := c.Sizing(t.Context(), []string{ns})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Usage) != 1 || !settled(s.Usage[0]) || s.Usage[0].Window < time.Second || len(s.Pods) != 1 || len(s.Deployments) != 1 || s.Claims == nil || s.Autoscalers == nil {
		t.Errorf("read %d pods, usage %+v", len(s.Pods), s.Usage)
	}
	t.Logf("two samples after %s: %+v; unreadable %v", time.Since(begin).Round(time.Second), s.Usage, s.Unreadable)
}
