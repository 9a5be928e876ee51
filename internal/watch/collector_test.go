package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// odd makes a Collector over fake clients: for errors that a real API server
// does not give on command. What it reads is tested on a real one.
func odd(t *testing.T, secrets bool, objects ...runtime.Object) (*Collector, *fake.Clientset, *metadatafake.FakeMetadataClient) {
	t.Helper()
	client := fake.NewClientset(objects...)
	scheme := metadatafake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var partial []runtime.Object
	for _, o := range objects {
		if d, ok := o.(*appsv1.Deployment); ok {
			partial = append(partial, &metav1.PartialObjectMetadata{
				TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: d.ObjectMeta,
			})
		}
	}
	meta := metadatafake.NewSimpleMetadataClient(scheme, partial...)
	c, err := NewCollector(CollectorConfig{
		Client: client, Metadata: meta, Redactor: redact.New(redact.Config{Key: []byte("k")}), Secrets: secrets,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, client, meta
}

func refuse(client *fake.Clientset, verb, resource string, err error) {
	client.PrependReactor(verb, resource, func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, err })
}

// family is a Deployment, its ReplicaSet and pods that fail in one way.
func family(pods int) []runtime.Object {
	truth := true
	d := deployment("shop", "api", with(busybox("exit 1"), func(c *corev1.Container) {
		c.EnvFrom = []corev1.EnvFromSource{
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}},
			{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "keys"}}},
		}
	}))
	d.UID = "u-d"
	owned := func(kind, name string, uid types.UID) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: uid, Controller: &truth}}
	}
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1", UID: "u-rs", Labels: d.Spec.Template.Labels, OwnerReferences: owned("Deployment", "api", "u-d")}}
	objects := []runtime.Object{d, rs, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "settings", UID: "u-cm"}, Data: map[string]string{"b": "2", "a": "1"},
	}}
	for i := range pods {
		p := waitingPod(fmt.Sprint("api-1-", i), "CrashLoopBackOff", "back-off")
		p.Labels, p.OwnerReferences, p.Spec = d.Spec.Template.Labels, owned("ReplicaSet", "api-1", "u-rs"), d.Spec.Template.Spec
		p.Status.Phase = corev1.PodRunning
		p.Status.ContainerStatuses[0].RestartCount = 4
		p.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
			ExitCode: 1, Message: "password=" + "hunter2" + "hunter2", FinishedAt: metav1.Now(),
		}
		objects = append(objects, p)
	}
	return objects
}

var apiRef = action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "api"}

func TestALookAtAWorkloadReadsTheFamilyAndFewLogs(t *testing.T) {
	c, client, _ := odd(t, false, family(40)...)
	s, err := c.Subject(t.Context(), apiRef)
	if err != nil {
		t.Fatal(err)
	}
	x := s.Index()
	if n := len(x.PodsOf(kube.RefOf(s.Deployments[0]))); n != 40 || len(s.ReplicaSets) != 1 {
		t.Errorf("%d pods and %d ReplicaSets, want 40 and 1", n, len(s.ReplicaSets))
	}
	if len(s.Logs) != 2 {
		t.Errorf("%d logs of 40 pods with one fault, want the current and the previous one of one pod", len(s.Logs))
	}
	if k, ok := kube.FindKeys(s.ConfigMaps, "shop", "settings"); !ok || !slices.Equal(k.Keys, []string{"a", "b"}) {
		t.Errorf("ConfigMap keys %v, want a and b", k.Keys)
	}
	if m := s.Pods[0].Status.ContainerStatuses[0].LastTerminationState.Terminated.Message; strings.Contains(m, "hunter2") {
		t.Errorf("a termination message is not redacted: %q", m)
	}
	for _, a := range client.Actions() {
		if a.GetResource().Resource == "secrets" {
			t.Errorf("Secrets were asked for: %v", a)
		}
		if v := a.GetVerb(); v != "get" && v != "list" {
			t.Errorf("the Collector did %s on %s", v, a.GetResource().Resource)
		}
	}
}

func TestAPodLeadsToItsWorkload(t *testing.T) {
	c, _, _ := odd(t, false, family(2)...)
	s, err := c.Subject(t.Context(), kube.Key("Pod", "shop", "api-1-1"))
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Deployments) != 1 || len(s.Pods) != 2 || len(s.ReplicaSets) != 1 {
		t.Errorf("%d Deployments, %d ReplicaSets and %d pods, want 1, 1 and 2", len(s.Deployments), len(s.ReplicaSets), len(s.Pods))
	}
}

func TestSecretsAreAskedForByMetadataOnly(t *testing.T) {
	c, client, meta := odd(t, true, family(1)...)
	s, err := c.Subject(t.Context(), apiRef)
	if err != nil {
		t.Fatal(err)
	}
	if !s.KnownAbsent("Secret", "shop", "keys") {
		t.Error("the absent Secret is not known to be absent")
	}
	asked := slices.ContainsFunc(meta.Actions(), func(a ktesting.Action) bool { return a.GetResource().Resource == "secrets" })
	if !asked {
		t.Error("the metadata client was not asked")
	}
	for _, a := range client.Actions() {
		if a.GetResource().Resource == "secrets" {
			t.Errorf("Secrets were asked for with their values: %v", a)
		}
	}
}

