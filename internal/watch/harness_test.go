package watch

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// patience is how long a test waits for what must come. What must not come is
// waited for as long as something that must come after it takes.
const patience = time.Minute

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// start runs a Watcher against f until the test ends, and checks that no
// goroutine of it is left then.
func start(t testing.TB, f *fakeAPI, change func(*Config)) *Watcher {
	t.Helper()
	before := goroutines()
	client, err := kubernetes.NewForConfig(f.config())
	if err != nil {
		t.Fatal(err)
	}
	meta, err := metadata.NewForConfig(f.config())
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Client: client, Metadata: meta, Redactor: redact.New(redact.Config{Key: []byte("k")}),
		Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not return")
		}
		f.srv.CloseClientConnections()
		eventually(t, "the Watcher's goroutines end", func() bool {
			for g := range goroutines() {
				if !before[g] {
					return false
				}
			}
			return true
		})
	})
	return w
}

// goroutines are those that run code of this package's Watcher or of client-go's
// Reflector, by the line "created by" and id.
func goroutines() map[string]bool {
	buf := make([]byte, 4<<20)
	found := map[string]bool{}
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		id, rest, _ := strings.Cut(g, "[")
		if strings.Contains(rest, "internal/watch.(*Watcher)") || strings.Contains(rest, "tools/cache") || strings.Contains(rest, "apimachinery/pkg/watch") {
			found[id] = true
		}
	}
	return found
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen within %v: %s", patience, what)
		}
	}
}

func next(t *testing.T, w *Watcher) incident.Signal {
	t.Helper()
	select {
	case s, ok := <-w.Signals():
		if !ok {
			t.Fatal("the channel is closed")
		}
		return s
	case <-time.After(patience):
		t.Fatal("no signal came")
		return incident.Signal{}
	}
}

func told(s incident.Signal) string { return fmt.Sprintf("%s %s", s.Symptom, s.Object.Name) }

// wantTold reads as many signals as are wanted, in any order.
func wantTold(t *testing.T, w *Watcher, want ...string) {
	t.Helper()
	var got []string
	for range want {
		got = append(got, told(next(t, w)))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("signals %q, want %q", got, want)
	}
}

func healthyPod(name string) *corev1.Pod {
	truth := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(time.Now().Add(-time.Hour).Truncate(time.Second)),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "api-1", UID: "uid-rs", Controller: &truth}},
		},
		Spec: corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "web", Image: "shop/api:1"}}},
		Status: corev1.PodStatus{
			Phase:             corev1.PodRunning,
			ContainerStatuses: []corev1.ContainerStatus{{Name: "web", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(time.Now().Add(-time.Hour))}}}},
		},
	}
}

func waitingPod(name, reason, message string) *corev1.Pod {
	p := healthyPod(name)
	p.Status.Phase = corev1.PodPending
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "web", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	}}
	return p
}

func replicaSet() *metav1.PartialObjectMetadata {
	truth := true
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "api-1", UID: "uid-rs",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "api", UID: "uid-deploy", Controller: &truth}},
	}}
}

const notFound = `Back-off pulling image "shop/api:2": ErrImagePull: rpc error: code = NotFound desc = shop/api:2: not found`
