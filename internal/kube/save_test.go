package kube_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

var hider = redact.New(redact.Config{Key: []byte("test")})

// secret is text that no pattern knows by its looks: its place gives it away.
func secret(n int) string { return fmt.Sprintf("winter-morning-%d-tea", n) }

// token is text whose looks give it away wherever it stands.
func token() string { return "ghp_" + strings.Repeat("a1B2", 9) }

func spec() corev1.PodSpec {
	handler := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", HTTPHeaders: []corev1.HTTPHeader{
		{Name: "Authorization", Value: "Bearer " + token()}, {Name: "X-Api-Key", Value: secret(1)},
	}}}
	return corev1.PodSpec{
		NodeName: "node1",
		Containers: []corev1.Container{{
			Name: "web", Image: "registry.example/shop/web:v2",
			Env: []corev1.EnvVar{
				{Name: "DB_PASSWORD", Value: secret(2)}, {Name: "DB_URL", Value: "postgres://shop:" + secret(3) + "@cache:5432/shop"},
				{Name: "WORDY_PASSWORD", Value: "three words " + secret(4)}, {Name: "CACHE_HOST", Value: "cache"}, {Name: "BLOB", Value: token()},
			},
			Command:       []string{"web", "--api-token", secret(5), "--password=" + secret(6), "--listen", ":8080"},
			Args:          []string{"sh", "-c", "export DB_PASSWORD=" + secret(7) + "; exec web"},
			LivenessProbe: &corev1.Probe{ProbeHandler: handler},
			Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{
				Exec: &corev1.ExecAction{Command: []string{"drain", "--password", secret(8)}}, HTTPGet: handler.HTTPGet,
			}},
		}},
		Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{
			Driver: "x", VolumeAttributes: map[string]string{"password": secret(9), "share": "data"},
		}}}, {Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "web-tls"}}}},
	}
}

func full() *kube.Snapshot {
	meta := metav1.ObjectMeta{
		Name: "web", Namespace: "shop", UID: "11111111-2222-3333-4444-555555555555", ResourceVersion: "77",
		Annotations: map[string]string{"vault.example/secret": secret(10), kube.RevisionAnnotation: "3"},
	}
	pod := kube.Key("Pod", "shop", "web")
	return &kube.Snapshot{
		Taken:       time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC),
		Deployments: []*appsv1.Deployment{{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{ObjectMeta: meta, Spec: spec()}}}},
		Pods: []*corev1.Pod{{ObjectMeta: meta, Spec: spec(), Status: corev1.PodStatus{PodIP: "10.1.2.3", HostIP: "192.168.0.9", ContainerStatuses: []corev1.ContainerStatus{{
			Name: "web", ContainerID: "containerd://" + strings.Repeat("ab", 32), State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		}}}}},
		Services:   []*corev1.Service{},
		ConfigMaps: []kube.Keys{{Ref: kube.Key("ConfigMap", "shop", "web-config"), Keys: []string{"password", "app.conf"}}},
		Secrets:    []kube.Keys{{Ref: kube.Key("Secret", "shop", "web-tls")}},
		Events:     []kube.Event{{Object: pod, Type: "Warning", Reason: "BackOff", Message: redact.Literal("Back-off restarting"), Count: 3}},
		Logs:       []kube.Log{{Pod: pod, Container: "web", Lines: []redact.Text{redact.Literal("panic: no cache"), redact.Literal("")}}},
		Absent:     map[action.Ref]bool{kube.Key("ConfigMap", "shop", "gone"): true},
		Unreadable: []redact.Text{redact.Literal("the list of Node: this account may not read it")},
	}
}

