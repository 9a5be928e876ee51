package incidents

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
)

var volumes = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumes"}

// strewn are the cluster-scoped kinds that scenarios make.
func strewn() []schema.GroupVersionResource {
	return []schema.GroupVersionResource{
		{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"},
		{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"},
		{Group: "storage.k8s.io", Version: "v1", Resource: "csidrivers"},
		{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"},
		volumes,
		{Version: "v1", Resource: "nodes"},
	}
}

// removeNamespace deletes a namespace and waits until its pods are gone: the
// next scenario needs their room. Pods on nodes without a kubelet are deleted by
// force, nobody else would end them.
func (b *Bench) removeNamespace(ctx context.Context, ns string, force bool) error {
	if err := b.kube.CoreV1().Namespaces().Delete(ctx, ns, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete namespace %s: %w", ns, err)
	}
	now := int64(0)
	err := wait.PollUntilContextTimeout(ctx, poll, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		if force {
			_ = b.kube.CoreV1().Pods(ns).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
		}
		pods, err := b.kube.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{Limit: 1})
		return err == nil && len(pods.Items) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the end of the pods of %s: %w", ns, err)
	}
	return nil
}

// leftAlone is the age at which what a killed run left is cleared away. Another
// run may be at work, so younger things are somebody's.
const leftAlone = time.Hour

// Sweep clears away what runs left that were killed.
func (b *Bench) Sweep(ctx context.Context) error {
	before := metav1.NewTime(time.Now().Add(-leftAlone))
	marked := metav1.ListOptions{LabelSelector: mark}
	var failed []error
	for _, kind := range strewn() {
		list, err := b.dyn.Resource(kind).List(ctx, marked)
		if err != nil {
			return fmt.Errorf("list %s: %w", kind.Resource, err)
		}
		for _, o := range list.Items {
			if created := o.GetCreationTimestamp(); created.Before(&before) {
				failed = append(failed, b.dyn.Resource(kind).Delete(ctx, o.GetName(), metav1.DeleteOptions{}))
			}
		}
	}
	list, err := b.kube.CoreV1().Namespaces().List(ctx, marked)
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	for _, ns := range list.Items {
		if ns.CreationTimestamp.Before(&before) && ns.DeletionTimestamp == nil {
			failed = append(failed, b.kube.CoreV1().Namespaces().Delete(ctx, ns.Name, metav1.DeleteOptions{}))
		}
	}
	return errors.Join(failed...)
}
