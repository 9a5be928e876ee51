package watch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// village is the family, what stands around it, and things of which a model
// must learn nothing.
func village() []runtime.Object {
	meta := func(ns, name, uid string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: ns, Name: name, UID: types.UID("u-" + uid)}
	}
	objects := family(3)
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.Deployment:
			o.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{
				{Name: "DB_URL", Value: "postgres://orders-db:5432/x"}, {Name: "DB_PASSWORD", Value: "hunter2" + "hunter2"},
			}
			o.Spec.Template.Spec.Containers[0].Args = []string{"--token", "s3cr" + "et" + "tok3n99", "--verbose"}
		case *corev1.Pod:
			o.Spec.NodeName = "n1"
			o.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "DB_URL", Value: "postgres://orders-db:5432/x"}, {Name: "DB_PASSWORD", Value: "hunter2" + "hunter2"}}
		}
	}
	labels := objects[0].(*appsv1.Deployment).Spec.Template.Labels
	scaler := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: meta("shop", "api", "hpa")}
	scaler.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "api"}
	return append(objects,
		&corev1.Service{ObjectMeta: meta("shop", "api", "svc"), Spec: corev1.ServiceSpec{Selector: labels}},
		&corev1.Service{ObjectMeta: meta("shop", "orders-db", "db"), Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "orders-db"}}},
		&corev1.Service{ObjectMeta: meta("shop", "stranger", "stranger"), Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "other"}}},
		&appsv1.Deployment{ObjectMeta: meta("shop", "stranger", "sd"), Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "other"}}}},
		&appsv1.Deployment{ObjectMeta: meta("kube-system", "api", "foreign")},
		&corev1.Secret{ObjectMeta: meta("shop", "keys", "secret"), Data: map[string][]byte{"password": []byte("hush" + "hush")}},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "u-node"}},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n2", UID: "u-node2"}},
		&corev1.Event{ObjectMeta: meta("shop", "e1", "e1"), Type: "Warning", Reason: "BackOff", Message: "token=" + strings.Repeat("a1B2", 8),
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "api-1-0"}},
		&corev1.Event{ObjectMeta: meta("shop", "e2", "e2"), Type: "Warning", Reason: "Other", Message: "about somebody else",
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "stranger"}},
		scaler,
	)
}

func ask(t *testing.T, k *Case, a incident.Ask, ref action.Ref, container string) incident.Answer {
	t.Helper()
	got := k.Ask(t.Context(), incident.Question{Ask: a, Object: ref, Container: container})
	if got.Refused.IsEmpty() == got.Evidence.Text.IsEmpty() {
		t.Errorf("%s of %s: an answer holds evidence or a reason, this one %+v", a, ref, got)
	}
	if s := got.Evidence.Text.String(); strings.Contains(s, "hunter2") || strings.Contains(s, "tok3n99") || strings.Contains(s, "hushhush") {
		t.Errorf("%s of %s tells a secret:\n%s", a, ref, s)
	}
	return got
}

func TestAModelReadsWhatBelongsToTheCase(t *testing.T) {
	c, _, _ := odd(t, false, village()...)
	k := c.Case(apiRef)
	pod := kube.Key("Pod", "shop", "api-1-0")
	for _, tt := range []struct {
		ask  incident.Ask
		of   action.Ref
		kind string
		says []string
	}{
		{incident.AskDescribe, apiRef, "spec", []string{"spec:", "DB_URL", "orders-db", "--verbose"}},
		{incident.AskDescribe, pod, "spec", []string{"CrashLoopBackOff", "exitCode: 1", "restartCount: 4"}},
		{incident.AskDescribe, kube.Key("ConfigMap", "shop", "settings"), "spec", []string{"keys, whose values are not read: a, b"}},
		{incident.AskDescribe, kube.Key("Service", "shop", "orders-db"), "spec", []string{"app: orders-db"}},
		{incident.AskEvents, pod, "event", []string{"Warning BackOff", "1 times: token="}},
		{incident.AskEvents, apiRef, "event", []string{"there are no events about it"}},
		{incident.AskLog, apiRef, "log", []string{"fake logs"}},
		{incident.AskPreviousLog, pod, "log", []string{"fake logs"}},
		{incident.AskNeighbours, apiRef, "spec", []string{
			"Deployment/api controls ReplicaSet/api-1", "Deployment/api controls Pod/api-1-0: Running, web waits: CrashLoopBackOff, web restarted 4 times",
			"Deployment/api names ConfigMap/settings: 2 keys", "Deployment/api names Service/orders-db", "Service/api selects the pods of Deployment/api",
			"HorizontalPodAutoscaler/api scales Deployment/api",
		}},
		{incident.AskNeighbours, pod, "spec", []string{"Pod/api-1-0 runs on Node/n1", "ReplicaSet/api-1 controls Pod/api-1-0"}},
	} {
		got := ask(t, k, tt.ask, tt.of, "")
		if got.Evidence.Kind != tt.kind {
			t.Errorf("%s of %s: kind %q, refused %q", tt.ask, tt.of, got.Evidence.Kind, got.Refused)
		}
		for _, must := range tt.says {
			if !strings.Contains(got.Evidence.Text.String(), must) {
				t.Errorf("%s of %s lacks %q:\n%s", tt.ask, tt.of, must, got.Evidence.Text)
			}
		}
		for _, mustNot := range []string{"stranger", "somebody else", "Secret/", "kube-system", "n2"} {
			if strings.Contains(got.Evidence.Text.String(), mustNot) {
				t.Errorf("%s of %s tells of %q:\n%s", tt.ask, tt.of, mustNot, got.Evidence.Text)
			}
		}
		for _, o := range got.Objects {
			if _, ok := k.kin.member(o); !ok {
				t.Errorf("%s of %s names %s, which is not of the case", tt.ask, tt.of, o)
			}
		}
	}
}

