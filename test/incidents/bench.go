package incidents

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// mark is the label of everything that this package makes in nobody's namespace,
// and of its namespaces.
const mark = "countersign-incidents"

// poll is how often the cluster is asked whether a condition shows.
const poll = time.Second

// Bench plays scenarios on a cluster.
type Bench struct {
	Binary     string // the program that is asked
	Kubeconfig string

	kube   kubernetes.Interface
	dyn    dynamic.Interface
	mapper meta.RESTMapper
	host   string // of the API server
}

// NewBench connects as the administrator.
func NewBench(conn *rest.Config, binary, kubeconfig string) (*Bench, error) {
	conn = rest.CopyConfig(conn)
	conn.QPS, conn.Burst = 200, 400 // the default of five a second would make scenarios wait for each other
	b := &Bench{Binary: binary, Kubeconfig: kubeconfig, host: conn.Host}
	var err error
	if b.kube, err = kubernetes.NewForConfig(conn); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if b.dyn, err = dynamic.NewForConfig(conn); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	b.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(b.kube.Discovery()))
	return b, nil
}

// makeNamespace makes a namespace whose name says nothing of the scenario, and
// waits until pods can be made in it.
func (b *Bench) makeNamespace(ctx context.Context) (string, error) {
	made, err := b.kube.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "incidents-", Labels: map[string]string{mark: "true"}},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("make a namespace: %w", err)
	}
	return made.Name, wait.PollUntilContextTimeout(ctx, poll/5, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := b.kube.CoreV1().ServiceAccounts(made.Name).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// target is the API for one object.
func (b *Bench) target(gk schema.GroupKind, ns string, versions ...string) (dynamic.ResourceInterface, error) {
	mapping, err := b.mapper.RESTMapping(gk, versions...)
	if err != nil {
		return nil, fmt.Errorf("find the API of %s: %w", gk.Kind, err)
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return b.dyn.Resource(mapping.Resource).Namespace(ns), nil
	}
	return b.dyn.Resource(mapping.Resource), nil
}

func (b *Bench) apply(ctx context.Context, ns string, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind()
	api, err := b.target(kind.GroupKind(), ns, kind.Version)
	if err != nil {
		return err
	}
	object = object.DeepCopy()
	if clusterScoped(kind.Kind) {
		labels := object.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[mark] = "true"
		object.SetLabels(labels)
	}
	if _, err := api.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "kubectl", Force: true}); err != nil {
		return fmt.Errorf("apply %s/%s: %w", kind.Kind, object.GetName(), err)
	}
	return nil
}

// named is the API for KIND/NAME, and the name.
func (b *Bench) named(ns, ref string) (dynamic.ResourceInterface, string, error) {
	kind, name, _ := strings.Cut(ref, "/")
	api, err := b.target(schema.GroupKind{Group: groupOf(kind), Kind: kind}, ns)
	return api, name, err
}

func groupOf(kind string) string {
	return map[string]string{
		"Deployment": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "ReplicaSet": "apps",
		"Job": "batch", "CronJob": "batch", "HorizontalPodAutoscaler": "autoscaling", "PodDisruptionBudget": "policy",
		"Ingress": "networking.k8s.io", "IngressClass": "networking.k8s.io", "NetworkPolicy": "networking.k8s.io",
		"StorageClass": "storage.k8s.io", "VolumeAttachment": "storage.k8s.io",
		"ValidatingWebhookConfiguration": "admissionregistration.k8s.io",
	}[kind]
}

// read looks at what a condition speaks of.
func (b *Bench) read(ctx context.Context, ns string, c Condition) (sight, error) {
	s := sight{now: time.Now()}
	api, name, err := b.named(ns, c.Of)
	if err != nil {
		return s, err
	}
	if s.object, err = api.Get(ctx, name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
		s.object = nil
	} else if err != nil {
		return s, err
	}
	if c.State == stateEvent {
		list, err := b.kube.CoreV1().Events(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return s, err
		}
		s.events = list.Items
		return s, nil
	}
	if s.object == nil {
		return s, nil
	}
	if s.pods, err = b.podsOf(ctx, ns, s.object); err != nil || c.State != stateLog {
		return s, err
	}
	return s, b.readLogs(ctx, &s)
}

// podsOf are the pods that an object's selector selects; of a pod, itself.
func (b *Bench) podsOf(ctx context.Context, ns string, o *unstructured.Unstructured) ([]corev1.Pod, error) {
	if o.GetKind() == "Pod" {
		p, err := b.kube.CoreV1().Pods(ns).Get(ctx, o.GetName(), metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		return []corev1.Pod{*p}, nil
	}
	labels, found, _ := unstructured.NestedStringMap(o.Object, "spec", "selector", "matchLabels")
	if !found {
		return nil, nil
	}
	list, err := b.kube.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: labels})})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

func (b *Bench) readLogs(ctx context.Context, s *sight) error {
	for _, p := range s.pods {
		for _, c := range statuses(&p) {
			for _, previous := range []bool{false, true} {
				raw, err := b.kube.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: c.Name, Previous: previous}).DoRaw(ctx)
				if err == nil {
					s.logs = append(s.logs, string(raw)) // a container that never started has none
				} else if errors.Is(err, context.Canceled) {
					return err
				}
			}
		}
	}
	return nil
}
