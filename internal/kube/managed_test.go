package kube

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWhoManagesAWorkload(t *testing.T) {
	type tags map[string]string
	for _, c := range []struct {
		name          string
		labels, notes tags
		manager       string
		owner         *metav1.OwnerReference
		by, helm      string
	}{
		{name: "nobody", labels: tags{"app.kubernetes.io/managed-by": "kustomize"}},
		{name: "Argo CD by annotation", notes: tags{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}, by: "Argo CD application shop"},
		{name: "Argo CD by label", labels: tags{"argocd.argoproj.io/instance": "shop"}, by: "Argo CD application shop"},
		{name: "Argo CD by field manager", labels: tags{"app.kubernetes.io/instance": "shop"}, manager: "argocd-controller", by: "Argo CD application shop"},
		{name: "a chart's instance label alone", labels: tags{"app.kubernetes.io/instance": "shop"}},
		{name: "Flux kustomization", labels: tags{"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}, by: "Flux kustomization flux-system/shop"},
		{name: "Flux Helm release", labels: tags{"helm.toolkit.fluxcd.io/name": "shop"}, notes: tags{"meta.helm.sh/release-name": "shop"}, by: "Flux Helm release shop", helm: "shop"},
		{name: "an operator", owner: &metav1.OwnerReference{APIVersion: "kafka.example/v1", Kind: "Kafka", Name: "main"}, by: "operator Kafka/main"},
		{name: "a Deployment is no operator", owner: &metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}},
		{name: "Helm at home", notes: tags{"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "shop"}, helm: "shop"},
		{name: "Helm from another namespace", notes: tags{"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "ops"}, helm: "ops/shop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: c.labels, Annotations: c.notes}}
			if c.manager != "" {
				d.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: c.manager}}
			}
			if c.owner != nil {
				yes := true
				c.owner.Controller = &yes
				d.OwnerReferences = []metav1.OwnerReference{*c.owner}
			}
			if by, helm := Managed(d); by != c.by || helm != c.helm {
				t.Errorf("want %q and %q, have %q and %q", c.by, c.helm, by, helm)
			}
		})
	}
	var none *appsv1.Deployment
	if by, helm := Managed(none); by != "" || helm != "" {
		t.Errorf("nothing is managed by %q, %q", by, helm)
	}
}
