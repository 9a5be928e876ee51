package diagnose

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/countersign-dev/countersign/internal/kube"
)

// clusterWide are the kinds of a case's manifests that belong to no namespace.
// They are taken away when the case is over.
var clusterWide = []string{
	"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
	"RuntimeClass", "StorageClass", "PersistentVolume",
}

// resource is where an object of a manifest is applied.
func (l live) resource(t *testing.T, u *unstructured.Unstructured) dynamic.ResourceInterface {
	all := l.objects.Resource(gvr(u.GetKind(), u.GetAPIVersion()))
	if !slices.Contains(clusterWide, u.GetKind()) {
		return all.Namespace(l.namespace)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := all.Delete(ctx, u.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	return all
}

// plural is the resource of a kind, in the words of the API.
func plural(kind string) string {
	name := strings.ToLower(kind)
	switch {
	case strings.HasSuffix(name, "y"):
		return strings.TrimSuffix(name, "y") + "ies"
	case strings.HasSuffix(name, "s"):
		return name + "es"
	}
	return name + "s"
}

// keepClusterWide reads what belongs to no namespace. Of webhooks it keeps those
// that are about this namespace: a shared cluster has others.
func (l live) keepClusterWide(ctx context.Context, c *capture) error {
	for kind, version := range map[string]string{
		"StorageClass": "storage.k8s.io/v1", "ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
		"MutatingWebhookConfiguration": "admissionregistration.k8s.io/v1",
	} {
		list, err := l.objects.Resource(gvr(kind, version)).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		list.Items = slices.DeleteFunc(list.Items, func(u unstructured.Unstructured) bool {
			raw, err := u.MarshalJSON()
			return kind != "StorageClass" && (err != nil || !strings.Contains(string(raw), `"`+l.namespace+`"`))
		})
		if err := c.keep(list.Items); err != nil {
			return err
		}
		c.Listed = append(c.Listed, kind)
	}
	slices.Sort(c.Listed)
	return nil
}

// listed marks what a capture looked at, whether it found any or not.
func listed(s *kube.Snapshot, kinds []string) {
	for _, kind := range kinds {
		switch kind {
		case "StorageClass":
			s.StorageClasses = []*storagev1.StorageClass{}
		case "ValidatingWebhookConfiguration":
			s.ValidatingWebhooks = []*admissionv1.ValidatingWebhookConfiguration{}
		case "MutatingWebhookConfiguration":
			s.MutatingWebhooks = []*admissionv1.MutatingWebhookConfiguration{}
		default:
			listedRoutes(s, kind)
		}
	}
}
