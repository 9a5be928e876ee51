package app

import (
	"os"
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/internal/watch"
)

// TestTheInstalledRightsCoverWhatTheWatcherReads compares two floors that may
// not import each other: what the watcher asks for, and what is installed.
func TestTheInstalledRightsCoverWhatTheWatcherReads(t *testing.T) {
	var job batchv1.Job
	raw, err := os.ReadFile("../admission/testdata/defaulted-job.yaml")
	if err == nil {
		err = yaml.Unmarshal(raw, &job)
	}
	if err != nil {
		t.Fatal(err)
	}
	set, err := admission.Manifests(admission.Default(), &job)
	if err != nil {
		t.Fatal(err)
	}
	granted := map[string][]rbacv1.PolicyRule{}
	for _, o := range set.All() {
		if o.GetKind() != "ClusterRole" {
			continue
		}
		var role rbacv1.ClusterRole
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
			t.Fatal(err)
		}
		granted[role.Name] = role.Rules
	}
	covers := func(role string, want []rbacv1.PolicyRule) {
		t.Helper()
		if len(granted[role]) == 0 {
			t.Fatalf("no rules are installed under %s", role)
		}
		for _, w := range want {
			for _, resource := range w.Resources {
				for _, verb := range w.Verbs {
					if !slices.ContainsFunc(granted[role], func(r rbacv1.PolicyRule) bool {
						return slices.Contains(r.APIGroups, w.APIGroups[0]) && slices.Contains(r.Resources, resource) && slices.Contains(r.Verbs, verb)
					}) {
						t.Errorf("%s may not %s %s in group %q, and the watcher does", role, verb, resource, w.APIGroups[0])
					}
				}
			}
		}
	}
	covers("countersign-watcher", watch.Rules())
	covers("countersign-watcher-cluster", watch.ClusterRules())
}
