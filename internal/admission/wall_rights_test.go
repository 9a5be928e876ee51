package admission

import (
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
)

// rights shows what RBAC alone leaves to the accounts: the policies are the
// second fence, not the first.
func (w *wall) rights(t *testing.T) {
	ctx, get, lst, create := t.Context(), metav1.GetOptions{}, metav1.ListOptions{}, metav1.CreateOptions{DryRun: dryRun}
	watcher, gate := w.plain(w.config.WatcherUser(), ""), w.plain(w.config.GateUser(), "")
	restart := w.plain(w.config.ExecutorUser(action.Restart), podFor("a", w.web.UID))
	anchor := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: action.AnchorName}}
	lease := func(name string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	cases := []struct {
		name string
		do   func() error
		pass bool
	}{
		{"watcher lists pods", func() error { _, err := watcher.CoreV1().Pods(w.shop).List(ctx, lst); return err }, true},
		{"watcher lists nodes", func() error { _, err := watcher.CoreV1().Nodes().List(ctx, lst); return err }, true},
		{"watcher lists Secrets", func() error { _, err := watcher.CoreV1().Secrets(w.shop).List(ctx, lst); return err }, false},
		{"watcher lists pods elsewhere", func() error { _, err := watcher.CoreV1().Pods("kube-system").List(ctx, lst); return err }, false},
		{"watcher creates a Job", func() error {
			_, err := watcher.BatchV1().Jobs(w.config.ExecutorNamespace).Create(ctx, w.job("a", string(w.web.UID), "restart"), create)
			return err
		}, false},
		{"gate creates the right Job", func() error {
			_, err := gate.BatchV1().Jobs(w.config.ExecutorNamespace).Create(ctx, w.job("a", string(w.web.UID), "restart"), create)
			return err
		}, true},
		{"gate makes its Lease", func() error {
			_, err := gate.CoordinationV1().Leases(w.config.Namespace).Create(ctx, lease(w.config.Gate), create)
			return err
		}, true},
		{"watcher makes its Lease", func() error {
			_, err := watcher.CoordinationV1().Leases(w.config.Namespace).Create(ctx, lease(w.config.Watcher), create)
			return err
		}, true},
		{"watcher moves the anchor", func() error {
			_, err := watcher.CoreV1().ConfigMaps(w.config.Namespace).Update(ctx, anchor, metav1.UpdateOptions{DryRun: dryRun})
			return err
		}, false},
		{"gate moves the anchor", func() error {
			_, err := gate.CoreV1().ConfigMaps(w.config.Namespace).Update(ctx, anchor, metav1.UpdateOptions{DryRun: dryRun})
			return err
		}, true},
		{"gate lists execution pods", func() error { _, err := gate.CoreV1().Pods(w.config.ExecutorNamespace).List(ctx, lst); return err }, true},
		{"gate lists workloads", func() error { _, err := gate.AppsV1().Deployments(w.shop).List(ctx, lst); return err }, false},
		{"gate watches its policy by name", func() error {
			_, err := gate.AdmissionregistrationV1().ValidatingAdmissionPolicies().List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + w.config.GatePolicy()})
			return err
		}, true},
		{"gate lists all policies", func() error {
			_, err := gate.AdmissionregistrationV1().ValidatingAdmissionPolicies().List(ctx, lst)
			return err
		}, false},
		{"executor reads its namespace's labels", func() error { _, err := restart.CoreV1().Namespaces().Get(ctx, w.shop, get); return err }, true},
		{"executor reads another namespace", func() error { _, err := restart.CoreV1().Namespaces().Get(ctx, "kube-system", get); return err }, false},
		{"executor reads the Deployment", func() error { _, err := restart.AppsV1().Deployments(w.shop).Get(ctx, "web", get); return err }, true},
		{"executor lists Secrets", func() error { _, err := restart.CoreV1().Secrets(w.shop).List(ctx, lst); return err }, false},
		{"executor patches the Deployment", func() error {
			_, err := restart.AppsV1().Deployments(w.shop).Patch(ctx, "web", types.JSONPatchType,
				[]byte(`[{"op":"add","path":"/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt","value":"2026-11-20T12:00:00Z"}]`), metav1.PatchOptions{DryRun: dryRun})
			return err
		}, true},
		{"executor deletes a pod", func() error {
			return restart.CoreV1().Pods(w.shop).Delete(ctx, w.managed.Name, metav1.DeleteOptions{DryRun: dryRun})
		}, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.do(); (err == nil) != tc.pass {
				t.Errorf("allowed %v, want %v: %v", err == nil, tc.pass, err)
			}
		})
	}
}
