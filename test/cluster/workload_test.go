package cluster_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned"

	"github.com/countersign-dev/countersign/test/cluster"
)

// shared is the cluster of the tests that only use one. It is brought up by
// the first of them, unless one is running, and taken down by TestMain.
type shared struct {
	once sync.Once
	c    *cluster.Cluster
	err  error
}

var tests shared

func TestMain(m *testing.M) {
	if dir := os.Getenv("COUNTERSIGN_TEST_HARNESS"); dir != "" {
		bringUpAndHang(dir)
		return
	}
	code := m.Run()
	if tests.c != nil {
		if err := tests.c.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func (s *shared) get(t *testing.T) (*cluster.Cluster, *kubernetes.Clientset, string) {
	t.Helper()
	if os.Getenv("CLUSTER") == "" {
		skipWithout(t)
	}
	s.once.Do(func() { s.c, s.err = cluster.FromEnv(context.Background(), func(line string) { fmt.Println(line) }) })
	if s.err != nil {
		t.Fatal(s.err)
	}
	client, err := kubernetes.NewForConfig(s.c.AdminConfig())
	if err != nil {
		t.Fatal(err)
	}
	return s.c, client, namespace(t, client)
}

func skipWithout(t *testing.T) {
	t.Helper()
	if err := cluster.Available(); err != nil {
		t.Skipf("SKIPPED, NOTHING OF THIS WAS TESTED: %v", err)
	}
}

// namespace makes one for the test and removes it afterwards. It returns when
// pods can be made in it.
func namespace(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "cluster-test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	within(t, 20*time.Second, "the default ServiceAccount", func(ctx context.Context) (bool, string) {
		_, err := client.CoreV1().ServiceAccounts(ns.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, fmt.Sprint(err)
	})
	return ns.Name
}

// within polls until ask is content, and fails with what it saw last.
func within(t *testing.T, patience time.Duration, what string, ask func(context.Context) (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		done, saw := ask(ctx)
		if done {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s, last seen: %s", what, patience, saw)
		case <-tick.C:
		}
	}
}

func TestAJobFromAnImageByDigestReachesTheAPIServerAsItsOwnServiceAccount(t *testing.T) {
	t.Parallel()
	c, client, ns := tests.get(t)
	ctx := t.Context()
	binary := filepath.Join(t.TempDir(), "whoami")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./testdata/whoami")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	image, err := cluster.BinaryImage("/whoami", binary, 65532)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := c.LoadImage(ctx, "countersign.example/whoami:"+ns, image)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(ref, "@sha256:") {
		t.Fatalf("the image's reference is %q, want one by digest", ref)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "asker"}}
	if _, err := client.CoreV1().ServiceAccounts(ns).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	nonRoot := true
	pod := podSpec(ref)
	pod.ServiceAccountName, pod.RestartPolicy = "asker", corev1.RestartPolicyNever
	pod.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: &nonRoot}
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "ask"}, Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: pod}}}
	if _, err := client.BatchV1().Jobs(ns).Create(ctx, job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	within(t, time.Minute, "the Job", func(ctx context.Context) (bool, string) {
		j, err := client.BatchV1().Jobs(ns).Get(ctx, "ask", metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return j.Status.Succeeded+j.Status.Failed > 0, fmt.Sprintf("%+v", j.Status)
	})
	name, said := onlyLog(t, client, ns)
	want := fmt.Sprintf("user=system:serviceaccount:%s:asker pod=[%s] uid=65532", ns, name)
	if !strings.HasPrefix(said, want) {
		t.Errorf("the Job said %q, want %q", said, want)
	}
}

func onlyLog(t *testing.T, client kubernetes.Interface, ns string) (pod, said string) {
	t.Helper()
	pods, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("want one pod, got %v, %v", pods, err)
	}
	stream, err := client.CoreV1().Pods(ns).GetLogs(pods.Items[0].Name, &corev1.PodLogOptions{}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(stream)
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pods.Items[0].Name, string(text)
}

func podSpec(image string, command ...string) corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: image, Command: command, ImagePullPolicy: corev1.PullIfNotPresent}}}
}