func TestWhatIsSavedHoldsNoSecretAndReadsBackAsItWas(t *testing.T) {
	s := full()
	text, err := kube.Save(s, hider, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	said := text.String()
	for n := range 11 {
		if strings.Contains(said, secret(n)) {
			t.Errorf("secret %d stands in what is saved:\n%s", n, said)
		}
	}
	for _, no := range []string{token(), "10.1.2.3", "192.168.0.9", "containerd://", "vault.example"} {
		if strings.Contains(said, no) {
			t.Errorf("%q stands in what is saved", no)
		}
	}
	again, err := kube.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	if again.Services == nil || again.Nodes != nil {
		t.Error("looked, nothing there, is not told from not looked at")
	}
	c := again.Pods[0].Spec.Containers[0]
	if c.Image != "registry.example/shop/web:v2" || c.Env[3].Value != "cache" || c.Command[5] != ":8080" || c.LivenessProbe.HTTPGet.Path != "/healthz" {
		t.Errorf("what is no secret was hidden: %+v", c)
	}
	if !strings.Contains(c.Env[1].Value, "@cache:5432") {
		t.Errorf("the host of a URL was hidden: %s", c.Env[1].Value)
	}
	if v := again.Pods[0].Spec.Volumes; v[1].Secret.SecretName != "web-tls" || v[0].CSI.VolumeAttributes["share"] != "data" {
		t.Errorf("names of volumes were hidden: %+v", v)
	}
	if !again.KnownAbsent("ConfigMap", "shop", "gone") || kube.Revision(again.Deployments[0]) != 3 {
		t.Error("an absence or the revision is lost")
	}
	for name, same := range map[string]bool{
		"ConfigMaps": reflect.DeepEqual(again.ConfigMaps, s.ConfigMaps), "Secrets": reflect.DeepEqual(again.Secrets, s.Secrets),
		"Events": reflect.DeepEqual(again.Events, s.Events), "Logs": reflect.DeepEqual(again.Logs, s.Logs), "Taken": again.Taken.Equal(s.Taken),
	} {
		if !same {
			t.Errorf("%s are not what they were", name)
		}
	}
	if s.Pods[0].Spec.Containers[0].Env[0].Value != secret(2) || s.Pods[0].Status.PodIP == "" {
		t.Error("saving changed the snapshot")
	}
}

// Every list that rules may read has to be saved: one that is forgotten reads
// back as "not looked at".
func TestEveryListOfASnapshotIsSaved(t *testing.T) {
	s := &kube.Snapshot{}
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice {
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		}
	}
	text, err := kube.Save(s, hider, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	again, err := kube.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	got := reflect.ValueOf(again).Elem()
	for i := range got.NumField() {
		if f := got.Field(i); f.Kind() == reflect.Slice && f.IsNil() {
			t.Errorf("%s is not saved", got.Type().Field(i).Name)
		}
	}
}

func TestWhatIsTooLargeIsCutOrRefused(t *testing.T) {
	s := full()
	owner := []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-1", UID: "u", Controller: new(true)}}
	for n := range 400 {
		p := s.Pods[0].DeepCopy()
		p.Name, p.OwnerReferences = fmt.Sprintf("web-1-%d", n), owner
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		if n == 399 {
			p.Status.Conditions[0].Status = corev1.ConditionFalse
		}
		s.Pods = append(s.Pods, p)
		d := s.Deployments[0].DeepCopy()
		d.Name = fmt.Sprintf("other-%d", n)
		s.Deployments = append(s.Deployments, d)
	}
	text, err := kube.Save(s, hider, 48<<10, kube.Key("Deployment", "shop", "web"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := kube.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Pods) != 7 || again.Pods[1].Name != "web-1-399" {
		t.Errorf("%d pods, the second %s: want the one that is not ready among a few", len(again.Pods), again.Pods[1].Name)
	}
	if len(again.Deployments) != 1 {
		t.Errorf("%d Deployments are kept, nobody mentions the others", len(again.Deployments))
	}
	if _, err := kube.Save(s, hider, 1<<10); !errors.Is(err, kube.ErrTooLarge) {
		t.Errorf("within 1 KiB: %v", err)
	}
}

func TestAFileOfAnotherFormIsAnError(t *testing.T) {
	for _, text := range []redact.Text{
		redact.Literal("pods: 7"), redact.Literal("pods: [null]"), redact.Literal("hosts: []"), redact.Literal("- a"), redact.Literal("pods: [{spec: {containers: 3}}]"),
	} {
		if _, err := kube.Read(text); err == nil {
			t.Errorf("%s was read", text)
		}
	}
}

func FuzzRead(f *testing.F) {
	text, err := kube.Save(full(), hider, 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text.String())
	f.Add("taken: 2026-11-21T03:00:00Z\npods: []\n")
	f.Add("absent: [{kind: Pod, name: x}]\nlogs: [{lines: [a, b]}]")
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := kube.Read(hider.Redact(raw))
		if err != nil {
			return
		}
		s.Index()
		if _, err := kube.Save(s, hider, 1<<20); err != nil && !errors.Is(err, kube.ErrTooLarge) {
			t.Fatal(err)
		}
	})
}
