package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/kube"
)

// Namespace looks at whole namespaces; none means all. What the account may not
// list is said in the snapshot; without pods there is nothing to say, so that a
// failure to list them is an error.
func (c *Collector) Namespace(ctx context.Context, namespaces []string) (*kube.Snapshot, error) {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	namespaces = slices.Compact(slices.Sorted(slices.Values(namespaces)))
	g := c.gather()
	podErrs := make([]error, len(namespaces))
	for i, ns := range namespaces {
		g.do(func() { podErrs[i] = g.pods(ctx, ns, "") })
		g.workloads(ctx, ns)
		g.neighbours(ctx, ns)
		g.do(func() { g.events(ctx, ns, "type="+corev1.EventTypeWarning, nil) })
		g.do(func() { g.usageNow(ctx, ns) })
		g.namespace(ctx, ns)
	}
	g.nodes(ctx)
	g.wait()
	for i, err := range podErrs {
		if err != nil {
			return nil, fmt.Errorf("list pods in namespace %q: %w", namespaces[i], err)
		}
	}
	failing := g.failingPods(c.cfg.LogPods)
	g.clusterwide(ctx)
	g.named(ctx, failing)
	g.revisions(ctx, failing)
	g.logs(ctx, failing)
	g.wait()
	g.configs()
	return g.snap, ctx.Err()
}

// pods lists pods into the snapshot.
func (g *gather) pods(ctx context.Context, ns, selector string) error {
	out := []*corev1.Pod{}
	opts := metav1.ListOptions{LabelSelector: selector}
	take := func(p *corev1.Pod) {
		g.scrub(p)
		out = append(out, p)
	}
	api := g.c.cfg.Client.CoreV1()
	if wire, ok := api.RESTClient().(*rest.RESTClient); ok && wire != nil {
		if err := eachPod(ctx, wire, ns, opts, func() { out = out[:0] }, take); err != nil {
			return err
		}
	} else {
		all, err := listAll(ctx, api.Pods(ns).List, opts, func(l *corev1.PodList) []corev1.Pod { return l.Items })
		if err != nil {
			return err
		}
		for i := range all {
			take(&all[i])
		}
	}
	g.add(func(s *kube.Snapshot) {
		if s.Pods == nil {
			s.Pods = out
			return
		}
		s.Pods = append(s.Pods, out...)
	})
	return nil
}

// workloads lists what makes pods.
func (g *gather) workloads(ctx context.Context, ns string) {
	apps, batch, all := g.c.cfg.Client.AppsV1(), g.c.cfg.Client.BatchV1(), metav1.ListOptions{}
	listInto(ctx, g, "ReplicaSet", apps.ReplicaSets(ns).List, all,
		func(l *appsv1.ReplicaSetList) []appsv1.ReplicaSet { return l.Items },
		func(s *kube.Snapshot) *[]*appsv1.ReplicaSet { return &s.ReplicaSets })
	listInto(ctx, g, "Deployment", apps.Deployments(ns).List, all,
		func(l *appsv1.DeploymentList) []appsv1.Deployment { return l.Items },
		func(s *kube.Snapshot) *[]*appsv1.Deployment { return &s.Deployments })
	listInto(ctx, g, "StatefulSet", apps.StatefulSets(ns).List, all,
		func(l *appsv1.StatefulSetList) []appsv1.StatefulSet { return l.Items },
		func(s *kube.Snapshot) *[]*appsv1.StatefulSet { return &s.StatefulSets })
	listInto(ctx, g, "DaemonSet", apps.DaemonSets(ns).List, all,
		func(l *appsv1.DaemonSetList) []appsv1.DaemonSet { return l.Items },
		func(s *kube.Snapshot) *[]*appsv1.DaemonSet { return &s.DaemonSets })
	listInto(ctx, g, "Job", batch.Jobs(ns).List, all,
		func(l *batchv1.JobList) []batchv1.Job { return l.Items },
		func(s *kube.Snapshot) *[]*batchv1.Job { return &s.Jobs })
	listInto(ctx, g, "CronJob", batch.CronJobs(ns).List, all,
		func(l *batchv1.CronJobList) []batchv1.CronJob { return l.Items },
		func(s *kube.Snapshot) *[]*batchv1.CronJob { return &s.CronJobs })
}

