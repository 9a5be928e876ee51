package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/remediate"
	"github.com/countersign-dev/countersign/test/cluster"
)

const (
	runs = "docker.io/library/busybox:latest"
	typo = "registry.example/cart:v2-typo"
)

// stage is an installation of its own: the real image in real Jobs, created by
// the gate's account, behind the product's own policies.
type stage struct {
	t      *testing.T
	admin  kubernetes.Interface
	key    action.SigningKey
	jobs   *jobs.Launcher
	config admission.Config
	shop   string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	if os.Getenv("COUNTERSIGN_TEST_KUBECONFIG") == "" {
		t.Skip("SKIPPED, NO EXECUTOR RAN IN A JOB: COUNTERSIGN_TEST_KUBECONFIG names no cluster")
	}
	ctx := t.Context()
	on, err := cluster.FromEnv(ctx, func(line string) { t.Log(line) })
	fatal(t, err)
	t.Cleanup(func() { closed(t, on.Close()) })
	admin, err := kubernetes.NewForConfig(on.AdminConfig())
	fatal(t, err)

	id := fmt.Sprintf("x%06x", time.Now().UnixNano()&0xffffff)
	s := &stage{t: t, admin: admin, config: admission.Default(), shop: "cs-" + id + "-shop"}
	s.config.Instance, s.config.Namespace, s.config.ExecutorNamespace = id, "cs-"+id, "cs-"+id+"-exec"
	s.config.WatchNamespaces = []string{s.shop}
	public, private, err := ed25519.GenerateKey(nil)
	fatal(t, err)
	s.key = action.SigningKey{ID: "k1", Private: private}
	_, err = admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.shop}}, metav1.CreateOptions{})
	fatal(t, err)
	t.Cleanup(func() {
		closed(t, admin.CoreV1().Namespaces().Delete(context.Background(), s.shop, metav1.DeleteOptions{}))
	})

	template := jobs.Template{
		Namespace: s.config.ExecutorNamespace, Control: s.config.Namespace, Image: s.image(on, id), Keys: action.Keys{"k1": public},
		Protected: s.config.ProtectedNamespaces(),
	}
	sample, err := template.Sample()
	fatal(t, err)
	set, err := admission.Install(ctx, on.AdminConfig(), s.config, sample)
	fatal(t, err)
	t.Cleanup(func() { closed(t, admission.Uninstall(context.Background(), on.AdminConfig(), s.config, set)) })
	gate, err := on.ServiceAccountToken(ctx, s.config.Namespace, s.config.Gate)
	fatal(t, err)
	s.jobs, err = jobs.New(jobs.Config{REST: gate, Template: template, Redactor: redact.New(redact.Config{})})
	fatal(t, err)
	s.watch()
	return s
}

// watch runs the launcher's informers until the test ends.
func (s *stage) watch() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.jobs.Run(ctx) }()
	s.t.Cleanup(func() { stop(); <-ended })
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func closed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("clean up: %v", err)
	}
}

// image builds this command and puts it into the cluster.
func (s *stage) image(on *cluster.Cluster, id string) string {
	s.t.Helper()
	binary := filepath.Join(s.t.TempDir(), "executor")
	build := exec.CommandContext(s.t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	image, err := cluster.BinaryImage("/executor", binary, 65532)
	fatal(s.t, err)
	byDigest, err := on.LoadImage(s.t.Context(), "registry.example/countersign-executor:"+id, image)
	fatal(s.t, err)
	return byDigest
}

// run signs an order, changed by with, launches its Job and reads what the
// executor left.
func (s *stage) run(mode action.Mode, attempt int, a action.Action, after action.Hash, with ...func(*action.Order)) remediate.Result {
	s.t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	digest := action.Hash(strings.Repeat("0", 64))
	terms := action.NewTerms(a, digest, now.Add(10*time.Minute))
	name, err := action.JobName(mode, terms, attempt)
	fatal(s.t, err)
	o := action.Order{
		Execution: name, Incident: "i0123456789ab", Mode: mode, Terms: terms, After: after,
		ExpiresAt: now.Add(action.OrderLife),
	}
	if mode == action.Apply {
		o.Decision = digest
		if terms.Stamped {
			o.Stamps = &action.Stamps{Incident: o.Incident, ApprovedBy: []string{"U02ALICE"}, At: now}
		}
	}
	for _, change := range with {
		change(&o)
	}
	name = o.Execution
	o, err = o.Sign(s.key)
	fatal(s.t, err)
	began := time.Now()
	_, err = s.jobs.Launch(s.t.Context(), o)
	fatal(s.t, err)
	end, err := s.jobs.Result(s.t.Context(), name)
	fatal(s.t, err)
	r, err := remediate.DecodeResult(end.Message)
	if err != nil || end.ExitCode != 0 || r.Execution != name {
		s.t.Fatalf("%s %s: %v, exit code %d, %s %s: %q", mode, a.Kind, err, end.ExitCode, end.Ending, end.Detail, end.Message)
	}
	s.t.Logf("%s %s: %s %s, executor %s, Job %s: %s", mode, a.Kind, r.State, r.Code, r.Took, time.Since(began).Round(time.Millisecond), r.Reason)
	return r
}

// deploy makes a Deployment whose second revision has an image that is not there.
func (s *stage) deploy() (*appsv1.Deployment, *corev1.Pod) {
	s.t.Helper()
	labels := map[string]string{"app": "cart"}
	client := s.admin.AppsV1().Deployments(s.shop)
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "cart"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "cart", Image: runs, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"sleep", "3600"},
				}}},
			},
		},
	}
	_, err := client.Create(s.t.Context(), d, metav1.CreateOptions{})
	fatal(s.t, err)
	var pod *corev1.Pod
	s.until("revision 1", func() bool { return s.revision() == "1" })
	change := `{"spec":{"template":{"spec":{"containers":[{"name":"cart","image":"` + typo + `"}]}}}}`
	_, err = client.Patch(s.t.Context(), "cart", types.StrategicMergePatchType, []byte(change), metav1.PatchOptions{})
	fatal(s.t, err)
	s.until("a pod of revision 2", func() bool {
		pods, err := s.admin.CoreV1().Pods(s.shop).List(s.t.Context(), metav1.ListOptions{})
		fatal(s.t, err)
		for i := range pods.Items {
			if pods.Items[i].Spec.Containers[0].Image == typo {
				pod = &pods.Items[i]
			}
		}
		return pod != nil && s.revision() == "2"
	})
	d, err = client.Get(s.t.Context(), "cart", metav1.GetOptions{})
	fatal(s.t, err)
	return d, pod
}

