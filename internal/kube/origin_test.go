package kube

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
)

func TestAnObjectMaySayWhereItComesFrom(t *testing.T) {
	for key, c := range map[string][2]string{
		"kustomize.toolkit.fluxcd.io/revision":    {"main@sha1:0a1b", "Git revision main@sha1:0a1b"},
		"argocd.argoproj.io/git-revision":         {"v7", "Git revision v7"},
		"argocd.argoproj.io/tracking-id":          {"shop:apps/Deployment:shop/web", ""},
		"deployment.kubernetes.io/revision":       {"7", ""},
		"evil.argocd.argoproj.io.x/revision":      {"7", ""},
		"config.kubernetes.io/origin":             {"path: a\nrepo: https://git.example/shop\nref: v1.2.3\n", "Git revision v1.2.3"},
		"kubernetes.io/change-cause":              {"raise the pool", "change cause raise the pool"},
		"app.openshift.io/vcs-ref":                {"main", "Git revision main"},
		"kustomize.toolkit.fluxcd.io/revision-of": {"x", ""},
	} {
		d := &appsv1.Deployment{}
		d.Annotations = map[string]string{key: c[0]}
		if got := Origin(d); got != c[1] {
			t.Errorf("%s: want %q, have %q", key, c[1], got)
		}
	}
	if Origin(nil) != "" {
		t.Error("nothing comes from nowhere")
	}
}