func TestAModelReadsNothingElse(t *testing.T) {
	c, client, meta := odd(t, true, village()...)
	k := c.Case(apiRef)
	later := kube.Key("Pod", "shop", "api-1-0")
	later.UID = "a-later-one"
	for name, tt := range map[string]struct {
		q    incident.Question
		want string
	}{
		"a Secret that the pod names":   {incident.Question{Ask: incident.AskDescribe, Object: kube.Key("Secret", "shop", "keys")}, "Secrets are not read"},
		"a stranger":                    {incident.Question{Ask: incident.AskDescribe, Object: kube.Key("Deployment", "shop", "stranger")}, "does not belong to this case"},
		"a Service of a stranger":       {incident.Question{Ask: incident.AskNeighbours, Object: kube.Key("Service", "shop", "stranger")}, "does not belong to this case"},
		"the same name elsewhere":       {incident.Question{Ask: incident.AskDescribe, Object: kube.Key("Deployment", "kube-system", "api")}, "does not belong to this case"},
		"a name of no namespace":        {incident.Question{Ask: incident.AskDescribe, Object: kube.Key("Deployment", "", "api")}, "does not belong to this case"},
		"another node":                  {incident.Question{Ask: incident.AskDescribe, Object: kube.Key("Node", "", "n2")}, "does not belong to this case"},
		"a later object of that name":   {incident.Question{Ask: incident.AskDescribe, Object: later}, "does not belong to this case"},
		"nothing":                       {incident.Question{}, "does not belong to this case"},
		"a read that does not exist":    {incident.Question{Ask: "exec", Object: apiRef}, "cannot be asked for"},
		"the events of a node":          {incident.Question{Ask: incident.AskEvents, Object: kube.Key("Node", "", "n1")}, "kept in another namespace"},
		"a container that is not there": {incident.Question{Ask: incident.AskLog, Object: apiRef, Container: "istio-proxy"}, "no container of that name; it has web"},
		"a container like a flag":       {incident.Question{Ask: incident.AskLog, Object: apiRef, Container: "--all"}, "no container of that name"},
		"the log of a Service":          {incident.Question{Ask: incident.AskLog, Object: kube.Key("Service", "shop", "orders-db")}, "it has no pod"},
	} {
		if got := k.Ask(t.Context(), tt.q); !strings.Contains(got.Refused.String(), tt.want) || !got.Evidence.Text.IsEmpty() {
			t.Errorf("%s: %+v", name, got)
		}
	}
	readOnly(t, client, "shop")
	for _, a := range meta.Actions() {
		if a.GetVerb() != "get" {
			t.Errorf("metadata: %s of %s", a.GetVerb(), a.GetResource().Resource)
		}
	}
}

// readOnly checks that nothing but reads of one namespace, its nodes and what
// belongs to no namespace was asked of the API server.
func readOnly(t *testing.T, client *fake.Clientset, ns string) {
	t.Helper()
	for _, a := range client.Actions() {
		if v := a.GetVerb(); v != "get" && v != "list" || a.GetResource().Resource == "secrets" || a.GetNamespace() != "" && a.GetNamespace() != ns {
			t.Errorf("the API server was asked to %s %s in %q", v, a.GetResource().Resource, a.GetNamespace())
		}
	}
}

