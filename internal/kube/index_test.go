package kube

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

func uid(n int) types.UID { return types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", n)) }

func meta(name string, n int, owners ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: uid(n), OwnerReferences: owners}
}

func owned(apiVersion, kind, name string, n int) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, UID: uid(n), Controller: &yes}
}

// shop is a Deployment with two revisions, a CronJob with a Job, and a pod that
// nothing owns.
func shop() *Snapshot {
	rs := func(name string, n int, revision string) *appsv1.ReplicaSet {
		m := meta(name, n, owned("apps/v1", "Deployment", "web", 1))
		m.Annotations = map[string]string{RevisionAnnotation: revision}
		return &appsv1.ReplicaSet{ObjectMeta: m}
	}
	return &Snapshot{
		Deployments: []*appsv1.Deployment{{ObjectMeta: meta("web", 1)}},
		// Revision 10 sorts after 9 by number, not by letters.
		ReplicaSets: []*appsv1.ReplicaSet{rs("web-b", 3, "10"), rs("web-a", 2, "9")},
		Pods: []*corev1.Pod{
			{ObjectMeta: meta("web-b-2", 5, owned("apps/v1", "ReplicaSet", "web-b", 3))},
			{ObjectMeta: meta("web-a-1", 4, owned("apps/v1", "ReplicaSet", "web-a", 2))},
			{ObjectMeta: meta("lonely", 6)},
			{ObjectMeta: meta("night-1-x", 9, owned("batch/v1", "Job", "night-1", 8))},
			{ObjectMeta: meta("kafka-0", 11, owned("kafka.example/v1", "Kafka", "main", 10))},
			{ObjectMeta: meta("orphan", 12, owned("apps/v1", "ReplicaSet", "gone", 99))},
		},
		CronJobs: []*batchv1.CronJob{{ObjectMeta: meta("night", 7)}},
		Jobs:     []*batchv1.Job{{ObjectMeta: meta("night-1", 8, owned("batch/v1", "CronJob", "night", 7))}},
	}
}

func TestTheSubjectIsTheWorkloadOnTop(t *testing.T) {
	x := shop().Index()
	for _, c := range []struct{ kind, name, want string }{
		{"Pod", "web-b-2", "Deployment/web"},
		{"ReplicaSet", "web-a", "Deployment/web"},
		{"Deployment", "web", "Deployment/web"},
		{"Pod", "lonely", "Pod/lonely"},
		{"Pod", "night-1-x", "CronJob/night"},
		{"Pod", "kafka-0", "Pod/kafka-0"}, // what a custom resource owns runs by itself
		{"Pod", "orphan", "ReplicaSet/gone"},
		{"Pod", "unheard-of", "Pod/unheard-of"},
	} {
		if got := x.Subject(Key(c.kind, "shop", c.name)); got.String() != c.want || got.Namespace != "shop" {
			t.Errorf("%s/%s: want %s, have %s in %q", c.kind, c.name, c.want, got, got.Namespace)
		}
	}
}

func TestPodsAndRevisionsAreFoundByOwnerUID(t *testing.T) {
	x := shop().Index()
	var names []string
	for _, p := range x.PodsOf(Key("Deployment", "shop", "web")) {
		names = append(names, p.Name)
	}
	if fmt.Sprint(names) != "[web-a-1 web-b-2]" {
		t.Errorf("pods of the Deployment: %v", names)
	}
	sets := x.RevisionsOf(x.Deployment(Key("Deployment", "shop", "web")))
	if len(sets) != 2 || sets[0].Name != "web-a" || sets[1].Name != "web-b" {
		t.Errorf("revisions out of order: %v", sets)
	}
	if n := len(x.PodsOf(Key("CronJob", "shop", "night"))); n != 1 {
		t.Errorf("want 1 pod of the CronJob, have %d", n)
	}
}