// neighbours lists what stands around workloads. Losing one of these lists
// costs a note on the card and seldom a cause.
func (g *gather) neighbours(ctx context.Context, ns string) {
	c, all := g.c.cfg.Client, metav1.ListOptions{}
	listInto(ctx, g, "Service", c.CoreV1().Services(ns).List, all,
		func(l *corev1.ServiceList) []corev1.Service { return l.Items },
		func(s *kube.Snapshot) *[]*corev1.Service { return &s.Services })
	listInto(ctx, g, "EndpointSlice", c.DiscoveryV1().EndpointSlices(ns).List, all,
		func(l *discoveryv1.EndpointSliceList) []discoveryv1.EndpointSlice { return l.Items },
		func(s *kube.Snapshot) *[]*discoveryv1.EndpointSlice { return &s.EndpointSlices })
	listInto(ctx, g, "PersistentVolumeClaim", c.CoreV1().PersistentVolumeClaims(ns).List, all,
		func(l *corev1.PersistentVolumeClaimList) []corev1.PersistentVolumeClaim { return l.Items },
		func(s *kube.Snapshot) *[]*corev1.PersistentVolumeClaim { return &s.Claims })
	listInto(ctx, g, "HorizontalPodAutoscaler", c.AutoscalingV2().HorizontalPodAutoscalers(ns).List, all,
		func(l *autoscalingv2.HorizontalPodAutoscalerList) []autoscalingv2.HorizontalPodAutoscaler {
			return l.Items
		},
		func(s *kube.Snapshot) *[]*autoscalingv2.HorizontalPodAutoscaler { return &s.Autoscalers })
	listInto(ctx, g, "PodDisruptionBudget", c.PolicyV1().PodDisruptionBudgets(ns).List, all,
		func(l *policyv1.PodDisruptionBudgetList) []policyv1.PodDisruptionBudget { return l.Items },
		func(s *kube.Snapshot) *[]*policyv1.PodDisruptionBudget { return &s.Budgets })
	listInto(ctx, g, "ResourceQuota", c.CoreV1().ResourceQuotas(ns).List, all,
		func(l *corev1.ResourceQuotaList) []corev1.ResourceQuota { return l.Items },
		func(s *kube.Snapshot) *[]*corev1.ResourceQuota { return &s.Quotas })
	listInto(ctx, g, "LimitRange", c.CoreV1().LimitRanges(ns).List, all,
		func(l *corev1.LimitRangeList) []corev1.LimitRange { return l.Items },
		func(s *kube.Snapshot) *[]*corev1.LimitRange { return &s.Limits })
	listInto(ctx, g, "Ingress", c.NetworkingV1().Ingresses(ns).List, all,
		func(l *networkingv1.IngressList) []networkingv1.Ingress { return l.Items },
		func(s *kube.Snapshot) *[]*networkingv1.Ingress { return &s.Ingresses })
	listInto(ctx, g, "NetworkPolicy", c.NetworkingV1().NetworkPolicies(ns).List, all,
		func(l *networkingv1.NetworkPolicyList) []networkingv1.NetworkPolicy { return l.Items },
		func(s *kube.Snapshot) *[]*networkingv1.NetworkPolicy { return &s.NetworkPolicies })
}

// namespace reads a Namespace, or all of them.
func (g *gather) namespace(ctx context.Context, name string) {
	api := g.c.cfg.Client.CoreV1().Namespaces()
	if name == metav1.NamespaceAll {
		listInto(ctx, g, "Namespace", api.List, metav1.ListOptions{},
			func(l *corev1.NamespaceList) []corev1.Namespace { return l.Items },
			func(s *kube.Snapshot) *[]*corev1.Namespace { return &s.Namespaces })
		return
	}
	g.do(func() {
		if o, ok := get(ctx, g, api, "Namespace", "", name); ok {
			g.add(func(s *kube.Snapshot) { s.Namespaces = append(s.Namespaces, o) })
		}
	})
}

