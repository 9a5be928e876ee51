package admission

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
)

var dryRun = []string{metav1.DryRunAll}

// wall is an installation of its own on the test cluster, with something to
// attack.
type wall struct {
	t        *testing.T
	admin    *rest.Config
	client   *kubernetes.Clientset // as administrator
	config   Config
	set      Set
	template *batchv1.Job
	shop     string
	web      *appsv1.Deployment // in shop
	other    *appsv1.Deployment // in shop
	ours     *appsv1.Deployment // in Countersign's own namespace
	labelled *appsv1.Deployment // in a namespace that its label protects
	managed  *corev1.Pod        // of web, on a node
	waiting  *corev1.Pod        // with a controller, on no node
	bare     *corev1.Pod
}

func adminOf(t *testing.T) *rest.Config {
	t.Helper()
	path := os.Getenv("COUNTERSIGN_TEST_KUBECONFIG")
	if path == "" {
		t.Skip("SKIPPED, THE WALL IS NOT TESTED: COUNTERSIGN_TEST_KUBECONFIG names no cluster")
	}
	conn, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	return quick(conn)
}

func newWall(t *testing.T) *wall {
	t.Helper()
	w := &wall{t: t, admin: adminOf(t)}
	id := fmt.Sprintf("t%06x", rand.IntN(1<<24))
	w.config = Default()
	w.config.Instance = id
	w.config.Namespace, w.config.ExecutorNamespace, w.shop = "cs-"+id, "cs-"+id+"-exec", "cs-"+id+"-shop"
	w.config.WatchNamespaces = []string{w.shop}
	var err error
	if w.client, err = kubernetes.NewForConfig(w.admin); err != nil {
		t.Fatal(err)
	}
	w.template = readJob(t, templatePath)
	w.template.Spec.Template.Spec.Containers[0].Args[1] = "--protected-namespaces=" + strings.Join(w.config.ProtectedNamespaces(), ",")
	w.template.Spec.Template.Spec.Containers[0].Args[2] = "--control-namespace=" + w.config.Namespace
	for _, n := range []string{w.shop, w.shop + "-safe"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n}}
		if n != w.shop {
			ns.Labels = map[string]string{action.ProtectedLabel: "true"}
		}
		if _, err := w.client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := w.client.CoreV1().Namespaces().Delete(context.Background(), n, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		// w.set is empty if Install broke off.
		if err := Uninstall(context.Background(), w.admin, w.config, w.set); err != nil {
			t.Error(err)
		}
	})
	began := time.Now()
	w.set, err = Install(t.Context(), w.admin, w.config, w.template)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("installed and binding after %s", time.Since(began).Round(time.Millisecond))
	w.fixtures()
	return w
}

// fixtures never run: their images exist nowhere, and but for web's their
// nodeSelector fits no node.
func (w *wall) fixtures() {
	w.t.Helper()
	web := deployment(w.shop, "web", 1)
	web.Spec.Template.Spec.NodeSelector = map[string]string{"kubernetes.io/os": "linux"}
	w.web, w.other = w.made(web), w.made(deployment(w.shop, "other", 0))
	w.made(deployment(w.shop, "stuck", 1))
	w.ours, w.labelled = w.made(deployment(w.config.Namespace, "ours", 0)), w.made(deployment(w.shop+"-safe", "web", 0))
	bare := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "bare", Namespace: w.shop}, Spec: deployment("", "bare", 0).Spec.Template.Spec}
	w.eventually("the default ServiceAccount lets a bare pod in", func() bool {
		var err error
		w.bare, err = w.client.CoreV1().Pods(w.shop).Create(w.t.Context(), bare, metav1.CreateOptions{})
		return err == nil
	})
	w.managed = w.podOf("web", func(p *corev1.Pod) bool { return p.Spec.NodeName != "" })
	w.waiting = w.podOf("stuck", func(p *corev1.Pod) bool { return p.Spec.NodeName == "" })
}

// podOf waits for a pod of a Deployment that is as wanted.
func (w *wall) podOf(app string, wanted func(*corev1.Pod) bool) (found *corev1.Pod) {
	w.t.Helper()
	w.eventually(app+" has its pod", func() bool {
		pods, err := w.client.CoreV1().Pods(w.shop).List(w.t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
		if err != nil || len(pods.Items) == 0 || !wanted(&pods.Items[0]) {
			return false
		}
		found = &pods.Items[0]
		return true
	})
	return found
}

// made creates d and waits until the controller has written its annotation, which
// a whole PUT of an older reading would take away.
func (w *wall) made(d *appsv1.Deployment) *appsv1.Deployment {
	w.t.Helper()
	at := w.client.AppsV1().Deployments(d.Namespace)
	d, err := at.Create(w.t.Context(), d, metav1.CreateOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.eventually(d.Name+" has its revision", func() bool {
		live, err := at.Get(w.t.Context(), d.Name, metav1.GetOptions{})
		if err != nil || live.Annotations["deployment.kubernetes.io/revision"] == "" {
			return false
		}
		d = live
		return true
	})
	return d
}

func deployment(namespace, name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	box := func(name string) corev1.Container {
		return corev1.Container{
			Name: name, Image: "shop.example/" + name + ":1", Command: []string{"serve"},
			Env:            []corev1.EnvVar{{Name: "MODE", Value: "live"}},
			Resources:      corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": resource.MustParse("128Mi"), "cpu": resource.MustParse("1")}, Requests: corev1.ResourceList{"memory": resource.MustParse("64Mi"), "cpu": resource.MustParse("10m")}},
			ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"ready"}}}},
		}
	}
	setup := box("setup")
	setup.ReadinessProbe = nil
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Annotations: map[string]string{"note": "kept"}},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{"checksum": "1"}},
				Spec: corev1.PodSpec{
					NodeSelector:   map[string]string{"countersign.dev/never": "true"},
					InitContainers: []corev1.Container{setup}, Containers: []corev1.Container{box("app"), box("side")},
				},
			},
		},
	}
}

