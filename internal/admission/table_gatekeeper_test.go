package admission

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/test/cluster"
)

// TestRegoAndCELAgreeOnARealClusterWithARealGatekeeper runs one table three
// times: with Rego alone, with both, and with CEL alone.
func TestRegoAndCELAgreeOnARealClusterWithARealGatekeeper(t *testing.T) {
	w := newWall(t)
	g := newFence(t, w)
	lines := append(w.table(t), w.gatekeeperLine(t))

	w.removeBindings()
	t.Run("Gatekeeper alone", func(t *testing.T) { w.tried(t, lines, guards{rego: true}) })
	t.Run("a namespace that Gatekeeper's Config leaves out is not reviewed", g.leftOut)
	if _, err := Install(t.Context(), w.admin, w.config, w.template); err != nil {
		t.Fatal(err)
	}
	t.Run("policies and Gatekeeper", func(t *testing.T) { w.tried(t, lines, guards{cel: true, rego: true}) })
	t.Run("protected deletes", g.protectedDeletes)

	began := time.Now()
	if err := g.real.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("Gatekeeper stopped within %s", time.Since(began).Round(time.Millisecond))
	t.Run("Gatekeeper stopped and still registered", g.failsClosed)
	g.deregister(w.config.GatekeeperWebhook(GatekeeperService{}).Name)
	w.eventually("nobody asks Gatekeeper any more", func() bool {
		return w.put(t, action.Restart, podFor("a", w.web.UID), w.web, dryRun, legal()[action.Restart]) == nil
	})
	t.Run("policies alone", func(t *testing.T) { w.tried(t, lines, guards{cel: true}) })
}

// fence is Gatekeeper with our templates, for one wall.
type fence struct {
	*wall
	real *cluster.Gatekeeper
}

