package llm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/diagnose"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// recorded is what a look at a real cluster saw, as package diagnose keeps it.
type recorded struct {
	Taken   time.Time         `json:"taken"`
	Objects []json.RawMessage `json:"objects"`
	Logs    []struct {
		Pod, Container, Text string
		Previous             bool
	} `json:"logs"`
}

// snapshot holds the kinds that prompts get their evidence from.
func (c recorded) snapshot(t *testing.T) *kube.Snapshot {
	t.Helper()
	r := testRedactor()
	s := &kube.Snapshot{Taken: c.Taken, ConfigMaps: []kube.Keys{}}
	namespace := ""
	for _, raw := range c.Objects {
		obj, _, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if pod, ok := obj.(*corev1.Pod); ok {
			namespace = pod.Namespace
		}
		put(s, obj)
	}
	for _, l := range c.Logs {
		s.Logs = append(s.Logs, kube.Log{Pod: kube.Key("Pod", namespace, l.Pod), Container: l.Container, Previous: l.Previous, Lines: r.Lines([]byte(l.Text), 0)})
	}
	return s
}

func put(s *kube.Snapshot, obj runtime.Object) {
	switch o := obj.(type) {
	case *corev1.Pod:
		s.Pods = append(s.Pods, o)
	case *appsv1.Deployment:
		s.Deployments = append(s.Deployments, o)
	case *appsv1.ReplicaSet:
		s.ReplicaSets = append(s.ReplicaSets, o)
	case *appsv1.StatefulSet:
		s.StatefulSets = append(s.StatefulSets, o)
	case *appsv1.DaemonSet:
		s.DaemonSets = append(s.DaemonSets, o)
	case *batchv1.Job:
		s.Jobs = append(s.Jobs, o)
	case *batchv1.CronJob:
		s.CronJobs = append(s.CronJobs, o)
	case *corev1.Node:
		s.Nodes = append(s.Nodes, o)
	case *corev1.Service:
		s.Services = append(s.Services, o)
	case *discoveryv1.EndpointSlice:
		s.EndpointSlices = append(s.EndpointSlices, o)
	case *corev1.PersistentVolumeClaim:
		s.Claims = append(s.Claims, o)
	case *networkingv1.Ingress:
		s.Ingresses = append(s.Ingresses, o)
	case *corev1.Event:
		s.Events = append(s.Events, kube.EventFrom(o, testRedactor().Redact(o.Message)))
	}
}

// TestPromptsOfRecordedIncidentsAreSmall measures the first question about every
// recorded incident, whether or not a rule proves its cause: system text, case
// and schema, by the estimate of tokensOf.
func TestPromptsOfRecordedIncidentsAreSmall(t *testing.T) {
	dirs, err := filepath.Glob("../diagnose/testdata/*/captured.yaml")
	if err != nil || len(dirs) < 100 {
		t.Fatalf("%d recorded incidents, %v", len(dirs), err)
	}
	var sizes []int
	for _, file := range dirs {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c recorded
		if err := yaml.Unmarshal(raw, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		s := c.snapshot(t)
		var want struct{ Subject string }
		if raw, err = os.ReadFile(filepath.Join(filepath.Dir(file), "want.yaml")); err == nil {
			err = yaml.Unmarshal(raw, &want)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		subject, ok := subjectOf(s, want.Subject)
		if !ok {
			continue // of a kind that is not read here
		}
		found := diagnose.Diagnose(s, subject, diagnose.Options{Now: s.Taken})
		if len(found.Evidence) == 0 {
			continue
		}
		sizes = append(sizes, sizeOf(t, found))
	}
	slices.Sort(sizes)
	p50, p95 := sizes[len(sizes)/2], sizes[len(sizes)*95/100]
	t.Logf("%d prompts of recorded incidents: p50 %d tokens, p95 %d, most %d", len(sizes), p50, p95, sizes[len(sizes)-1])
	if len(sizes) < 80 || p95 > 4000 {
		t.Errorf("%d prompts, p95 %d tokens", len(sizes), p95)
	}
}

func subjectOf(s *kube.Snapshot, named string) (action.Ref, bool) {
	kind, name, _ := strings.Cut(named, "/")
	for _, o := range s.Deployments {
		if kind == "Deployment" && o.Name == name {
			return kube.RefOf(o), true
		}
	}
	for _, p := range s.Pods {
		if p.Name == name || kind != "Deployment" && strings.HasPrefix(p.Name, name) {
			return s.Index().Subject(kube.RefOf(p)), true
		}
	}
	return action.Ref{}, false
}

func sizeOf(t *testing.T, found diagnose.Finding) int {
	t.Helper()
	c := newDossier(testRedactor(), found.Diagnosis, found.Evidence)
	c.mayAsk = true
	q, err := c.question()
	if err != nil {
		t.Fatal(err)
	}
	return tokensOf(q.system) + tokensOf(q.user) + tokensOf(jsonOf(t, q.schema))
}

func TestTheLongestQuestionIsBounded(t *testing.T) {
	d, evidence := noisy()
	c := newDossier(testRedactor(), d, evidence)
	c.mayAsk = true
	for i := range maxPerIncident {
		var log strings.Builder
		for k := range 200 {
			log.WriteString(strings.Repeat(string(rune('a'+k%26)), 1+k/26) + " is a word " + strings.Repeat("on and on ", i+k%9) + "\n")
		}
		c.gain(incident.Question{Ask: incident.AskLog, Object: pod(), Container: string(rune('a' + i))}, "o2", found(log.String(), pod()))
	}
	q, err := c.question()
	if err != nil {
		t.Fatal(err)
	}
	size := tokensOf(q.system) + tokensOf(q.user) + tokensOf(jsonOf(t, q.schema))
	t.Logf("the longest question has %d tokens", size)
	if size > 6500 {
		t.Errorf("%d tokens", size)
	}
	if !strings.Contains(q.user, "[e75] log") && !strings.Contains(q.user, "Left out for length") {
		t.Error("what was gained is neither shown nor said to be left out")
	}
}
