package kube

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// changeCause is where people and pipelines say why a revision was made.
const changeCause = "kubernetes.io/change-cause"

// Origin says where an object's present content comes from, as far as it says so
// itself: a Git revision, or the words that somebody gave the change; empty where
// it does not. It is foreign text.
func Origin(obj metav1.Object) string {
	if isNil(obj) {
		return ""
	}
	notes := obj.GetAnnotations()
	keys := make([]string, 0, len(notes))
	for key := range notes {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		domain, name, _ := strings.Cut(key, "/")
		gitOps := domain == "argocd.argoproj.io" || strings.HasSuffix(domain, ".fluxcd.io")
		if notes[key] != "" && (gitOps && strings.HasSuffix(name, "revision") || key == "app.openshift.io/vcs-ref") {
			return "Git revision " + notes[key]
		}
	}
	// kustomize: "repo: https://…\nref: v1.2.3\npath: …"
	for line := range strings.SplitSeq(notes["config.kubernetes.io/origin"], "\n") {
		if ref, ok := strings.CutPrefix(line, "ref: "); ok && ref != "" {
			return "Git revision " + ref
		}
	}
	if said := notes[changeCause]; said != "" {
		return "change cause " + said
	}
	return ""
}
