package watch

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	metricsclient "k8s.io/metrics/pkg/client/clientset/versioned"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// live connects to the real cluster that COUNTERSIGN_TEST_KUBECONFIG names and
// makes a namespace for the test.
func live(t *testing.T) (conn *rest.Config, client kubernetes.Interface, ns string) {
	t.Helper()
	path := os.Getenv("COUNTERSIGN_TEST_KUBECONFIG")
	if path == "" {
		t.Skip("SKIPPED: no real cluster; set COUNTERSIGN_TEST_KUBECONFIG (make cluster-up makes one)")
	}
	conn, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	conn = Tune(conn)
	client, err = kubernetes.NewForConfig(conn)
	if err != nil {
		t.Fatal(err)
	}
	made, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "watch-test-"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Namespaces().Delete(context.Background(), made.Name, metav1.DeleteOptions{}); err != nil {
			t.Errorf("delete namespace %s: %v", made.Name, err)
		}
	})
	// Pods are refused until the account is there.
	eventually(t, "the default ServiceAccount is made", func() bool {
		_, err := client.CoreV1().ServiceAccounts(made.Name).Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	})
	return conn, client, made.Name
}

func liveWatcher(t *testing.T, conn *rest.Config, ns string) *Watcher {
	t.Helper()
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := metadata.NewForConfig(conn)
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(Config{
		Client: client, Metadata: meta, Namespaces: []string{ns},
		Redactor: redact.New(redact.Config{Key: []byte("k")}), Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = w.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return w
}

func TestLiveFaultsAreToldOfTheirWorkloadAndCollected(t *testing.T) {
	conn, client, ns := live(t)
	w := liveWatcher(t, conn, ns)
	faults := liveFaults()
	for _, f := range faults {
		if _, err := client.AppsV1().Deployments(ns).Create(t.Context(), deployment(ns, f.name, f.pod), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.AppsV1().Deployments(ns).Create(t.Context(), deployment(ns, "well", with(busybox("sleep 3600"), nil)), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, f := range faults {
		want[f.name] = string(f.symptom)
	}
	begin, subjects := time.Now(), map[string]action.Ref{}
	for deadline := time.After(2 * time.Minute); len(want) > 0; {
		select {
		case s := <-w.Signals():
			t.Logf("%5.1fs %-14s %-28s of %s: %.100s", time.Since(begin).Seconds(), s.Symptom, s.Object.Name, s.Subject, s.Message)
			if s.Subject.Kind != "Deployment" || s.Subject.UID == "" {
				t.Errorf("the subject of %s is %+v, want a Deployment", told(s), s.Subject)
			}
			if s.Subject.Name == "well" {
				t.Errorf("a healthy workload has %s", s.Symptom)
			}
			subjects[s.Subject.Name] = s.Subject
			if want[s.Subject.Name] == string(s.Symptom) {
				delete(want, s.Subject.Name)
			}
		case <-deadline:
			t.Fatalf("not told within 2 minutes: %v", want)
		}
	}
	t.Logf("stats %+v", w.Stats())
	c := liveCollector(t, conn)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) { checkCollected(t, c, subjects[f.name], f) })
	}
	checkScan(t, c, ns, len(faults))
	checkResolve(t, c, ns)
}

func liveCollector(t *testing.T, conn *rest.Config) *Collector {
	t.Helper()
	client, meta := kubernetes.NewForConfigOrDie(conn), metadata.NewForConfigOrDie(conn)
	c, err := NewCollector(CollectorConfig{
		Client: client, Metadata: meta, Metrics: metricsclient.NewForConfigOrDie(conn), Secrets: true,
		Redactor: redact.New(redact.Config{Key: []byte("k")}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func checkCollected(t *testing.T, c *Collector, subject action.Ref, f liveFault) {
	begin := time.Now()
	s, err := c.Subject(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("collected in %v: %d pods, %d ReplicaSets, %d events, %d logs, unreadable %v",
		time.Since(begin).Round(time.Millisecond), len(s.Pods), len(s.ReplicaSets), len(s.Events), len(s.Logs), s.Unreadable)
	x := s.Index()
	if d := x.Deployment(subject); d == nil || len(x.PodsOf(subject)) == 0 || len(x.RevisionsOf(d)) != 1 {
		t.Errorf("the snapshot lacks the Deployment, its pods or its revision")
	}
	if len(s.Unreadable) > 0 {
		t.Errorf("unreadable: %v", s.Unreadable)
	}
	if f.event != "" && !hasEvent(s, f.event) {
		t.Errorf("no event %s among %d", f.event, len(s.Events))
	}
	if f.log != "" && !hasLine(s, f.log) {
		t.Errorf("no log line %q in %+v", f.log, s.Logs)
	}
	if f.absent[0] != "" && !s.KnownAbsent(f.absent[0], subject.Namespace, f.absent[1]) {
		t.Errorf("%v is not known to be absent: %v", f.absent, s.Absent)
	}
	if f.name == "huge" && len(s.Nodes) == 0 {
		t.Error("no nodes for a pod that finds none")
	}
}

func hasEvent(s *kube.Snapshot, reason string) bool {
	for _, e := range s.Events {
		if e.Reason == reason {
			return true
		}
	}
	return false
}

func hasLine(s *kube.Snapshot, part string) bool {
	for _, l := range s.Logs {
		for _, line := range l.Lines {
			if strings.Contains(line.String(), part) {
				return true
			}
		}
	}
	return false
}

func checkScan(t *testing.T, c *Collector, ns string, faults int) {
	begin := time.Now()
	s, err := c.Namespace(t.Context(), []string{ns})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("scanned in %v: %d pods, %d events, %d logs, %d usages, unreadable %v",
		time.Since(begin).Round(time.Millisecond), len(s.Pods), len(s.Events), len(s.Logs), len(s.Usage), s.Unreadable)
	if len(s.Pods) < faults || len(s.Deployments) != faults+1 || len(s.Nodes) == 0 || len(s.Logs) == 0 || len(s.Unreadable) > 0 {
		t.Errorf("the scan lacks something: %d pods, %d Deployments, %d nodes, %d logs, %v", len(s.Pods), len(s.Deployments), len(s.Nodes), len(s.Logs), s.Unreadable)
	}
}

func checkResolve(t *testing.T, c *Collector, ns string) {
	for _, words := range []string{"deploy/crash", "Deployment/crash", "deployments.apps/crash", "DEPLOY/Crash"} {
		kind, name, err := SplitTarget(words)
		if err != nil {
			t.Fatal(err)
		}
		if ref, err := c.Resolve(t.Context(), kind, ns, name); err != nil || ref.Kind != "Deployment" || ref.UID == "" {
			t.Errorf("Resolve(%s) = %+v, %v", words, ref, err)
		}
	}
	if _, err := c.Resolve(t.Context(), "deploy", ns, "crahs"); err == nil || !strings.Contains(err.Error(), "did you mean crash") {
		t.Errorf("a typing error gives %v, want what comes near", err)
	}
	s, err := c.Subject(t.Context(), action.Ref{Kind: "Deployment", Namespace: ns, Name: "no-such"})
	if err != nil || !s.KnownAbsent("Deployment", ns, "no-such") {
		t.Errorf("an absent workload gives %v, %v", s, err)
	}
}

func TestLiveAnAccountWithoutRightsIsSaidSo(t *testing.T) {
	conn, client, ns := live(t)
	var as *rest.Config
	if _, err := client.CoreV1().ServiceAccounts(ns).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "nobody"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	as = rest.CopyConfig(conn)
	as.Impersonate.UserName = fmt.Sprintf("system:serviceaccount:%s:nobody", ns)
	c := liveCollector(t, as)
	if _, err := c.Namespace(t.Context(), []string{ns}); err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("a scan without rights gives %v", err)
	}
	if _, err := c.Subject(t.Context(), action.Ref{Kind: "Deployment", Namespace: ns, Name: "x"}); err == nil {
		t.Error("a look without rights gives no error")
	}
	if _, err := c.Resolve(t.Context(), "deploy", ns, "x"); err == nil || !strings.Contains(err.Error(), "may not read") {
		t.Errorf("a name that may not be read gives %v", err)
	}
	meta := metadata.NewForConfigOrDie(as)
	w, err := New(Config{
		Client: kubernetes.NewForConfigOrDie(as), Metadata: meta, Namespaces: []string{ns},
		Redactor: redact.New(redact.Config{}), Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "WATCH_NAMESPACES") {
		t.Errorf("Check without rights gives %v", err)
	}
}