func newFence(t *testing.T, w *wall) *fence {
	t.Helper()
	on, err := cluster.Running(t.Context(), filepath.Dir(os.Getenv("COUNTERSIGN_TEST_KUBECONFIG")))
	if err != nil {
		t.Skipf("SKIPPED, GATEKEEPER IS NOT TESTED: its image can only be put into a cluster of test/cluster: %v", err)
	}
	began := time.Now()
	g := &fence{wall: w}
	if g.real, err = on.Gatekeeper(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.real.Remove(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Logf("Gatekeeper runs after %s", time.Since(began).Round(time.Millisecond))
	constraints, err := w.config.GatekeeperConstraints()
	if err != nil {
		t.Fatal(err)
	}
	for i, dir := range []string{"executor", "gate"} {
		if err := g.real.Enforce(t.Context(), dir, constraints[i]); err != nil {
			t.Fatal(err)
		}
	}
	g.register(w.config.GatekeeperWebhook(GatekeeperService{CABundle: g.real.CABundle}))
	t.Logf("registered and enforced after %s", time.Since(began).Round(time.Millisecond))
	return g
}

// register makes the API server ask Gatekeeper.
func (g *fence) register(hooks *admissionv1.ValidatingWebhookConfiguration) {
	g.t.Helper()
	if _, err := g.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(g.t.Context(), hooks, metav1.CreateOptions{}); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { g.deregister(hooks.Name) })
}

func (g *fence) deregister(name string) {
	err := g.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(context.Background(), name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		g.t.Error(err)
	}
}

// removeBindings takes the policies away and returns when none of them answers
// any more and Gatekeeper does, for executors and gate.
func (w *wall) removeBindings() {
	w.t.Helper()
	for _, name := range w.config.PolicyNames() {
		if err := w.client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Delete(w.t.Context(), name, metav1.DeleteOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
	users := []string{"alice", w.config.GateUser()}
	for _, k := range w.config.kinds() {
		users = append(users, w.config.ExecutorUser(k))
	}
	for _, user := range users {
		w.eventually("no policy answers "+user, func() bool {
			_, err := w.as(user, "").CoreV1().Secrets(w.config.ExecutorNamespace).Create(w.t.Context(),
				&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{DryRun: dryRun})
			return (user == "alice" && err == nil) || refusedByGatekeeper(err)
		})
	}
}

// leftOut shows what GatekeeperGaps warns of.
func (g *fence) leftOut(t *testing.T) {
	attempt := func() error {
		return g.put(t, action.Restart, podFor("a", g.web.UID), g.web, dryRun, legal()[action.Restart], func(d *appsv1.Deployment) { template(d).HostNetwork = true })
	}
	if err := attempt(); !refusedByGatekeeper(err) {
		t.Fatalf("before: %v", err)
	}
	settings := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "config.gatekeeper.sh/v1alpha1", "kind": "Config",
		"metadata": map[string]any{"name": "config", "namespace": "gatekeeper-system"},
		"spec":     map[string]any{"match": []any{map[string]any{"processes": []any{"webhook"}, "excludedNamespaces": []any{g.shop}}}},
	}}
	client, err := dynamic.NewForConfig(g.admin)
	if err != nil {
		t.Fatal(err)
	}
	configs := client.Resource(schema.GroupVersionResource{Group: "config.gatekeeper.sh", Version: "v1alpha1", Resource: "configs"}).Namespace("gatekeeper-system")
	if _, err := configs.Create(t.Context(), settings, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	remove := func() {
		if err := configs.Delete(context.Background(), "config", metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
	t.Cleanup(remove)
	g.eventually("Gatekeeper lets the namespace be", func() bool { return attempt() == nil })
	live, err := g.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(t.Context(), g.config.GatekeeperWebhook(GatekeeperService{}).Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if gaps := g.config.GatekeeperGaps(live, nil); len(gaps) != 0 {
		t.Errorf("the registration as the API server completes it has gaps: %v", gaps)
	}
	if gaps := g.config.GatekeeperGaps(live, settings); len(gaps) != 1 || !strings.Contains(gaps[0], g.shop) {
		t.Errorf("gaps are %v", gaps)
	}
	remove()
	g.eventually("Gatekeeper reviews the namespace again", func() bool { return refusedByGatekeeper(attempt()) })
}

// failsClosed: what Countersign may do otherwise it may not do now, and nobody
// else notices.
func (g *fence) failsClosed(t *testing.T) {
	right := legal()[action.Restart]
	for what, err := range map[string]error{
		"an executor's own change": g.put(t, action.Restart, podFor("a", g.web.UID), g.web, dryRun, right),
		"the gate's right Job": func() error {
			_, err := g.as(g.config.GateUser(), "").BatchV1().Jobs(g.config.ExecutorNamespace).Create(t.Context(),
				g.job("a", string(g.web.UID), "restart"), metav1.CreateOptions{DryRun: dryRun})
			return err
		}(),
	} {
		if policy, _ := RefusedBy(err); err == nil || policy != "" || refusedByGatekeeper(err) {
			t.Errorf("%s while nobody reviews it: %v", what, err)
		}
	}
	if _, err := g.as("alice", "").AppsV1().Deployments(g.shop).Patch(t.Context(), "web", mergePatch, []byte(`{"spec":{"paused":true}}`), metav1.PatchOptions{DryRun: dryRun}); err != nil {
		t.Errorf("a person is stopped by a Gatekeeper that is down: %v", err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: g.shop + "-new"}}
	if _, err := g.client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{DryRun: dryRun}); err != nil {
		t.Errorf("the cluster is stopped by a Gatekeeper that is down: %v", err)
	}
	for _, d := range g.deleteLines(t) {
		t.Run(d.name(), func(t *testing.T) {
			if err := d.do(dryRun); (err != nil) != (d.want == regoOnly) {
				t.Errorf("refused %v, want %v: %v", err != nil, d.want == regoOnly, err)
			}
		})
	}
}
