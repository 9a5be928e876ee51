package admission

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// can lists what user may do in namespace as the API server sees it, which is
// what kubectl auth can-i --list prints: per resource, with the names that the
// right is held to, the verbs. What every account may do is left out, because
// it differs from one Kubernetes to the next.
func (w *wall) can(user, namespace string) map[string][]string {
	w.t.Helper()
	rights := map[string][]string{}
	anybody := w.rulesOf("system:serviceaccount:default:nobody", namespace)
	for _, r := range w.rulesOf(user, namespace) {
		if slices.ContainsFunc(anybody, func(a authorizationv1.ResourceRule) bool { return a.String() == r.String() }) {
			continue
		}
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				what := strings.TrimSuffix(resource+"."+group, ".")
				if names := slices.Sorted(slices.Values(r.ResourceNames)); len(names) > 0 {
					what += " [" + strings.Join(names, " ") + "]"
				}
				verbs := append(rights[what], r.Verbs...)
				slices.Sort(verbs)
				rights[what] = slices.Compact(verbs)
			}
		}
	}
	return rights
}

// rulesOf does not look at Status.Incomplete: authorizers other than RBAC
// cannot list theirs, and say so.
func (w *wall) rulesOf(user, namespace string) []authorizationv1.ResourceRule {
	w.t.Helper()
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	got, err := w.plain(user, "").AuthorizationV1().SelfSubjectRulesReviews().Create(w.t.Context(), review, metav1.CreateOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.Status.ResourceRules
}

// canI holds the rights of the two roles to golden files, and to what they must
// never be, whatever the files say.
func (w *wall) canI(t *testing.T) {
	plainNames := strings.NewReplacer(
		w.config.ExecutorNamespace, "countersign-exec", w.shop, "shop", w.config.Namespace, "countersign",
		prefix+w.config.Instance+"-", prefix)
	places := []string{w.config.Namespace, w.config.ExecutorNamespace, w.shop, "kube-system"}
	for role, user := range map[string]string{"watcher": w.config.WatcherUser(), "gate": w.config.GateUser()} {
		t.Run(role, func(t *testing.T) {
			var text strings.Builder
			for _, place := range places {
				fmt.Fprintf(&text, "%s in %s\n", role, place)
				rights := w.can(user, place)
				lines := make([]string, 0, len(rights))
				for what, verbs := range rights {
					lines = append(lines, fmt.Sprintf("  %-100s %s", plainNames.Replace(what), strings.Join(verbs, " ")))
					w.never(t, role, place, what, verbs)
				}
				sort.Strings(lines)
				text.WriteString(strings.Join(append(lines, ""), "\n"))
			}
			golden(t, "can-i-"+role+".txt", []byte(plainNames.Replace(text.String())))
		})
	}
}

// never: the watcher creates nothing but its Lease, the gate reads no logs and
// looks at no workload, and neither sees a Secret.
func (w *wall) never(t *testing.T, role, place, what string, verbs []string) {
	t.Helper()
	resource, _, _ := strings.Cut(what, " ")
	writes := slices.ContainsFunc(verbs, func(v string) bool { return !slices.Contains(look, v) })
	switch {
	case strings.HasPrefix(resource, "secrets") || strings.Contains(resource, "*") || slices.Contains(verbs, "*"):
		t.Errorf("the %s may %v %s in %s", role, verbs, what, place)
	case role == "watcher" && writes && (resource != "leases.coordination.k8s.io" || place != w.config.Namespace):
		t.Errorf("the watcher may %v %s in %s", verbs, what, place)
	case role == "gate" && (resource == "pods/log" || strings.HasSuffix(resource, ".apps")):
		t.Errorf("the gate may %v %s in %s", verbs, what, place)
	case role == "gate" && resource == "pods" && (writes || place != w.config.ExecutorNamespace):
		t.Errorf("the gate may %v %s in %s", verbs, what, place)
	}
}