func TestWhatCannotBeReadIsSaidAndProvesNothing(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "x"}, "", errors.New("no"))
	c, client, _ := odd(t, false, family(1)...)
	for _, resource := range []string{"configmaps", "events", "resourcequotas", "serviceaccounts"} {
		refuse(client, "*", resource, forbidden)
	}
	s, err := c.Subject(t.Context(), apiRef)
	if err != nil {
		t.Fatal(err)
	}
	if s.KnownAbsent("ConfigMap", "shop", "settings") {
		t.Error("a forbidden ConfigMap counts as absent")
	}
	if len(s.Unreadable) != 4 {
		t.Errorf("unreadable %v, want four", s.Unreadable)
	}
	for _, u := range s.Unreadable {
		if !strings.Contains(u.String(), "may not read") {
			t.Errorf("%q does not say why", u)
		}
	}
}

func TestWithoutPodsALookIsAnError(t *testing.T) {
	c, client, _ := odd(t, false, family(1)...)
	refuse(client, "list", "pods", errors.New("boom"))
	if _, err := c.Subject(t.Context(), apiRef); err == nil || !strings.Contains(err.Error(), "Deployment/api") {
		t.Errorf("Subject = %v, want an error that names the workload", err)
	}
	if _, err := c.Namespace(t.Context(), []string{"shop"}); err == nil || !strings.Contains(err.Error(), "list pods") {
		t.Errorf("Namespace = %v, want an error about the pods", err)
	}
}

func TestAnAbsentWorkloadIsNoError(t *testing.T) {
	c, _, _ := odd(t, false)
	s, err := c.Subject(t.Context(), apiRef)
	if err != nil || !s.KnownAbsent("Deployment", "shop", "api") {
		t.Errorf("Subject = %+v, %v; want proof of absence", s, err)
	}
}

func TestACancelledLookIsAnError(t *testing.T) {
	c, _, _ := odd(t, false, family(1)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := c.Subject(ctx, apiRef); err == nil {
		t.Errorf("a cancelled look gives %d pods and no error", len(s.Pods))
	}
}

func TestAScanReadsOneLogPerOwnerAndFinding(t *testing.T) {
	c, _, _ := odd(t, false, family(100)...)
	s, err := c.Namespace(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Pods) != 100 || len(s.Logs) != 2 {
		t.Errorf("%d pods and %d logs, want 100 and 2", len(s.Pods), len(s.Logs))
	}
	if s.Services == nil || s.Quotas == nil || s.Events == nil {
		t.Error("an empty list looks as if it had not been looked at")
	}
}

func TestResolve(t *testing.T) {
	c, _, _ := odd(t, false, family(1)...)
	for typed, want := range map[string]string{
		"deploy/api": "", "Deployment/api": "", "deployments.apps/API": "",
		"deploy/apy":                      "did you mean api",
		"deploy/ap":                       "did you mean api",
		"deploy/zzzzz":                    `there is no Deployment "zzzzz" in namespace "shop"`,
		"banana/api":                      `kind "banana" cannot be looked at; it can be Deployment`,
		"deploy/../secrets":               "is not the name of a Kubernetes object",
		"deploy/a b":                      "is not the name of a Kubernetes object",
		"api":                             "KIND/NAME",
		"/api":                            "KIND/NAME",
		"deploy/":                         "KIND/NAME",
		strings.Repeat("x", 500) + "/api": "…",
	} {
		kind, name, err := SplitTarget(typed)
		var ref action.Ref
		if err == nil {
			ref, err = c.Resolve(t.Context(), kind, "shop", name)
		}
		switch {
		case want == "" && (err != nil || ref.UID != "u-d" || ref.Kind != "Deployment" || ref.APIVersion != "apps/v1"):
			t.Errorf("%s: %+v, %v", typed, ref, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error %v, want one with %q", typed, err, want)
		}
	}
	if _, err := c.Resolve(t.Context(), "deploy", "no namespace", "api"); err == nil {
		t.Error("a namespace with a space is accepted")
	}
	var missing *NotFoundError
	if _, err := c.Resolve(t.Context(), "deploy", "shop", "apy"); !errors.As(err, &missing) || !slices.Equal(missing.Near, []string{"api"}) {
		t.Errorf("the error %v does not carry what comes near", err)
	}
}

func TestALongLogKeepsItsEndInWholeLines(t *testing.T) {
	raw := []byte(strings.Repeat("0123456789\n", 100) + "the end\n")
	got := lastBytes(raw, 50)
	if len(got) > 50 || !bytes.HasSuffix(got, []byte("the end\n")) || !bytes.HasPrefix(got, []byte("0123456789\n")) {
		t.Errorf("the last 50 bytes are %q", got)
	}
	if one := lastBytes(bytes.Repeat([]byte("x"), 100), 50); len(one) != 50 {
		t.Errorf("of one long line %d bytes are left, want 50", len(one))
	}
	if all := lastBytes([]byte("a\nb\n"), 50); string(all) != "a\nb\n" {
		t.Errorf("a short log became %q", all)
	}
}

func TestSelectorsComeFromTheWorkload(t *testing.T) {
	if got := selectorOf(deployment("shop", "api", corev1.PodSpec{})); got != "app=api" {
		t.Errorf("selector %q", got)
	}
	if got := selectorOf(&corev1.Pod{}); got != "" {
		t.Errorf("a pod has selector %q", got)
	}
}

func TestTheClockIsTheCallers(t *testing.T) {
	c, _, _ := odd(t, false, family(1)...)
	then := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c.cfg.Now = func() time.Time { return then }
	s, err := c.Subject(t.Context(), apiRef)
	if err != nil || !s.Taken.Equal(then) {
		t.Errorf("taken at %v, %v", s.Taken, err)
	}
}