// clusterwide lists what belongs to no namespace, where something that was read
// before asks for it: most looks need none of these.
func (g *gather) clusterwide(ctx context.Context) {
	c, all := g.c.cfg.Client, metav1.ListOptions{}
	if len(g.snap.Ingresses) > 0 {
		listInto(ctx, g, "IngressClass", c.NetworkingV1().IngressClasses().List, all,
			func(l *networkingv1.IngressClassList) []networkingv1.IngressClass { return l.Items },
			func(s *kube.Snapshot) *[]*networkingv1.IngressClass { return &s.IngressClasses })
	}
	if !slices.ContainsFunc(g.snap.Events, aboutWebhook) {
		return
	}
	listInto(ctx, g, "ValidatingWebhookConfiguration", c.AdmissionregistrationV1().ValidatingWebhookConfigurations().List, all,
		func(l *admissionv1.ValidatingWebhookConfigurationList) []admissionv1.ValidatingWebhookConfiguration {
			return l.Items
		},
		func(s *kube.Snapshot) *[]*admissionv1.ValidatingWebhookConfiguration { return &s.ValidatingWebhooks })
	listInto(ctx, g, "MutatingWebhookConfiguration", c.AdmissionregistrationV1().MutatingWebhookConfigurations().List, all,
		func(l *admissionv1.MutatingWebhookConfigurationList) []admissionv1.MutatingWebhookConfiguration {
			return l.Items
		},
		func(s *kube.Snapshot) *[]*admissionv1.MutatingWebhookConfiguration { return &s.MutatingWebhooks })
}

// aboutWebhook recognises the API server's words about a webhook that denied a
// request or did not answer.
func aboutWebhook(e kube.Event) bool {
	said := e.Message.String()
	return strings.Contains(said, "admission webhook") || strings.Contains(said, "calling webhook")
}

// nodes lists nodes and storage classes, which belong to no namespace.
func (g *gather) nodes(ctx context.Context) {
	c, all := g.c.cfg.Client, metav1.ListOptions{}
	listInto(ctx, g, "Node", c.CoreV1().Nodes().List, all,
		func(l *corev1.NodeList) []corev1.Node { return l.Items },
		func(s *kube.Snapshot) *[]*corev1.Node { return &s.Nodes })
	listInto(ctx, g, "StorageClass", c.StorageV1().StorageClasses().List, all,
		func(l *storagev1.StorageClassList) []storagev1.StorageClass { return l.Items },
		func(s *kube.Snapshot) *[]*storagev1.StorageClass { return &s.StorageClasses })
}

// maxEventPages bounds what one look reads of a namespace's events.
const maxEventPages = 20

// events lists events of one namespace. want picks among them before they are
// redacted; nil takes all.
func (g *gather) events(ctx context.Context, ns, fields string, want func(*corev1.Event) bool) {
	opts := metav1.ListOptions{FieldSelector: fields, Limit: pages}
	out := []kube.Event{}
	for range maxEventPages {
		page, err := g.c.cfg.Client.CoreV1().Events(ns).List(ctx, opts)
		if err != nil {
			g.missed(err, "Event", ns, "")
			break
		}
		for i := range page.Items {
			if e := &page.Items[i]; want == nil || want(e) {
				out = append(out, kube.EventFrom(e, g.red.Redact(e.Message)))
			}
		}
		if opts.Continue = page.Continue; opts.Continue == "" {
			break
		}
	}
	g.add(func(s *kube.Snapshot) {
		if s.Events == nil {
			s.Events = out
			return
		}
		s.Events = append(s.Events, out...)
	})
}

// subjectEvents reads the events about what the snapshot holds so far.
func (g *gather) subjectEvents(ctx context.Context, top metav1.Object) {
	if top.GetNamespace() == "" {
		// The kubelet writes a node's events into "default", under the node's
		// name as UID.
		ref := kube.RefOf(top)
		g.do(func() {
			g.events(ctx, metav1.NamespaceDefault, "involvedObject.kind="+ref.Kind+",involvedObject.name="+ref.Name, nil)
		})
		return
	}
	known := map[types.UID]bool{top.GetUID(): true}
	s := g.snap
	note(known, s.Pods)
	note(known, s.ReplicaSets)
	note(known, s.Jobs)
	note(known, s.Claims)
	note(known, s.Autoscalers)
	note(known, s.Budgets)
	note(known, s.Ingresses)
	g.do(func() {
		g.events(ctx, top.GetNamespace(), "", func(e *corev1.Event) bool { return known[e.InvolvedObject.UID] })
	})
}

func note[T metav1.Object](known map[types.UID]bool, list []T) {
	for _, o := range list {
		known[o.GetUID()] = true
	}
}