func TestAnotherObjectOfTheSameNameIsNotFoundByUID(t *testing.T) {
	x := shop().Index()
	ref := Key("Pod", "shop", "lonely")
	ref.UID = string(uid(77))
	if x.Object(ref) != nil || x.Pod(ref) != nil {
		t.Error("a pod with another UID was taken for the one asked for")
	}
	if x.Pod(Key("Pod", "shop", "lonely")) == nil {
		t.Error("a name without UID should do")
	}
}

func TestOwnersInACircleEnd(t *testing.T) {
	s := &Snapshot{ReplicaSets: []*appsv1.ReplicaSet{
		{ObjectMeta: meta("a", 1, owned("apps/v1", "ReplicaSet", "b", 2))},
		{ObjectMeta: meta("b", 2, owned("apps/v1", "ReplicaSet", "a", 1))},
	}}
	x := s.Index()
	if n := len(x.Owners(s.ReplicaSets[0])); n != maxOwners {
		t.Errorf("want the walk to end after %d, it took %d", maxOwners, n)
	}
	if pods := x.PodsOf(Key("ReplicaSet", "shop", "a")); len(pods) != 0 {
		t.Errorf("pods out of nothing: %v", pods)
	}
}

func TestEventsOfAnEarlierPodOfTheSameNameAreLeftOut(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n), 0) }
	pod := action.Ref{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "web-0", UID: string(uid(2))}
	earlier := pod
	earlier.UID = string(uid(1))
	s := &Snapshot{Events: []Event{
		{Object: pod, Reason: "Late", Last: at(9)}, {Object: earlier, Reason: "Other", Last: at(5)}, {Object: pod, Reason: "Early", Last: at(1)},
	}}
	got := s.Index().EventsOf(pod)
	if len(got) != 2 || got[0].Reason != "Early" || got[1].Reason != "Late" {
		t.Errorf("want Early and Late, have %v", got)
	}
}

func TestTheCurrentLogComesFirst(t *testing.T) {
	pod := Key("Pod", "shop", "web-0")
	s := &Snapshot{Logs: []Log{{Pod: pod, Container: "web", Previous: true}, {Pod: pod, Container: "web"}, {Pod: pod, Container: "sidecar"}}}
	got := s.Index().LogsOf(pod, "web")
	if len(got) != 2 || got[0].Previous || !got[1].Previous {
		t.Errorf("want the current and then the previous log, have %v", got)
	}
}

func TestAbsenceIsKnownOnlyWhereItWasSaid(t *testing.T) {
	var s Snapshot
	if s.KnownAbsent("ConfigMap", "shop", "conf") {
		t.Error("nobody said so")
	}
	s.MarkAbsent("ConfigMap", "shop", "conf")
	if !s.KnownAbsent("ConfigMap", "shop", "conf") || s.KnownAbsent("Secret", "shop", "conf") || s.KnownAbsent("ConfigMap", "other", "conf") {
		t.Error("absence must hold for that object and no other")
	}
}

func TestBothFormsOfEventsAreRead(t *testing.T) {
	first, last := time.Unix(100, 0), time.Unix(200, 0)
	counted := EventFrom(&corev1.Event{
		FirstTimestamp: metav1.NewTime(first), LastTimestamp: metav1.NewTime(last), Count: 7, Source: corev1.EventSource{Component: "kubelet"},
	}, redact.Literal("m"))
	if counted.Count != 7 || !counted.First.Equal(first) || !counted.Last.Equal(last) || counted.Source != "kubelet" {
		t.Errorf("counted: %+v", counted)
	}
	series := EventFrom(&corev1.Event{
		EventTime: metav1.NewMicroTime(first), ReportingController: "default-scheduler",
		Series: &corev1.EventSeries{Count: 4, LastObservedTime: metav1.NewMicroTime(last)},
	}, redact.Literal("m"))
	if series.Count != 4 || !series.First.Equal(first) || !series.Last.Equal(last) || series.Source != "default-scheduler" {
		t.Errorf("series: %+v", series)
	}
	single := EventFrom(&corev1.Event{EventTime: metav1.NewMicroTime(first)}, redact.Text{})
	if single.Count != 1 || !single.Last.Equal(first) {
		t.Errorf("single: %+v", single)
	}
}