// TestHostileQuestionsReadNothingOutsideTheCase puts arbitrary questions, as a
// model might if everything before this failed.
func TestHostileQuestionsReadNothingOutsideTheCase(t *testing.T) {
	c, client, _ := odd(t, false, village()...)
	k := c.Case(apiRef)
	r := rand.New(rand.NewPCG(7, 7))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	answered := 0
	for n := range 2000 {
		q := incident.Question{
			Ask: incident.Ask(pick("log", "previous-log", "events", "describe", "neighbours", "exec", "", "delete")),
			Object: action.Ref{
				APIVersion: pick("v1", "apps/v1", "", "x"), Kind: pick("Pod", "Pod", "Deployment", "Deployment", "ReplicaSet", "Secret", "ConfigMap", "Service", "Node", "Namespace", "ClusterRole", ""),
				Namespace: pick("shop", "shop", "shop", "shop", "kube-system", "", "*", "../shop"), Name: pick("api", "api", "api-1-1", "api-1", "api-1-0", "stranger", "keys", "settings", "n1", "n2", "*", "--all", "", "../x"),
				UID: pick("", "", "", "u-d", "u-rs", "other"),
			},
			Container: pick("", "", "web", "web", "--all", "$(x)", strings.Repeat("a", 70000), "\x00"),
		}
		if r.IntN(4) == 0 { // one that is nearly right
			q.Object = kube.Key("Pod", "shop", pick("api-1-0", "api-1-2"))
		}
		got := k.Ask(t.Context(), q)
		if got.Evidence.Text.IsEmpty() {
			continue
		}
		answered++
		if ref, ok := k.kin.member(q.Object); !ok || ref.Kind == "Secret" || ref.Namespace != "shop" && ref.Kind != "Node" {
			t.Fatalf("question %d was answered: %+v", n, q)
		}
		if src := got.Evidence.Source; src.Namespace != "shop" && src.Kind != "Node" {
			t.Fatalf("question %d brought evidence of %s in %q", n, src, src.Namespace)
		}
	}
	t.Logf("%d of 2000 questions answered", answered)
	if answered < 100 {
		t.Error("hardly any question was sound: the test says little")
	}
	readOnly(t, client, "shop")
}

func TestAReadThatFailsIsARefusalAndIsTriedAgain(t *testing.T) {
	c, client, _ := odd(t, false, village()...)
	fail := true
	client.PrependReactor("list", "pods", func(ktesting.Action) (bool, runtime.Object, error) {
		return fail, nil, errors.New("no answer, password=" + "hunter2" + "hunter2")
	})
	k := c.Case(apiRef)
	if got := k.Ask(t.Context(), incident.Question{Ask: incident.AskDescribe, Object: apiRef}); got.Refused.IsEmpty() || strings.Contains(got.Refused.String(), "hunter2") {
		t.Errorf("%+v", got)
	}
	fail = false
	if got := k.Ask(t.Context(), incident.Question{Ask: incident.AskDescribe, Object: apiRef}); !got.Refused.IsEmpty() {
		t.Errorf("%q", got.Refused)
	}
	gone := kube.Key("Deployment", "shop", "gone")
	if got := c.Case(gone).Ask(t.Context(), incident.Question{Ask: incident.AskDescribe, Object: gone}); got.Refused.String() != "the object of the case does not exist any more" {
		t.Errorf("%q", got.Refused)
	}
}

func TestAnAskedLogIsBoundedAndKeepsWhatTells(t *testing.T) {
	c, _, _ := odd(t, false)
	var b strings.Builder
	for i := range 200 {
		if i == 20 {
			b.WriteString("FATAL: the one line that tells\n")
			continue
		}
		fmt.Fprintf(&b, "line %d %s\n", i, strings.Repeat("words ", 12))
	}
	lines := c.cfg.Redactor.Lines([]byte(b.String()), logLines)
	text, shown := chosen(lines)
	if n := len([]rune(text.String())); n > askedLogRunes+200 || shown < askedTail || shown == len(lines) {
		t.Errorf("%d runes, %d lines", n, shown)
	}
	for _, must := range []string{"the one line that tells", "line 199 ", "\n…\n"} {
		if !strings.Contains(text.String(), must) {
			t.Errorf("the log lacks %q:\n%s", must, text)
		}
	}
	got := text.Lines()
	if first := slices.IndexFunc(got, func(l redact.Text) bool { return strings.Contains(l.String(), "tells") }); first > 1 {
		t.Error("the order of the log is lost")
	}
}
