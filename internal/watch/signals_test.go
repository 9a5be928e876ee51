package watch

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"

	"github.com/countersign-dev/countersign/internal/redact"
)

func TestASlowReaderGetsTheLastStateOnce(t *testing.T) {
	const pods, rounds = 300, 20
	api := newFakeAPI(t, true)
	api.put("replicasets", replicaSet())
	w := start(t, api, nil)
	eventually(t, "the Watcher is synced", w.Synced)
	for round := range rounds {
		for i := range pods {
			p := waitingPod(fmt.Sprint("p", i), "ImagePullBackOff", notFound)
			if round == rounds-1 {
				p = waitingPod(fmt.Sprint("p", i), "CreateContainerConfigError", `secret "x" not found`)
			}
			api.put("pods", p)
		}
	}
	eventually(t, "all is seen", func() bool { st := w.Stats(); return st.Pods == pods && st.Queued >= pods-1 })
	eventually(t, "the last round is seen", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range w.records["Pod"] {
			if len(r.faults) != 1 || r.faults[0].symptom.Kind != "config-error" {
				return false
			}
		}
		return true
	})
	got := map[string]int{}
	for range pods {
		s := next(t, w)
		got[told(s)]++
	}
	// The signal that was being handed over when the state changed comes too.
	extra := got["image-pull p0"]
	if extra == 1 {
		got[told(next(t, w))]++
		delete(got, "image-pull p0")
	}
	for i := range pods {
		if n := got[fmt.Sprintf("config-error p%d", i)]; n != 1 {
			t.Fatalf("config-error of p%d came %d times, want once", i, n)
		}
	}
	if q := w.Stats().Queued; q != 0 || len(got) != pods {
		t.Errorf("%d queued and %d different signals, want 0 and %d", q, len(got), pods)
	}
}

func TestAFailingProbeIsToldWhenTheContainerIsNotReady(t *testing.T) {
	api := newFakeAPI(t, true)
	api.put("replicasets", replicaSet())
	ill, well := healthyPod("ill"), healthyPod("well")
	for _, p := range []*corev1.Pod{ill, well} {
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1}
		api.put("pods", p)
	}
	w := start(t, api, nil)
	eventually(t, "the Watcher is synced", w.Synced)
	ill.Status.ContainerStatuses[0].Ready = false
	api.put("pods", ill)
	for _, p := range []*corev1.Pod{well, ill} {
		api.put("events", &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: "shop", Name: p.Name + ".1", UID: "e-" + p.UID},
			InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: p.Name, UID: p.UID, FieldPath: "spec.containers{web}"},
			Type:           "Warning", Reason: "Unhealthy", Message: "Readiness probe failed: connection refused", LastTimestamp: metav1.Now(), Count: 3,
		})
	}
	wantTold(t, w, "probe-failing ill")
	if n := w.Stats().Faults; n != 1 {
		t.Errorf("%d faults stand, want 1: an event alone proves nothing", n)
	}
}

func TestAFailedJobIsHistoryOnceAYoungerOneSucceeded(t *testing.T) {
	job := func(name string, age time.Duration, condition batchv1.JobConditionType) *batchv1.Job {
		truth := true
		return &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(time.Now().Add(-age)),
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "CronJob", Name: "nightly", UID: "uid-cron", Controller: &truth}},
			},
			Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: condition, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded"}}},
		}
	}
	api := newFakeAPI(t, true)
	api.put("jobs", job("old", 3*time.Hour, batchv1.JobFailed))
	api.put("jobs", job("good", 2*time.Hour, batchv1.JobComplete))
	api.put("jobs", job("bad", time.Hour, batchv1.JobFailed))
	w := start(t, api, nil)
	s := next(t, w)
	if told(s) != "job-failed bad" || s.Subject.Kind != "CronJob" || s.Subject.Name != "nightly" {
		t.Errorf("%s of %v, want job-failed bad of the CronJob", told(s), s.Subject)
	}
	api.put("jobs", job("better", time.Minute, batchv1.JobComplete))
	eventually(t, "the failure is history", func() bool { return w.Stats().Faults == 0 })
}

func TestWhatTheAccountMayNotListIsSaidAndCostsNothingElse(t *testing.T) {
	api := newFakeAPI(t, true)
	api.denied["nodes"] = true
	api.put("replicasets", replicaSet())
	api.put("pods", waitingPod("a", "ImagePullBackOff", notFound))
	w := start(t, api, nil)
	wantTold(t, w, "image-pull a")
	if d := w.Stats().Denied; !slices.Equal(d, []string{"nodes"}) {
		t.Errorf("denied %q, want nodes", d)
	}
	if err := w.Check(t.Context()); err != nil {
		t.Errorf("Check = %v; nodes are optional", err)
	}
	api.mu.Lock()
	api.denied["pods"] = true
	api.mu.Unlock()
	if err := w.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "WATCH_NAMESPACES") {
		t.Errorf("Check = %v, want a sentence with the remedy", err)
	}
}

func TestWhatStandsIsToldAgainAfterAWhile(t *testing.T) {
	api := newFakeAPI(t, true)
	api.put("replicasets", replicaSet())
	api.put("pods", waitingPod("a", "ImagePullBackOff", notFound))
	api.put("pods", healthyPod("well"))
	w := start(t, api, func(c *Config) { c.Retell = 50 * time.Millisecond })
	for range 3 {
		wantTold(t, w, "image-pull a")
	}
}

func TestAPodThatWaitsTooLongIsToldWithoutAnyChange(t *testing.T) {
	api := newFakeAPI(t, true)
	api.put("replicasets", replicaSet())
	p := waitingPod("a", "ContainerCreating", "")
	p.CreationTimestamp = metav1.NewTime(time.Now().Add(-2*time.Minute + 2*time.Second))
	api.put("pods", p)
	w := start(t, api, nil)
	eventually(t, "the Watcher is synced", w.Synced)
	wantTold(t, w, "pending a")
}

func TestAChangeIsToldInMilliseconds(t *testing.T) {
	api := newFakeAPI(t, true)
	api.put("replicasets", replicaSet())
	w := start(t, api, nil)
	eventually(t, "the Watcher is synced", w.Synced)
	var took []time.Duration
	for i := range 50 {
		begin := time.Now()
		api.put("pods", waitingPod(fmt.Sprint("p", i), "ImagePullBackOff", notFound))
		next(t, w)
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	t.Logf("from the server's write to the signal: p50 %v, max %v", took[25], took[49])
	if took[25] > 100*time.Millisecond {
		t.Errorf("p50 is %v, want milliseconds", took[25])
	}
}

func TestAConfigurationWithoutItsPartsIsRefused(t *testing.T) {
	api := newFakeAPI(t, true)
	client := kubernetes.NewForConfigOrDie(api.config())
	meta := metadata.NewForConfigOrDie(api.config())
	whole := Config{Client: client, Metadata: meta, Redactor: redact.New(redact.Config{}), Log: slog.Default()}
	for name, change := range map[string]func(*Config){
		"no client":          func(c *Config) { c.Client = nil },
		"no metadata client": func(c *Config) { c.Metadata = nil },
		"no redactor":        func(c *Config) { c.Redactor = nil },
		"no logger":          func(c *Config) { c.Log = nil },
		"a broken selector":  func(c *Config) { c.Selector = "a in (" },
	} {
		cfg := whole
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := New(whole); err != nil {
		t.Errorf("a whole configuration is refused: %v", err)
	}
}
