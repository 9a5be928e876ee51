package remediate

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// maxLabels bounds the namespace labels of a Result; whoever may label a
// namespace must not be able to push the diff out of it.
const maxLabels = 6

// teamLabel names the team whose approvers a namespace has.
const teamLabel = "countersign.dev/team"

// namespaceLabels keeps what policy asks about: our own labels and the team's.
func namespaceLabels(all map[string]string) []Label {
	var kept []Label
	for key, value := range all {
		ours := strings.HasPrefix(key, "countersign.dev/")
		team := key == "team" || strings.HasSuffix(key, "/team")
		if (ours || team) && len(key) <= 100 {
			kept = append(kept, Label{Key: key, Value: value})
		}
	}
	// Those that bind us come first: others may not push them out.
	last := func(l Label) int {
		switch l.Key {
		case action.ProtectedLabel, action.SignatureLabel, teamLabel:
			return 0
		}
		return 1
	}
	slices.SortFunc(kept, func(a, b Label) int { return cmp.Or(last(a)-last(b), strings.Compare(a.Key, b.Key)) })
	return kept[:min(len(kept), maxLabels)]
}

// describe fills the facts from what was read.
func (l live) describe(f *Facts, red *redact.Redactor) {
	name := func(s string) redact.Text { return red.Redact(s).Truncate(80) }
	f.Owners = l.ownerChain()
	f.Editors = editors(l.object, name)
	managed := l.object
	if len(l.owners) > 0 {
		managed = l.owners[len(l.owners)-1]
	}
	if managed.GetKind() != "Pod" {
		f.ManagedBy, _ = managedBy(managed, name)
		f.Helm = helmRelease(managed, name)
	}
	f.Ready, f.Desired = count(managed.Object, "status", "readyReplicas"), count(managed.Object, "spec", "replicas")
	if managed.GetKind() == "DaemonSet" {
		f.Ready, f.Desired = count(managed.Object, "status", "numberReady"), count(managed.Object, "status", "desiredNumberScheduled")
	}
	for _, hpa := range l.autoscalers {
		if scales(hpa.Object, l.object.GetKind(), l.object.GetName()) {
			f.Autoscaler = name(hpa.GetName())
		}
	}
	for _, pdb := range l.budgets {
		if covers(pdb, l.object) {
			f.Budget = name(pdb.GetName())
		}
	}
}

func count(obj map[string]any, fields ...string) int {
	n, _, _ := unstructured.NestedInt64(obj, fields...)
	return int(max(n, 0))
}

func scales(hpa map[string]any, kind, target string) bool {
	k, _, _ := unstructured.NestedString(hpa, "spec", "scaleTargetRef", "kind")
	n, _, _ := unstructured.NestedString(hpa, "spec", "scaleTargetRef", "name")
	return k == kind && n == target
}

// ownerChain is what controls the target, nearest first. The last link may be
// one that was not read, known by its reference alone; one that is not plain is
// left out.
func (l live) ownerChain() []action.Ref {
	var chain []action.Ref
	objects := append([]*unstructured.Unstructured{l.object}, l.owners...)
	for _, obj := range objects {
		if owner := metav1.GetControllerOfNoCopy(obj); owner != nil {
			ref := action.Ref{
				APIVersion: owner.APIVersion, Kind: owner.Kind, Namespace: obj.GetNamespace(),
				Name: owner.Name, UID: string(owner.UID),
			}
			if plain(ref) {
				chain = append(chain, ref)
			}
		}
	}
	return chain
}

// Field managers that write on behalf of a Git repository.
var gitOpsManager = regexp.MustCompile(`^(argocd-controller|argocd-application-controller|kustomize-controller|helm-controller)$`)

// managedBy says who would revert a patch at once, and the code that refuses
// it. Label tracking of Argo CD uses a label that Helm charts carry too, so it
// counts only beside something of Argo CD's own.
func managedBy(obj *unstructured.Unstructured, name func(string) redact.Text) (who redact.Text, code string) {
	labels, notes := obj.GetLabels(), obj.GetAnnotations()
	if id := notes["argocd.argoproj.io/tracking-id"]; id != "" {
		app, _, _ := strings.Cut(id, ":")
		return redact.Sprintf("Argo CD application %s", name(app)), CodeGitOps
	}
	if hasPrefix(labels, "argocd.argoproj.io/") || hasPrefix(notes, "argocd.argoproj.io/") {
		app := labels["argocd.argoproj.io/instance"]
		if app == "" {
			app = labels["app.kubernetes.io/instance"]
		}
		return redact.Sprintf("Argo CD application %s", name(app)), CodeGitOps
	}
	for prefix, what := range map[string]redact.Text{
		"kustomize.toolkit.fluxcd.io/": redact.Literal("Flux Kustomization"),
		"helm.toolkit.fluxcd.io/":      redact.Literal("Flux HelmRelease"),
	} {
		if hasPrefix(labels, prefix) {
			return redact.Sprintf("%s %s/%s", what, name(labels[prefix+"namespace"]), name(labels[prefix+"name"])), CodeGitOps
		}
	}
	for _, m := range obj.GetManagedFields() {
		if m.Subresource == "" && gitOpsManager.MatchString(m.Manager) {
			return redact.Sprintf("field manager %s", name(m.Manager)), CodeGitOps
		}
	}
	if owner := metav1.GetControllerOfNoCopy(obj); owner != nil {
		return redact.Sprintf("%s %s", name(owner.Kind), name(owner.Name)), CodeOperator
	}
	return redact.Text{}, ""
}

func hasPrefix(m map[string]string, prefix string) bool {
	for key := range m {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

func helmRelease(obj *unstructured.Unstructured, name func(string) redact.Text) redact.Text {
	release := obj.GetAnnotations()["meta.helm.sh/release-name"]
	if release == "" && obj.GetLabels()["app.kubernetes.io/managed-by"] == "Helm" {
		release = obj.GetLabels()["app.kubernetes.io/instance"]
	}
	if release == "" {
		return redact.Text{}
	}
	return name(release)
}

// editors are the field managers of the spec, latest first, at most three. A
// change through a subresource, status above all, is no edit of the bound part.
func editors(obj *unstructured.Unstructured, name func(string) redact.Text) []redact.Text {
	fields := obj.GetManagedFields()
	slices.SortStableFunc(fields, func(a, b metav1.ManagedFieldsEntry) int {
		switch {
		case a.Time == nil || b.Time == nil || a.Time.Equal(b.Time):
			return 0
		case b.Time.Before(a.Time):
			return -1
		}
		return 1
	})
	var who []redact.Text
	for _, m := range fields {
		edits := m.Subresource == "" && m.FieldsV1 != nil && strings.Contains(string(m.FieldsV1.GetRawBytes()), `"f:spec":`)
		if t := name(m.Manager); edits && len(who) < 3 && !slices.Contains(who, t) {
			who = append(who, t)
		}
	}
	return who
}
