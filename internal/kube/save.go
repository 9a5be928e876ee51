package kube

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// saved is the form in which a Snapshot leaves the process. A list that is not
// there was not looked at; an empty one stands as such.
type saved struct {
	Taken time.Time `json:"taken"`

	Pods         []*corev1.Pod         `json:"pods,omitzero"`
	ReplicaSets  []*appsv1.ReplicaSet  `json:"replicaSets,omitzero"`
	Deployments  []*appsv1.Deployment  `json:"deployments,omitzero"`
	StatefulSets []*appsv1.StatefulSet `json:"statefulSets,omitzero"`
	DaemonSets   []*appsv1.DaemonSet   `json:"daemonSets,omitzero"`
	Jobs         []*batchv1.Job        `json:"jobs,omitzero"`
	CronJobs     []*batchv1.CronJob    `json:"cronJobs,omitzero"`

	Revisions []*appsv1.ControllerRevision `json:"revisions,omitzero"`

	Nodes           []*corev1.Node                           `json:"nodes,omitzero"`
	Namespaces      []*corev1.Namespace                      `json:"namespaces,omitzero"`
	Services        []*corev1.Service                        `json:"services,omitzero"`
	EndpointSlices  []*discoveryv1.EndpointSlice             `json:"endpointSlices,omitzero"`
	Claims          []*corev1.PersistentVolumeClaim          `json:"claims,omitzero"`
	StorageClasses  []*storagev1.StorageClass                `json:"storageClasses,omitzero"`
	ServiceAccounts []*corev1.ServiceAccount                 `json:"serviceAccounts,omitzero"`
	Autoscalers     []*autoscalingv2.HorizontalPodAutoscaler `json:"autoscalers,omitzero"`
	Budgets         []*policyv1.PodDisruptionBudget          `json:"budgets,omitzero"`
	Quotas          []*corev1.ResourceQuota                  `json:"quotas,omitzero"`
	Limits          []*corev1.LimitRange                     `json:"limits,omitzero"`
	Ingresses       []*networkingv1.Ingress                  `json:"ingresses,omitzero"`
	IngressClasses  []*networkingv1.IngressClass             `json:"ingressClasses,omitzero"`
	NetworkPolicies []*networkingv1.NetworkPolicy            `json:"networkPolicies,omitzero"`

	ValidatingWebhooks []*admissionv1.ValidatingWebhookConfiguration `json:"validatingWebhooks,omitzero"`
	MutatingWebhooks   []*admissionv1.MutatingWebhookConfiguration   `json:"mutatingWebhooks,omitzero"`

	ConfigMaps []savedKeys `json:"configMaps,omitzero"`
	// Names of Secrets that exist, and their keys; values are never read.
	KnownSecrets []savedKeys `json:"existing,omitzero"`

	Events []savedEvent `json:"events,omitzero"`
	Logs   []savedLog   `json:"logs,omitzero"`
	Usage  []savedUsage `json:"usage,omitzero"`

	Absent     []action.Ref  `json:"absent,omitzero"`
	Unreadable []redact.Text `json:"unreadable,omitzero"`
}

type savedKeys struct {
	Ref     action.Ref `json:"ref"`
	Keys    []string   `json:"names,omitzero"` // "keys" would read like a field of secrets
	Changed time.Time  `json:"changed,omitzero"`
	Created time.Time  `json:"created,omitzero"`
	Writes  []Write    `json:"writes,omitzero"`

	Files []FileCheck `json:"files,omitzero"`
}

type savedEvent struct {
	Object  action.Ref  `json:"object"`
	Field   string      `json:"field,omitempty"`
	Type    string      `json:"type"`
	Reason  string      `json:"reason"`
	Message redact.Text `json:"message"`
	Count   int         `json:"count"`
	First   time.Time   `json:"first"`
	Last    time.Time   `json:"last"`
	Source  string      `json:"source,omitempty"`
}

type savedLog struct {
	Pod       action.Ref    `json:"pod"`
	Container string        `json:"container"`
	Previous  bool          `json:"previous,omitempty"`
	Lines     []redact.Text `json:"lines,omitzero"`
	Err       redact.Text   `json:"err,omitzero"`
}

