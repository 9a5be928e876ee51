package admission

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// largest: the cost limits of CEL are not reached by the largest object that
// etcd takes, and the time stays bearable.
func (w *wall) largest(t *testing.T) {
	big := deployment(w.shop, "big", 0)
	pod := &big.Spec.Template.Spec
	one := pod.Containers[0]
	pod.Containers = nil
	for i := range 100 {
		c := *one.DeepCopy()
		c.Name = fmt.Sprintf("c%d", i)
		for k := range 120 {
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("VARIABLE_%d", k), Value: strings.Repeat("v", 50)})
		}
		pod.Containers = append(pod.Containers, c)
	}
	made := w.made(big)
	began := time.Now()
	made.ResourceVersion = ""
	if _, err := w.client.AppsV1().Deployments(w.shop).Update(t.Context(), made, metav1.UpdateOptions{DryRun: dryRun}); err != nil {
		t.Error(err)
	}
	t.Logf("%d bytes without a policy in %s", made.Size(), time.Since(began).Round(time.Millisecond))
	for kind, right := range legal() {
		t.Run(string(kind), func(t *testing.T) {
			began := time.Now()
			if err := w.put(t, kind, podFor("a", made.UID), made, dryRun, right, stamped); err != nil {
				t.Error(err)
			}
			t.Logf("%d bytes in %s", made.Size(), time.Since(began).Round(time.Millisecond))
		})
	}
}
