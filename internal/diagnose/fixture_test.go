package diagnose

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// want is want.yaml of a case: what a person who knows the case would say.
type want struct {
	About      string   `json:"about"`
	Subject    string   `json:"subject"` // KIND/NAME
	Cause      string   `json:"cause,omitempty"`
	Root       string   `json:"root,omitempty"`
	Candidates []string `json:"candidates,omitempty"`
	Says       string   `json:"says,omitempty"` // part of the summary
	// Changed is a part of what is told about the last change before the fault;
	// "none" where nothing may be told.
	Changed string `json:"changed,omitempty"`
	Healthy bool   `json:"healthy,omitempty"`
	// Wait is how long a live run waits before it looks at a healthy case.
	Wait string `json:"wait,omitempty"`
}

// capture is what a look at a real cluster saw, as the API server told it.
type capture struct {
	Taken   time.Time         `json:"taken"`
	Objects []json.RawMessage `json:"objects"`
	Logs    []capturedLog     `json:"logs,omitempty"`
	Absent  []string          `json:"absent,omitempty"` // KIND/NAME in the case's namespace
	Usage   []capturedUsage   `json:"usage,omitempty"`  // of the last minutes, the oldest first
	Listed  []string          `json:"listed,omitempty"` // kinds that were looked at, whether there were any or not
}

type capturedLog struct {
	Pod       string `json:"pod"`
	Container string `json:"container"`
	Previous  bool   `json:"previous,omitempty"`
	Text      string `json:"text"`
}

func readWant(t testing.TB, dir string) want {
	t.Helper()
	var w want
	readYAML(t, filepath.Join(dir, "want.yaml"), &w)
	return w
}

func readYAML(t testing.TB, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(raw, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// snapshot redacts free text as a reader of the live cluster does.
func (c capture) snapshot() (*kube.Snapshot, error) {
	r := redact.New(redact.Config{Key: []byte("fixture")})
	s := &kube.Snapshot{Taken: c.Taken, ConfigMaps: []kube.Keys{}}
	listed(s, c.Listed)
	namespace := ""
	for _, raw := range c.Objects {
		obj, _, err := scheme.Codecs.UniversalDeserializer().Decode(raw, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("decode object: %w", err)
		}
		if ns := add(s, obj, r); ns != "" {
			namespace = ns
		}
	}
	for _, l := range c.Logs {
		s.Logs = append(s.Logs, kube.Log{
			Pod: kube.Key("Pod", namespace, l.Pod), Container: l.Container, Previous: l.Previous, Lines: r.Lines([]byte(l.Text), 0),
		})
	}
	for _, u := range c.Usage {
		s.Usage = append(s.Usage, u.usage(namespace))
	}
	for _, a := range c.Absent {
		kind, name := split(a)
		s.MarkAbsent(kind, namespace, name)
	}
	return s, nil
}

func split(ref string) (kind, name string) {
	for i := range ref {
		if ref[i] == '/' {
			return ref[:i], ref[i+1:]
		}
	}
	return ref, ""
}

func add(s *kube.Snapshot, obj runtime.Object, r *redact.Redactor) (namespace string) {
	switch o := obj.(type) {
	case *corev1.Pod:
		redactPod(o, r)
		s.Pods = append(s.Pods, o)
		return o.Namespace
	case *appsv1.Deployment:
		s.Deployments = append(s.Deployments, o)
		return o.Namespace
	case *appsv1.ReplicaSet:
		s.ReplicaSets = append(s.ReplicaSets, o)
	case *appsv1.ControllerRevision:
		s.Revisions = append(s.Revisions, o)
	case *appsv1.StatefulSet:
		s.StatefulSets = append(s.StatefulSets, o)
		return o.Namespace
	case *appsv1.DaemonSet:
		s.DaemonSets = append(s.DaemonSets, o)
	case *batchv1.Job:
		s.Jobs = append(s.Jobs, o)
		return o.Namespace
	case *batchv1.CronJob:
		s.CronJobs = append(s.CronJobs, o)
	case *corev1.Node:
		s.Nodes = append(s.Nodes, o)
	case *corev1.Service:
		s.Services = append(s.Services, o)
	case *discoveryv1.EndpointSlice:
		s.EndpointSlices = append(s.EndpointSlices, o)
	case *networkingv1.NetworkPolicy:
		s.NetworkPolicies = append(s.NetworkPolicies, o)
	case *corev1.PersistentVolumeClaim:
		s.Claims = append(s.Claims, o)
	case *corev1.LimitRange:
		s.Limits = append(s.Limits, o)
	case *corev1.Namespace:
		s.Namespaces = append(s.Namespaces, o)
	case *autoscalingv2.HorizontalPodAutoscaler:
		s.Autoscalers = append(s.Autoscalers, o)
	case *policyv1.PodDisruptionBudget:
		s.Budgets = append(s.Budgets, o)
	case *storagev1.StorageClass:
		s.StorageClasses = append(s.StorageClasses, o)
	case *admissionv1.ValidatingWebhookConfiguration:
		s.ValidatingWebhooks = append(s.ValidatingWebhooks, o)
	case *admissionv1.MutatingWebhookConfiguration:
		s.MutatingWebhooks = append(s.MutatingWebhooks, o)
	case *networkingv1.Ingress:
		s.Ingresses = append(s.Ingresses, o)
	case *networkingv1.IngressClass:
		s.IngressClasses = append(s.IngressClasses, o)
	case *corev1.ResourceQuota:
		s.Quotas = append(s.Quotas, o)
	case *corev1.ConfigMap:
		k := kube.Keys{Ref: kube.Key("ConfigMap", o.Namespace, o.Name), Keys: []string{}}
		k.Ref.UID, k.Changed = string(o.UID), kube.ChangedAt(o)
		k.Created, k.Writes = o.CreationTimestamp.Time, kube.Writes(o)
		for key := range o.Data {
			k.Keys = append(k.Keys, key)
		}
		s.ConfigMaps = append(s.ConfigMaps, k)
	case *corev1.Secret:
		k := kube.Keys{Ref: kube.Key("Secret", o.Namespace, o.Name), Changed: kube.ChangedAt(o)}
		k.Ref.UID = string(o.UID)
		k.Created, k.Writes = o.CreationTimestamp.Time, kube.Writes(o)
		s.Secrets = append(s.Secrets, k)
	case *corev1.Event:
		s.Events = append(s.Events, kube.EventFrom(o, r.Redact(o.Message)))
	}
	return ""
}

func redactPod(p *corev1.Pod, r *redact.Redactor) {
	state := func(s *corev1.ContainerState) {
		if s.Waiting != nil {
			s.Waiting.Message = r.Redact(s.Waiting.Message).String()
		}
		if s.Terminated != nil {
			s.Terminated.Message = r.Redact(s.Terminated.Message).String()
		}
	}
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for i := range list {
			state(&list[i].State)
			state(&list[i].LastTerminationState)
		}
	}
	for i := range p.Status.Conditions {
		p.Status.Conditions[i].Message = r.Redact(p.Status.Conditions[i].Message).String()
	}
}

func readCapture(t *testing.T, dir string) (capture, *kube.Snapshot) {
	t.Helper()
	var c capture
	readYAML(t, filepath.Join(dir, "captured.yaml"), &c)
	s, err := c.snapshot()
	if err != nil {
		t.Fatalf("%s: %v", dir, err)
	}
	return c, s
}
