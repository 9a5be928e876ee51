package diagnose

import (
	"context"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign-dev/countersign/internal/kube"
)

// keepRoutes reads Ingresses and the classes that are about this namespace, and
// asks for the Services and Secrets that Ingresses name. It says which lists an
// empty capture has read.
func (l live) keepRoutes(ctx context.Context, c *capture) error {
	classes, err := l.objects.Resource(gvr("IngressClass", "networking.k8s.io/v1")).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	classes.Items = slices.DeleteFunc(classes.Items, func(u unstructured.Unstructured) bool { return !strings.HasPrefix(u.GetName(), l.namespace) })
	routes, err := l.objects.Resource(gvr("Ingress", "networking.k8s.io/v1")).Namespace(l.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if err := c.keep(append(classes.Items, routes.Items...)); err != nil {
		return err
	}
	c.Listed = append(c.Listed, "DaemonSet", "Deployment", "EndpointSlice", "IngressClass", "Job", "ReplicaSet", "Service", "StatefulSet")
	named, err := l.clients.NetworkingV1().Ingresses(l.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range named.Items {
		for _, b := range backends(&named.Items[i]) {
			if _, err := l.clients.CoreV1().Services(l.namespace).Get(ctx, b.service, metav1.GetOptions{}); apierrors.IsNotFound(err) {
				c.Absent = append(c.Absent, "Service/"+b.service)
			}
		}
		for _, t := range named.Items[i].Spec.TLS {
			if _, err := l.clients.CoreV1().Secrets(l.namespace).Get(ctx, t.SecretName, metav1.GetOptions{}); apierrors.IsNotFound(err) {
				c.Absent = append(c.Absent, "Secret/"+t.SecretName)
			}
		}
	}
	return nil
}

// listedRoutes marks the lists of keepRoutes.
func listedRoutes(s *kube.Snapshot, kind string) {
	switch kind {
	case "DaemonSet":
		s.DaemonSets = []*appsv1.DaemonSet{}
	case "Deployment":
		s.Deployments = []*appsv1.Deployment{}
	case "EndpointSlice":
		s.EndpointSlices = []*discoveryv1.EndpointSlice{}
	case "IngressClass":
		s.IngressClasses = []*networkingv1.IngressClass{}
	case "Job":
		s.Jobs = []*batchv1.Job{}
	case "ReplicaSet":
		s.ReplicaSets = []*appsv1.ReplicaSet{}
	case "Service":
		s.Services = []*corev1.Service{}
	case "StatefulSet":
		s.StatefulSets = []*appsv1.StatefulSet{}
	}
}
