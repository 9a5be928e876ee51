package kube

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Managed says who else writes obj. by is not empty where a patch would be
// reverted: "Argo CD application shop", "Flux kustomization apps/shop",
// "operator Kafka/main". helm is the release ("shop" or "team/shop" where the
// release lives in another namespace) whose next upgrade will overwrite a fix.
func Managed(obj metav1.Object) (by, helm string) {
	if isNil(obj) {
		return "", ""
	}
	for _, find := range []func(metav1.Object) string{argo, flux, operator} {
		if by = find(obj); by != "" {
			break
		}
	}
	return by, helmRelease(obj)
}

func argo(obj metav1.Object) string {
	// The tracking id is "<application>:<group>/<kind>:<namespace>/<name>".
	if id := obj.GetAnnotations()["argocd.argoproj.io/tracking-id"]; id != "" {
		app, _, _ := strings.Cut(id, ":")
		return "Argo CD application " + app
	}
	if app := obj.GetLabels()["argocd.argoproj.io/instance"]; app != "" {
		return "Argo CD application " + app
	}
	// Label tracking under Argo CD's default key leaves a label that Helm charts
	// use too; only the field manager tells them apart.
	if writtenBy(obj, "argocd-controller") {
		return strings.TrimSpace("Argo CD application " + obj.GetLabels()["app.kubernetes.io/instance"])
	}
	return ""
}

func flux(obj metav1.Object) string {
	for _, kind := range []struct{ prefix, words, manager string }{
		{"kustomize.toolkit.fluxcd.io/", "Flux kustomization ", "kustomize-controller"},
		{"helm.toolkit.fluxcd.io/", "Flux Helm release ", "helm-controller"},
	} {
		if name := obj.GetLabels()[kind.prefix+"name"]; name != "" {
			return kind.words + qualified(obj.GetLabels()[kind.prefix+"namespace"], name, "")
		}
		if writtenBy(obj, kind.manager) {
			return strings.TrimSpace(kind.words)
		}
	}
	return ""
}

// operator finds a controlling owner that is not a workload of Kubernetes
// itself: its reconciler would revert what it did not write.
func operator(obj metav1.Object) string {
	if c := metav1.GetControllerOf(obj); c != nil && !workloadKind(c.Kind) && c.Kind != "Node" {
		return "operator " + c.Kind + "/" + c.Name
	}
	if owner := obj.GetLabels()["olm.owner"]; owner != "" {
		return "operator " + owner
	}
	return ""
}

func helmRelease(obj metav1.Object) string {
	name := obj.GetAnnotations()["meta.helm.sh/release-name"]
	if name == "" {
		return ""
	}
	return qualified(obj.GetAnnotations()["meta.helm.sh/release-namespace"], name, obj.GetNamespace())
}

// qualified puts the namespace before the name unless it is the one at home.
func qualified(namespace, name, home string) string {
	if namespace == "" || namespace == home {
		return name
	}
	return namespace + "/" + name
}

// writtenBy needs managedFields, which caches may have dropped.
func writtenBy(obj metav1.Object, manager string) bool {
	for _, f := range obj.GetManagedFields() {
		if f.Manager == manager {
			return true
		}
	}
	return false
}
