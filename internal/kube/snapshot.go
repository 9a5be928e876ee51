package kube

import (
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

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Snapshot is what one look saw. A nil list means "not looked at", an empty one
// "looked, nothing there". It is not changed after it was filled.
type Snapshot struct {
	Taken time.Time

	Pods        []*corev1.Pod
	ReplicaSets []*appsv1.ReplicaSet
	// Revisions are what StatefulSets and DaemonSets were before.
	Revisions    []*appsv1.ControllerRevision
	Deployments  []*appsv1.Deployment
	StatefulSets []*appsv1.StatefulSet
	DaemonSets   []*appsv1.DaemonSet
	Jobs         []*batchv1.Job
	CronJobs     []*batchv1.CronJob

	Nodes           []*corev1.Node
	Namespaces      []*corev1.Namespace
	Services        []*corev1.Service
	EndpointSlices  []*discoveryv1.EndpointSlice
	Claims          []*corev1.PersistentVolumeClaim
	StorageClasses  []*storagev1.StorageClass
	ServiceAccounts []*corev1.ServiceAccount
	Autoscalers     []*autoscalingv2.HorizontalPodAutoscaler
	Budgets         []*policyv1.PodDisruptionBudget
	Quotas          []*corev1.ResourceQuota
	Limits          []*corev1.LimitRange
	Ingresses       []*networkingv1.Ingress
	IngressClasses  []*networkingv1.IngressClass
	NetworkPolicies []*networkingv1.NetworkPolicy
	// The configurations that a refused request may name.
	ValidatingWebhooks []*admissionv1.ValidatingWebhookConfiguration
	MutatingWebhooks   []*admissionv1.MutatingWebhookConfiguration

	// ConfigMaps and Secrets carry names and keys, never values. Secrets is nil
	// under the in-cluster role, which has no right to them.
	ConfigMaps []Keys
	Secrets    []Keys

	Events []Event
	Logs   []Log
	Usage  []Usage

	// Absent holds the lookups that the API server answered with "not found":
	// proof of absence. Keys are made by Key. Write through MarkAbsent.
	Absent map[action.Ref]bool
	// Unreadable says what could not be read and why. It is never a proof.
	Unreadable []redact.Text
}

// Keys is a ConfigMap or a Secret without its values.
type Keys struct {
	Ref  action.Ref
	Keys []string // nil where only the object's existence is known
	// Changed is when somebody last wrote it; zero where that is not known.
	Changed time.Time
	Created time.Time
	Writes  []Write // newest first; their fields name keys, never values
	// Files are looks inside the keys of a ConfigMap whose text a program rejects.
	Files []FileCheck
}

// Event is a Kubernetes Event, whichever of its two APIs wrote it.
type Event struct {
	Object  action.Ref
	Field   string // involvedObject.fieldPath, such as spec.containers{web}
	Type    string // Normal or Warning
	Reason  string
	Message redact.Text
	Count   int // at least 1
	First   time.Time
	Last    time.Time
	Source  string // the component: kubelet, default-scheduler
}

// Log is the tail of one container's log, oldest line first. Err says why there
// is none; a container that never started has none and that is no fault.
type Log struct {
	Pod       action.Ref
	Container string
	Previous  bool // of the instance before the current one
	Lines     []redact.Text
	Err       redact.Text
}

// Usage is one sample of what a container used, from metrics.k8s.io. A snapshot
// may hold several of one container, the oldest first.
type Usage struct {
	Pod       action.Ref
	Container string
	CPUMilli  int64 // mean over Window
	Memory    int64 // bytes of the working set at At, which counts active page cache
	At        time.Time
	Window    time.Duration // the processor time is that of At-Window to At
}

// MarkAbsent records that the API server said that an object does not exist.
func (s *Snapshot) MarkAbsent(kind, namespace, name string) {
	if s.Absent == nil {
		s.Absent = map[action.Ref]bool{}
	}
	s.Absent[Key(kind, namespace, name)] = true
}

// KnownAbsent reports whether the API server said so.
func (s *Snapshot) KnownAbsent(kind, namespace, name string) bool {
	return s.Absent[Key(kind, namespace, name)]
}

// EventFrom reads a core Event. message is its message after redaction. Events
// come in two forms: counted (firstTimestamp, lastTimestamp, count) and as a
// series (eventTime, series); the scheduler writes the second, with empty
// timestamps in the first.
func EventFrom(e *corev1.Event, message redact.Text) Event {
	out := Event{
		Object: action.Ref{
			APIVersion: e.InvolvedObject.APIVersion, Kind: e.InvolvedObject.Kind,
			Namespace: e.InvolvedObject.Namespace, Name: e.InvolvedObject.Name, UID: string(e.InvolvedObject.UID),
		},
		Field: e.InvolvedObject.FieldPath, Type: e.Type, Reason: e.Reason, Message: message,
		Count: int(e.Count), First: e.FirstTimestamp.Time, Last: e.LastTimestamp.Time, Source: e.Source.Component,
	}
	if out.Source == "" {
		out.Source = e.ReportingController
	}
	if out.First.IsZero() {
		out.First = e.EventTime.Time
	}
	if out.First.IsZero() {
		out.First = e.CreationTimestamp.Time
	}
	if e.Series != nil {
		out.Count = max(out.Count, int(e.Series.Count))
		if e.Series.LastObservedTime.After(out.Last) {
			out.Last = e.Series.LastObservedTime.Time
		}
	}
	if out.Last.Before(out.First) {
		out.Last = out.First
	}
	out.Count = max(out.Count, 1)
	return out
}