func (w *wall) eventually(what string, done func() bool) {
	w.t.Helper()
	end := time.Now().Add(90 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(end) {
			w.t.Fatalf("not within 90 s: %s", what)
		}
		<-tick.C
	}
}

// as impersonates user, running in the pod named pod, with rights to everything:
// what is refused then, a policy refused.
func (w *wall) as(user, pod string) *kubernetes.Clientset {
	w.t.Helper()
	conn := rest.CopyConfig(w.admin)
	conn.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:masters"}}
	if pod != "" {
		conn.Impersonate.Extra = map[string][]string{"authentication.kubernetes.io/pod-name": {pod}}
	}
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// refused checks that policy refused, in words that hold says.
func refused(t *testing.T, err error, policy, says string) {
	t.Helper()
	by, message := RefusedBy(err)
	switch {
	case err == nil:
		t.Errorf("got through; %s should have refused", policy)
	case by != policy:
		t.Errorf("refused by %q, want %s: %v", by, policy, err)
	case !strings.Contains(message, says):
		t.Errorf("the refusal does not say %q: %s", says, message)
	}
	if strings.Contains(message, "refused by Countersign's wall") || strings.Contains(message, "failed expression") || strings.Contains(message, "resulted in error") {
		t.Errorf("the expression itself failed: %s", message)
	}
}

func TestTheWallOnARealCluster(t *testing.T) {
	w := newWall(t)
	t.Run("gate", w.gate)
	t.Run("any other job", w.anyOtherJob)
	t.Run("executors", w.executors)
	t.Run("any other change", w.anyOtherChange)
	t.Run("the largest deployments", w.largest)
	t.Run("delete-pod", w.deletePod)
	t.Run("executor namespace", w.namespace)
	t.Run("rights", w.rights)
	t.Run("steering", w.steering)
	t.Run("can-i", w.canI)
	t.Run("isolation", w.isolation)
	t.Run("the completed job is the one in testdata", w.defaulted)
	t.Run("installing again works", func(t *testing.T) {
		anchor := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: action.AnchorName}, Data: map[string]string{"head": "1"}}
		if _, err := w.as(w.config.GateUser(), "").CoreV1().ConfigMaps(w.config.Namespace).Update(t.Context(), anchor, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		again, err := Install(t.Context(), w.admin, w.config, w.template)
		if err != nil {
			t.Fatal(err)
		}
		head, err := w.client.CoreV1().ConfigMaps(w.config.Namespace).Get(t.Context(), action.AnchorName, metav1.GetOptions{})
		if err != nil || head.Data["head"] != "1" {
			t.Errorf("the anchor's data is %v, %v", head.Data, err)
		}
		if again.Wall != w.set.Wall {
			t.Errorf("the same input gave %s and %s", w.set.Wall, again.Wall)
		}
	})
	t.Run("a wall that is gone is noticed", func(t *testing.T) {
		name := w.config.ExecutorPolicy("restart")
		if err := w.client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		w.eventually("Verify names the policy", func() bool {
			err := Verify(t.Context(), w.admin, w.config, w.set.Wall)
			return err != nil && strings.Contains(err.Error(), name+" does not bind")
		})
	})
}

// defaulted keeps the file that the goldens are generated from true to the API
// server of the day.
func (w *wall) defaulted(t *testing.T) {
	c := Default()
	c.Namespace = w.config.Namespace
	job, err := CompleteJob(t.Context(), w.admin, c, readJob(t, templatePath))
	if err != nil {
		t.Fatal(err)
	}
	job.Namespace, job.UID, job.CreationTimestamp, job.ManagedFields, job.Generation = Default().ExecutorNamespace, "", metav1.Time{}, nil, 0
	job.TypeMeta = metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"}
	job.Spec.Selector = nil
	job.Spec.Template.Labels = map[string]string{IncidentLabel: job.Labels[IncidentLabel]}
	job.Status = batchv1.JobStatus{}
	raw, err := yaml.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "defaulted-job.yaml", raw)
}

func isInvalid(err error) bool { return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) }
