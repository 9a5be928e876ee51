package diagnose

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

var (
	liveConfig = flag.String("live", "", "kubeconfig of a cluster on which to run the cases that have manifests")
	record     = flag.String("record", "", "file for the share of right runs by rule, in the form of the calibration record")
	update     = flag.Bool("update", false, "write what the live cluster showed into captured.yaml")
)

// liveWait is how long a fault may take to show.
const liveWait = 150 * time.Second

// After the first right look, steadyLooks more must say the same.
const (
	steadyLooks = 6
	steadyPause = 2300 * time.Millisecond
)

// tally counts, by rule, the runs that it decided and those in which it named
// the right cause and root at every look.
var tally = struct {
	sync.Mutex
	rules map[string]*outcome
}{rules: map[string]*outcome{}}

type outcome struct {
	Right int `json:"right"`
	Of    int `json:"of"`
}

func count(rule string, right bool) {
	if rule == "" {
		return
	}
	tally.Lock()
	defer tally.Unlock()
	if tally.rules[rule] == nil {
		tally.rules[rule] = &outcome{}
	}
	tally.rules[rule].Of++
	if right {
		tally.rules[rule].Right++
	}
}

// live runs one case in a namespace of its own.
type live struct {
	clients   *kubernetes.Clientset
	objects   *dynamic.DynamicClient
	namespace string
}

// TestLiveClusterShowsTheSame applies each case's manifests to a real cluster
// and wants the diagnosis that the captured fixture gives.
func TestLiveClusterShowsTheSame(t *testing.T) {
	if *liveConfig == "" {
		t.Skip("no cluster named with -live")
	}
	config, err := clientcmd.BuildConfigFromFlags("", *liveConfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS, config.Burst = 50, 100
	t.Cleanup(func() {
		raw, err := json.MarshalIndent(map[string]any{"by": "go test ./internal/diagnose -run TestLive -live KUBECONFIG", "rules": tally.rules}, "", "  ")
		if err == nil && *record != "" {
			err = os.WriteFile(*record, append(raw, '\n'), 0o644)
		}
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s", raw)
	})
	for _, dir := range cases(t) {
		if _, err := os.Stat(filepath.Join(dir, "1.yaml")); err != nil {
			continue
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			clients, err := kubernetes.NewForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := dynamic.NewForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			l := live{clients: clients, objects: objects, namespace: "dx-" + filepath.Base(dir)}
			l.run(t, dir, readWant(t, dir))
		})
	}
}

func (l live) run(t *testing.T, dir string, w want) {
	settle, _ := time.ParseDuration(w.Wait) // await says what is wrong with it
	ctx, cancel := context.WithTimeout(t.Context(), settle+liveWait+time.Minute)
	defer cancel()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: l.namespace}}
	if _, err := l.clients.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := l.clients.CoreV1().Namespaces().Delete(ctx, l.namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	for n := 1; ; n++ {
		raw, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", n)))
		if os.IsNotExist(err) {
			break
		}
		switch {
		case strings.HasPrefix(string(raw), afterTheFault):
			l.awaitFault(ctx, t, w)
		case n > 1:
			l.awaitAvailable(ctx, t)
			pause(ctx, 3*time.Second) // the cluster's record has whole seconds
		}
		l.apply(ctx, t, raw)
	}
	l.sampleUsage(ctx, t)
	c := l.await(ctx, t, w)
	if *update && !t.Failed() {
		raw, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "captured.yaml"), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// afterTheFault begins a manifest that is applied once the fault stands.
const afterTheFault = "# after the fault"

func (l live) awaitFault(ctx context.Context, t *testing.T, w want) {
	t.Helper()
	kind, name := split(w.Subject)
	for ctx.Err() == nil {
		c, err := l.capture(ctx)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if f := Diagnose(s, kube.Key(kind, l.namespace, name), Options{Now: s.Taken}); string(f.Diagnosis.Cause) == w.Cause {
			return
		}
		pause(ctx, time.Second)
	}
	t.Fatal("the fault did not come")
}

func gvr(kind, apiVersion string) schema.GroupVersionResource {
	gv, _ := schema.ParseGroupVersion(apiVersion)
	return gv.WithResource(plural(kind))
}

func (l live) apply(ctx context.Context, t *testing.T, raw []byte) {
	t.Helper()
	for doc := range strings.SplitSeq(string(raw), "\n---\n") {
		var u unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		r := l.resource(t, &u)
		if _, err := r.Apply(ctx, u.GetName(), &u, metav1.ApplyOptions{FieldManager: "case", Force: true}); err != nil {
			t.Fatalf("%s/%s: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// awaitAvailable waits until every Deployment has what it wants.
func (l live) awaitAvailable(ctx context.Context, t *testing.T) {
	t.Helper()
	for ctx.Err() == nil {
		list, err := l.clients.AppsV1().Deployments(l.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		sets, err := l.clients.AppsV1().StatefulSets(l.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		available := true
		for _, s := range sets.Items {
			available = available && s.Status.ObservedGeneration == s.Generation && s.Status.AvailableReplicas == *s.Spec.Replicas
		}
		for _, d := range list.Items {
			available = available && d.Status.ObservedGeneration == d.Generation && d.Status.UpdatedReplicas == *d.Spec.Replicas &&
				d.Status.AvailableReplicas == *d.Spec.Replicas && d.Status.Replicas == *d.Spec.Replicas
		}
		if available {
			return
		}
		pause(ctx, 500*time.Millisecond)
	}
	t.Fatal("the first revision did not become available")
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// await looks until the case shows what it should, and then goes on looking: a
// crash loop must read the same at every moment. A wrong cause is an error at
// any time; an unknown one may become known.
func (l live) await(ctx context.Context, t *testing.T, w want) capture {
	t.Helper()
	if w.Wait != "" {
		d, err := time.ParseDuration(w.Wait)
		if err != nil {
			t.Fatal(err)
		}
		pause(ctx, d)
	}
	var first capture
	var digest action.Hash
	deadline, rights := time.Now().Add(liveWait), 0
	for {
		c, err := l.capture(ctx)
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.snapshot()
		if err != nil {
			t.Fatal(err)
		}
		problems := w.check(s, l.namespace)
		kind, name := split(w.Subject)
		f := Diagnose(s, kube.Key(kind, l.namespace, name), Options{Now: s.Taken})
		wrong := f.Diagnosis.Proven() && (string(f.Diagnosis.Cause) != w.Cause || f.Diagnosis.Root.String() != w.Root)
		switch d := EvidenceDigest(f.Evidence); {
		case len(problems) == 0 && rights == 0:
			first, digest = c, d
			rights++
		case len(problems) == 0:
			if d != digest {
				t.Logf("the evidence's digest moved after %d looks: %s", rights, describe(f))
				digest = d
			}
			rights++
		case wrong || rights > 0 || time.Now().After(deadline) || w.Healthy || ctx.Err() != nil:
			raw, _ := yaml.Marshal(c)
			file := filepath.Join(os.TempDir(), l.namespace+".yaml")
			count(f.Diagnosis.Rule, false)
			t.Errorf("after %d right looks: %s\n(written to %s: %v)", rights, strings.Join(problems, "\n"), file, os.WriteFile(file, raw, 0o600))
			return c
		}
		if rights > steadyLooks || rights > 0 && w.Healthy {
			count(f.Diagnosis.Rule, true)
			return first
		}
		if rights > 0 {
			pause(ctx, steadyPause)
		}
		pause(ctx, time.Second)
	}
}
