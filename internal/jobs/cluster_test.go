package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// onCluster is a running Launcher in a namespace of its own on the test cluster, as
// administrator: the wall is the admission package's subject.
func onCluster(t *testing.T) (*Launcher, *kubernetes.Clientset) {
	t.Helper()
	path := os.Getenv("COUNTERSIGN_TEST_KUBECONFIG")
	if path == "" {
		t.Skip("SKIPPED, NO JOB WAS RUN: COUNTERSIGN_TEST_KUBECONFIG names no cluster")
	}
	conn, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		t.Fatal(err)
	}
	template := testTemplate()
	template.Namespace, template.Image = fmt.Sprintf("cs-jobs-%06x", rand.IntN(1<<24)), busybox(t, client)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: template.Namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "restart"}}
	if _, err := client.CoreV1().ServiceAccounts(ns.Name).Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	l, err := New(Config{REST: conn, Template: template, Redactor: redact.New(redact.Config{}), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return l, client
}

// busybox finds the image by digest on a node; the executor's own belongs to
// other tests.
func busybox(t *testing.T, client *kubernetes.Clientset) string {
	t.Helper()
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes.Items {
		for _, image := range n.Status.Images {
			for _, name := range image.Names {
				if strings.Contains(name, "busybox@sha256:") {
					return name
				}
			}
		}
	}
	t.Skip("SKIPPED, NO JOB WAS RUN: no node of the cluster has busybox by digest")
	return ""
}

// serverOrder expires a minute after the API server's time.
func serverOrder(t *testing.T, l *Launcher, mode action.Mode) action.Order {
	t.Helper()
	now, err := l.ServerNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return testOrder(t, mode, now.Add(time.Minute))
}

func TestARealJobThatEndsGivesItsMessageAtOnce(t *testing.T) {
	l, client := onCluster(t)
	order := serverOrder(t, l, action.Rehearse)
	job, err := l.template.Job(order, encode(t, order))
	if err != nil {
		t.Fatal(err)
	}
	job.Spec.Template.Spec.Containers[0].Command = []string{"/bin/sh", "-c", `sleep 1; printf '{"said":true}' > /dev/termination-log; exit 3`}
	job.Spec.Template.Spec.Containers[0].Args = nil
	if _, err := client.BatchV1().Jobs(job.Namespace).Create(t.Context(), job, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	got := resultOf(t, l, job.Name)
	seen := time.Time{}
	for seen.IsZero() {
		pods, err := client.CoreV1().Pods(job.Namespace).Watch(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for event := range pods.ResultChan() {
			pod, ok := event.Object.(*corev1.Pod)
			if ok && len(pod.Status.ContainerStatuses) == 1 && pod.Status.ContainerStatuses[0].State.Terminated != nil {
				seen = time.Now()
				break
			}
		}
		pods.Stop()
	}
	end := <-got
	late := max(0, time.Since(seen))
	if end.err != nil || end.end.Ending != Exited || end.end.ExitCode != 3 || string(end.end.Message) != `{"said":true}` || end.end.Ended.IsZero() {
		t.Errorf("%+v", end)
	}
	t.Logf("known %s after the end was on the wire", late.Round(time.Millisecond))
	if late > time.Second {
		t.Errorf("known only %s after the end was on the wire", late)
	}
}

func TestARealLaunchIsOneJobHoweverOftenItIsRepeated(t *testing.T) {
	l, client := onCluster(t)
	order := serverOrder(t, l, action.Rehearse)
	var launched [8]Launched
	var failed [8]error
	done := make(chan struct{})
	for i := range launched {
		go func() {
			launched[i], failed[i] = l.Launch(t.Context(), order)
			done <- struct{}{}
		}()
	}
	for range launched {
		<-done
	}
	created := 0
	for i := range launched {
		if failed[i] != nil || launched[i].UID != launched[0].UID {
			t.Errorf("launch %d: %+v, %v", i, launched[i], failed[i])
		}
		if !launched[i].Again {
			created++
		}
	}
	if created != 1 {
		t.Errorf("%d of %d launches say that they created the job", created, len(launched))
	}
	// busybox has no /executor.
	got := <-resultOf(t, l, order.Execution)
	if got.err != nil || got.end.Ending != NotStarted || got.end.Reason != "StartError" || got.end.Detail.IsEmpty() {
		t.Errorf("%+v", got)
	}
	pods, err := client.CoreV1().Pods(l.template.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: IncidentLabel + "=" + order.Incident})
	if err != nil || len(pods.Items) != 1 || !action.PodOf(order.Execution, pods.Items[0].Name) {
		t.Errorf("%d pods, %v", len(pods.Items), err)
	}
}

func TestARealJobWithoutItsAccountSaysWhy(t *testing.T) {
	l, client := onCluster(t)
	if err := client.CoreV1().ServiceAccounts(l.template.Namespace).Delete(t.Context(), "restart", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	order := serverOrder(t, l, action.Rehearse)
	if _, err := l.Launch(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	got := <-resultOf(t, l, order.Execution)
	if got.err != nil || got.end.Ending != NotStarted || got.end.Reason != "FailedCreate" || !strings.Contains(got.end.Detail.String(), "restart") {
		t.Errorf("%+v", got)
	}
}

func TestARealRefusalIsDefinitive(t *testing.T) {
	l, _ := onCluster(t)
	l.template.Namespace = "cs-jobs-no-such-namespace"
	_, err := l.Launch(t.Context(), serverOrder(t, l, action.Rehearse))
	var refused *RefusedError
	if !errors.As(err, &refused) || !apierrors.IsNotFound(err) {
		t.Errorf("got %v", err)
	}
}