type savedUsage struct {
	Pod       action.Ref `json:"pod"`
	Container string     `json:"container"`
	CPUMilli  int64      `json:"cpuMilli"`
	Memory    int64      `json:"memory"`

	At     time.Time     `json:"at,omitzero"`
	Window time.Duration `json:"window,omitempty"`
}

// ErrTooLarge says that a snapshot does not fit into what was allowed for it.
var ErrTooLarge = errors.New("the snapshot is too large to be kept")

// Save writes a snapshot as YAML of at most so many bytes, for a replay: without
// what no rule reads, and redacted twice, value by value and as a whole. What
// was hidden may change what the rules say, so that whoever keeps it reads it
// back and asks them. Of a subject with very many pods some are left out, and of
// a very full namespace what neither the subject nor root names.
func Save(s *Snapshot, r *redact.Redactor, limit int, about ...action.Ref) (redact.Text, error) {
	if r == nil {
		return redact.Text{}, errors.New("no redactor")
	}
	w := slimmer{r}.copy(s)
	for _, smaller := range []func(*saved){func(*saved) {}, fewerPods, func(w *saved) { related(w, about) }} {
		smaller(w)
		raw, err := yaml.Marshal(w)
		if err != nil {
			return redact.Text{}, fmt.Errorf("encode snapshot: %w", err)
		}
		if text := r.Redact(string(raw)); len(text.String()) <= limit {
			return text, nil
		}
	}
	return redact.Text{}, ErrTooLarge
}

// Read reads what Save wrote.
func Read(text redact.Text) (*Snapshot, error) {
	var w saved
	if err := yaml.UnmarshalStrict([]byte(text.String()), &w); err != nil {
		return nil, fmt.Errorf("decode snapshot: %w", err)
	}
	if err := w.whole(); err != nil {
		return nil, err
	}
	return w.snapshot(), nil
}

func (w *saved) snapshot() *Snapshot {
	s := &Snapshot{
		Taken: w.Taken, Pods: w.Pods, ReplicaSets: w.ReplicaSets, Revisions: w.Revisions, Deployments: w.Deployments, StatefulSets: w.StatefulSets,
		DaemonSets: w.DaemonSets, Jobs: w.Jobs, CronJobs: w.CronJobs, Nodes: w.Nodes, Namespaces: w.Namespaces, Services: w.Services,
		EndpointSlices: w.EndpointSlices, Claims: w.Claims, StorageClasses: w.StorageClasses, ServiceAccounts: w.ServiceAccounts,
		Autoscalers: w.Autoscalers, Budgets: w.Budgets, Quotas: w.Quotas, Limits: w.Limits, Ingresses: w.Ingresses,
		IngressClasses: w.IngressClasses, NetworkPolicies: w.NetworkPolicies, ValidatingWebhooks: w.ValidatingWebhooks,
		MutatingWebhooks: w.MutatingWebhooks, Unreadable: w.Unreadable,
		ConfigMaps: each(w.ConfigMaps, func(k savedKeys) Keys { return Keys(k) }),
		Secrets:    each(w.KnownSecrets, func(k savedKeys) Keys { return Keys(k) }),
		Events:     each(w.Events, func(e savedEvent) Event { return Event(e) }),
		Logs:       each(w.Logs, func(l savedLog) Log { return Log(l) }),
		Usage:      each(w.Usage, func(u savedUsage) Usage { return Usage(u) }),
	}
	for _, ref := range w.Absent {
		s.MarkAbsent(ref.Kind, ref.Namespace, ref.Name)
	}
	return s
}

// each converts a list; one that was not looked at stays one.
func each[A, B any](list []A, f func(A) B) []B {
	if list == nil {
		return nil
	}
	out := make([]B, len(list))
	for n, a := range list {
		out[n] = f(a)
	}
	return out
}

// absences lists the proofs of absence in an order that does not vary.
func absences(s *Snapshot) []action.Ref {
	var out []action.Ref
	for ref, absent := range s.Absent {
		if absent {
			out = append(out, ref)
		}
	}
	slices.SortFunc(out, func(a, b action.Ref) int {
		return strings.Compare(a.Kind+"/"+a.Namespace+"/"+a.Name, b.Kind+"/"+b.Namespace+"/"+b.Name)
	})
	return out
}