func (s *stage) revision() string {
	d, err := s.admin.AppsV1().Deployments(s.shop).Get(s.t.Context(), "cart", metav1.GetOptions{})
	fatal(s.t, err)
	return d.Annotations["deployment.kubernetes.io/revision"]
}

func (s *stage) until(what string, done func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done() {
			return
		}
	}
	s.t.Fatalf("not within 30 s: %s", what)
}

func TestInItsJobAndBehindTheWallTheExecutorRehearsesAppliesAndProbes(t *testing.T) {
	s := newStage(t)
	d, pod := s.deploy()
	deletion := action.Action{
		Kind: action.DeletePod, Params: action.Params{DeletePod: &action.DeletePodParams{}},
		Target: action.Ref{APIVersion: "v1", Kind: "Pod", Namespace: s.shop, Name: pod.Name, UID: string(pod.UID)},
	}
	image := action.Action{
		Kind: action.SetImage, Params: action.Params{SetImage: &action.SetImageParams{Container: "cart", From: typo, To: runs}},
		Target: action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: s.shop, Name: "cart", UID: string(d.UID)},
	}
	for _, a := range []action.Action{deletion, image} {
		s.probe(a)
		r := s.run(action.Rehearse, 0, a, "")
		if r.State != remediate.Rehearsed {
			t.Fatalf("%s: %s %s: %s", a.Kind, r.State, r.Code, r.Reason)
		}
		a.Bound = r.Before
		if r = s.run(action.Apply, 0, a, r.After); r.State != remediate.Applied || r.Code != "" {
			t.Fatalf("%s: %s %s: %s", a.Kind, r.State, r.Code, r.Reason)
		}
	}
	d, err := s.admin.AppsV1().Deployments(s.shop).Get(t.Context(), "cart", metav1.GetOptions{})
	fatal(t, err)
	if d.Spec.Template.Spec.Containers[0].Image != runs || d.Annotations["countersign.dev/approved-by"] != "U02ALICE" {
		t.Errorf("image %s, annotations %v", d.Spec.Template.Spec.Containers[0].Image, d.Annotations)
	}
	s.until("the pod is on its way out", func() bool {
		gone, err := s.admin.CoreV1().Pods(s.shop).Get(t.Context(), pod.Name, metav1.GetOptions{})
		return err != nil || gone.DeletionTimestamp != nil
	})
}

func (s *stage) probe(a action.Action) {
	s.t.Helper()
	r := s.run(action.Probe, 0, a, "")
	if r.State != remediate.Probed || r.Code != "" || len(r.Probes) < 5 {
		s.t.Errorf("%s: %s %s: %s", a.Kind, r.State, r.Code, r.Reason)
	}
	for _, p := range r.Probes {
		want := map[bool]remediate.Outcome{true: remediate.Open, false: remediate.ByPolicy}[p.Name == remediate.OwnChange]
		if p.Outcome != want && p.Outcome != remediate.ByRBAC {
			s.t.Errorf("%s: probe %s met %s", a.Kind, p.Name, p.Outcome)
		}
	}
	s.t.Log(r.Probes)
}
