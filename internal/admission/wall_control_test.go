package admission

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
)

// writesOf are the ways to change one ConfigMap, all as dry runs.
func writesOf(ctx context.Context, client *kubernetes.Clientset, namespace, name string) map[string]func() error {
	at := client.CoreV1().ConfigMaps(namespace)
	changed := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"state": "run", action.SignersKey: "x"}}
	return map[string]func() error{
		"create": func() error { _, err := at.Create(ctx, changed, metav1.CreateOptions{DryRun: dryRun}); return err },
		"update": func() error { _, err := at.Update(ctx, changed, metav1.UpdateOptions{DryRun: dryRun}); return err },
		"patch": func() error {
			_, err := at.Patch(ctx, name, types.MergePatchType, []byte(`{"data":{"state":"run"}}`), metav1.PatchOptions{DryRun: dryRun})
			return err
		},
		"apply": func() error {
			_, err := at.Patch(ctx, name, types.ApplyPatchType, []byte(`{"kind":"ConfigMap","apiVersion":"v1","data":{"state":"run"}}`),
				metav1.PatchOptions{DryRun: dryRun, FieldManager: "x", Force: new(true)})
			return err
		},
		"delete": func() error { return at.Delete(ctx, name, metav1.DeleteOptions{DryRun: dryRun}) },
		"delete all": func() error {
			return at.DeleteCollection(ctx, metav1.DeleteOptions{DryRun: dryRun}, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		},
	}
}

// plain impersonates user with no rights but its own.
func (w *wall) plain(user, pod string) *kubernetes.Clientset {
	w.t.Helper()
	conn := rest.CopyConfig(w.admin)
	conn.Impersonate = rest.ImpersonationConfig{UserName: user}
	if pod != "" {
		conn.Impersonate.Extra = map[string][]string{"authentication.kubernetes.io/pod-name": {pod}}
	}
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// steering shows who may read and write the ConfigMaps by which people steer:
// neither RBAC nor, with every right of RBAC, the policies let an executor
// write one, and the gate writes its anchor and the switch alone.
func (w *wall) steering(t *testing.T) {
	ctx, own := t.Context(), w.config.Namespace
	try := func(t *testing.T, client *kubernetes.Clientset, name string, may []string, refusedBy func(*testing.T, error)) {
		for verb, write := range writesOf(ctx, client, own, name) {
			err := write()
			switch {
			case slices.Contains(may, verb) && err != nil && !apierrors.IsAlreadyExists(err):
				t.Errorf("%s %s: %v", verb, name, err)
			case !slices.Contains(may, verb):
				refusedBy(t, err)
			}
		}
	}
	byRBAC := func(t *testing.T, err error) {
		if policy, _ := RefusedBy(err); !apierrors.IsForbidden(err) || policy != "" {
			t.Errorf("not refused by RBAC: %v", err)
		}
	}
	for _, name := range action.ControlNames() {
		for _, k := range w.config.Kinds {
			user, pod := w.config.ExecutorUser(k), podFor("a", w.web.UID)
			t.Run("executor "+string(k)+" "+name, func(t *testing.T) {
				try(t, w.plain(user, pod), name, nil, byRBAC)
				try(t, w.as(user, pod), name, nil, func(t *testing.T, err error) {
					refused(t, err, w.config.ExecutorPolicy(k), "may do nothing but its own change")
				})
			})
		}
		t.Run("gate "+name, func(t *testing.T) {
			may := map[string][]string{action.AnchorName: {"create", "update"}, action.SwitchName: {"update"}}[name]
			try(t, w.plain(w.config.GateUser(), ""), name, may, func(t *testing.T, err error) {
				if !apierrors.IsForbidden(err) {
					t.Error(err)
				}
			})
			wider := map[string][]string{action.AnchorName: {"create", "update", "patch", "apply"}, action.SwitchName: {"update", "patch", "apply"}}[name]
			try(t, w.as(w.config.GateUser(), ""), name, wider, func(t *testing.T, err error) {
				refused(t, err, w.config.GatePolicy(), "the gate may only")
			})
		})
		t.Run("watcher "+name, func(t *testing.T) { try(t, w.plain(w.config.WatcherUser(), ""), name, nil, byRBAC) })
		w.readers(t, name)
	}
}

func (w *wall) readers(t *testing.T, name string) {
	ctx, own := t.Context(), w.config.Namespace
	may := map[string][]string{
		"executor": {action.SignersName, action.SwitchName},
		"gate":     action.ControlNames(),
	}
	for who, client := range map[string]*kubernetes.Clientset{
		"executor": w.plain(w.config.ExecutorUser(action.Restart), podFor("a", w.web.UID)),
		"gate":     w.plain(w.config.GateUser(), ""),
		"watcher":  w.plain(w.config.WatcherUser(), ""),
	} {
		t.Run(who+" reads "+name, func(t *testing.T) {
			at := client.CoreV1().ConfigMaps(own)
			_, err := at.Get(ctx, name, metav1.GetOptions{})
			if allowed := slices.Contains(may[who], name); (err == nil) != allowed {
				t.Errorf("get: %v, want allowed %v", err, allowed)
			}
			byName := metav1.ListOptions{FieldSelector: "metadata.name=" + name}
			_, err = at.List(ctx, byName)
			if watches := who == "gate" && name != action.AnchorName; (err == nil) != watches {
				t.Errorf("list by name: %v, want allowed %v", err, watches)
			}
			if _, err = at.List(ctx, metav1.ListOptions{}); err == nil {
				t.Error("it lists all ConfigMaps")
			}
		})
	}
}