func TestFaultsLookAsTheyDoOnARealNode(t *testing.T) {
	t.Parallel()
	_, client, ns := tests.get(t)
	hungry := podSpec(cluster.BusyboxImageName, "sh", "-c", "tail -c 200m /dev/zero | tail")
	hungry.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("20Mi")}
	// No fault: what is on the node is in the registry too.
	always := podSpec(cluster.BusyboxImageName, "sleep", "600")
	always.Containers[0].ImagePullPolicy = corev1.PullAlways
	for _, tt := range []struct {
		name string
		spec corev1.PodSpec
		want func(corev1.ContainerStatus) bool
	}{
		{"crash", podSpec(cluster.BusyboxImageName, "sh", "-c", "echo DATABASE_URL is not set; exit 3"), func(s corev1.ContainerStatus) bool {
			return s.RestartCount > 0 && s.LastTerminationState.Terminated != nil && s.LastTerminationState.Terminated.ExitCode == 3
		}},
		{"memory", hungry, func(s corev1.ContainerStatus) bool {
			return terminated(s.State, "OOMKilled") || terminated(s.LastTerminationState, "OOMKilled")
		}},
		{"tag", podSpec("docker.io/library/busybox:no-such-tag"), func(s corev1.ContainerStatus) bool { return pullFailed(s, "not found") }},
		{"always", always, func(s corev1.ContainerStatus) bool { return s.Ready }},
		{"registry", podSpec("registry.invalid/app:1"), func(s corev1.ContainerStatus) bool { return pullFailed(s, "no such host") }},
		{"private", podSpec("private.example/app:1"), func(s corev1.ContainerStatus) bool { return pullFailed(s, "401 Unauthorized") }},
		{"limited", podSpec("limited.example/app:1"), func(s corev1.ContainerStatus) bool { return pullFailed(s, "429 Too Many Requests") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: tt.name}, Spec: tt.spec}
			if _, err := client.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			within(t, time.Minute, tt.name, func(ctx context.Context) (bool, string) {
				got, err := client.CoreV1().Pods(ns).Get(ctx, tt.name, metav1.GetOptions{})
				if err != nil || len(got.Status.ContainerStatuses) == 0 {
					return false, fmt.Sprint(err)
				}
				status := got.Status.ContainerStatuses[0]
				return tt.want(status), fmt.Sprintf("%+v", status)
			})
		})
	}
}

func terminated(s corev1.ContainerState, reason string) bool {
	return s.Terminated != nil && s.Terminated.Reason == reason
}

func pullFailed(s corev1.ContainerStatus, message string) bool {
	return s.State.Waiting != nil && s.State.Waiting.Reason == "ErrImagePull" && strings.Contains(s.State.Waiting.Message, message)
}

func TestMetricsOfAPodArrive(t *testing.T) {
	t.Parallel()
	c, client, ns := tests.get(t)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "busy"}, Spec: podSpec(cluster.BusyboxImageName, "sleep", "600")}
	if _, err := client.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	metrics, err := metricsclient.NewForConfig(c.AdminConfig())
	if err != nil {
		t.Fatal(err)
	}
	within(t, 90*time.Second, "metrics of the pod", func(ctx context.Context) (bool, string) {
		m, err := metrics.MetricsV1beta1().PodMetricses(ns).Get(ctx, "busy", metav1.GetOptions{})
		return err == nil && len(m.Containers) == 1, fmt.Sprint(err)
	})
}

func TestAServiceAccountTokenIsThatAccountAndNobodyElse(t *testing.T) {
	t.Parallel()
	c, _, ns := tests.get(t)
	cfg, err := c.ServiceAccountToken(t.Context(), ns, "default")
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.CertData) > 0 || len(cfg.KeyData) > 0 || cfg.Username != "" || cfg.CertFile != "" {
		t.Error("the configuration carries credentials besides the token")
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CoreV1().Secrets(ns).List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "system:serviceaccount:"+ns+":default") {
		t.Errorf("listing Secrets: %v, want a refusal that names the account", err)
	}
}

func TestAServiceAccountKubeconfigActsAsThatAccount(t *testing.T) {
	t.Parallel()
	c, _, ns := tests.get(t)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := c.ServiceAccountKubeconfig(t.Context(), ns, "default", path); err != nil {
		t.Fatal(err)
	}
	cfg, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := review.Status.UserInfo.Username, "system:serviceaccount:"+ns+":default"; got != want {
		t.Errorf("the kubeconfig acts as %s, want %s", got, want)
	}
}
