package kube

import (
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
)

// copy makes the form to save of a snapshot, which it leaves as it is.
func (m slimmer) copy(s *Snapshot) *saved {
	return &saved{
		Taken: s.Taken.UTC(),
		Pods:  copies(m, s.Pods, m.pod),
		ReplicaSets: copies(m, s.ReplicaSets, func(o *appsv1.ReplicaSet) {
			m.template(&o.Spec.Template)
		}),
		Revisions:    copies(m, s.Revisions, slimRevision(m.template)),
		Deployments:  copies(m, s.Deployments, func(o *appsv1.Deployment) { m.template(&o.Spec.Template) }),
		StatefulSets: copies(m, s.StatefulSets, func(o *appsv1.StatefulSet) { m.template(&o.Spec.Template) }),
		DaemonSets:   copies(m, s.DaemonSets, func(o *appsv1.DaemonSet) { m.template(&o.Spec.Template) }),
		Jobs:         copies(m, s.Jobs, func(o *batchv1.Job) { m.template(&o.Spec.Template) }),
		CronJobs:     copies(m, s.CronJobs, func(o *batchv1.CronJob) { m.template(&o.Spec.JobTemplate.Spec.Template) }),
		Nodes:        copies(m, s.Nodes, slimNode),
		Namespaces:   copies(m, s.Namespaces, nothing[*corev1.Namespace]),
		Services:     copies(m, s.Services, slimService),
		EndpointSlices: copies(m, s.EndpointSlices, func(o *discoveryv1.EndpointSlice) {
			for i := range o.Endpoints {
				o.Endpoints[i].Addresses = nil
			}
		}),
		Claims:          copies(m, s.Claims, nothing[*corev1.PersistentVolumeClaim]),
		StorageClasses:  copies(m, s.StorageClasses, func(o *storagev1.StorageClass) { o.Parameters = nil }),
		ServiceAccounts: copies(m, s.ServiceAccounts, nothing[*corev1.ServiceAccount]),
		Autoscalers:     copies(m, s.Autoscalers, nothing[*autoscalingv2.HorizontalPodAutoscaler]),
		Budgets:         copies(m, s.Budgets, nothing[*policyv1.PodDisruptionBudget]),
		Quotas:          copies(m, s.Quotas, nothing[*corev1.ResourceQuota]),
		Limits:          copies(m, s.Limits, nothing[*corev1.LimitRange]),
		Ingresses:       copies(m, s.Ingresses, func(o *networkingv1.Ingress) { o.Status = networkingv1.IngressStatus{} }),
		IngressClasses:  copies(m, s.IngressClasses, nothing[*networkingv1.IngressClass]),
		NetworkPolicies: copies(m, s.NetworkPolicies, nothing[*networkingv1.NetworkPolicy]),

		ValidatingWebhooks: copies(m, s.ValidatingWebhooks, nothing[*admissionv1.ValidatingWebhookConfiguration]),
		MutatingWebhooks:   copies(m, s.MutatingWebhooks, nothing[*admissionv1.MutatingWebhookConfiguration]),

		ConfigMaps:   each(s.ConfigMaps, func(k Keys) savedKeys { return savedKeys(k) }),
		KnownSecrets: each(s.Secrets, func(k Keys) savedKeys { return savedKeys(k) }),
		Events:       each(s.Events, func(e Event) savedEvent { return savedEvent(e) }),
		Logs:         each(s.Logs, func(l Log) savedLog { return savedLog(l) }),
		Usage:        each(s.Usage, func(u Usage) savedUsage { return savedUsage(u) }),
		Absent:       absences(s),
		Unreadable:   s.Unreadable,
	}
}

// copied is an API object that makes copies of itself.
type copied[T any] interface {
	metav1.Object
	DeepCopy() T
}

func copies[T copied[T]](m slimmer, list []T, slim func(T)) []T {
	return each(list, func(o T) T {
		c := o.DeepCopy()
		m.meta(c)
		slim(c)
		return c
	})
}

// nothing is taken out of what holds neither text of people nor addresses.
func nothing[T any](T) {}

// whyRead are the annotations that rules read.
var whyRead = map[string]bool{
	RevisionAnnotation: true, "argocd.argoproj.io/tracking-id": true,
	"meta.helm.sh/release-name": true, "meta.helm.sh/release-namespace": true, "kubernetes.io/ingress.class": true,
	corev1.EndpointsLastChangeTriggerTime: true, corev1.MirrorPodAnnotationKey: true, restartedAt: true,
}

const restartedAt = "kubectl.kubernetes.io/restartedAt"

// meta keeps of the metadata what tells one object from another, whose it is and
// when it was written.
func (m slimmer) meta(o metav1.Object) {
	o.SetResourceVersion("")
	o.SetSelfLink("")
	o.SetGenerateName("")
	TrimWrites(o)
	fields := o.GetManagedFields()
	for i := range fields {
		fields[i] = metav1.ManagedFieldsEntry{Manager: fields[i].Manager, Time: fields[i].Time, Subresource: fields[i].Subresource, FieldsV1: fields[i].FieldsV1}
	}
	o.SetManagedFields(fields)
	kept := map[string]string{}
	_, ingress := o.(*networkingv1.Ingress)
	for key, value := range o.GetAnnotations() {
		switch {
		case whyRead[key]:
			kept[key] = value
		case ingress:
			kept[key] = "" // who orders a certificate is told by the name alone
		}
	}
	if len(kept) == 0 {
		kept = nil
	}
	o.SetAnnotations(kept)
}

// slimNode keeps no address and nothing of the machine but what images need.
func slimNode(o *corev1.Node) {
	o.Status.Addresses, o.Status.Images, o.Status.VolumesAttached, o.Status.VolumesInUse = nil, nil, nil, nil
	o.Status.NodeInfo = corev1.NodeSystemInfo{
		Architecture: o.Status.NodeInfo.Architecture, OperatingSystem: o.Status.NodeInfo.OperatingSystem, KubeletVersion: o.Status.NodeInfo.KubeletVersion,
	}
	o.Spec.PodCIDR, o.Spec.PodCIDRs, o.Spec.ProviderID = "", nil, ""
}

// slimService keeps of the addresses only whether there is none.
func slimService(o *corev1.Service) {
	if o.Spec.ClusterIP != corev1.ClusterIPNone {
		o.Spec.ClusterIP, o.Spec.ClusterIPs = "", nil
	}
	o.Spec.ExternalIPs, o.Spec.LoadBalancerSourceRanges, o.Spec.LoadBalancerIP = nil, nil, ""
	o.Status.LoadBalancer = corev1.LoadBalancerStatus{}
}
