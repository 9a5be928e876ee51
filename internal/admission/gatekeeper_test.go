package admission

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// TestTheConstraintsOfGatekeeperAreTheGoldenOnes keeps the files that people
// apply, and that gator tests, equal to what the configuration says.
func TestTheConstraintsOfGatekeeperAreTheGoldenOnes(t *testing.T) {
	c := Default()
	constraints, err := c.GatekeeperConstraints()
	if err != nil {
		t.Fatal(err)
	}
	deletes, err := c.ProtectedDeletes(DefaultBreakGlass)
	if err != nil {
		t.Fatal(err)
	}
	deletesWebhook, err := c.ProtectedDeletesWebhook(DefaultBreakGlass, GatekeeperService{})
	if err != nil {
		t.Fatal(err)
	}
	for path, object := range map[string]runtime.Object{
		"executor/constraint.yaml":          constraints[0],
		"gate/constraint.yaml":              constraints[1],
		"webhook.yaml":                      c.GatekeeperWebhook(GatekeeperService{}),
		"protected-deletes/constraint.yaml": deletes,
		"protected-deletes/webhook.yaml":    deletesWebhook,
	} {
		plain, err := plainOf(object)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := yaml.Marshal(plain.Object)
		if err != nil {
			t.Fatal(err)
		}
		raw = append([]byte("# Generated: go test ./internal/admission -update\n"), raw...)
		path = filepath.Join("..", "..", "gatekeeper", filepath.FromSlash(path))
		if *update {
			if err := os.WriteFile(path, raw, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw, want) {
			t.Errorf("%s differs; look at the difference and run with -update", path)
		}
	}
}

func TestRegoKnowsEveryKindAndNamespaceThatThePoliciesKnow(t *testing.T) {
	c := Default()
	c.Protected = append(c.Protected, "bank")
	constraints, err := c.GatekeeperConstraints()
	if err != nil {
		t.Fatal(err)
	}
	protected, _, err := unstructured.NestedStringSlice(constraints[0].Object, "spec", "parameters", "protectedNamespaces")
	if err != nil || !slices.Equal(protected, c.ProtectedNamespaces()) {
		t.Errorf("protected are %v, %v", protected, err)
	}
	writes, _, err := unstructured.NestedSlice(constraints[0].Object, "spec", "parameters", "writes")
	if err != nil || len(writes) != len(c.kinds()) {
		t.Errorf("%d writes for %d kinds, %v", len(writes), len(c.kinds()), err)
	}
	for _, w := range writes {
		write := w.(map[string]any)
		what := write["operation"].(string) + " " + write["resource"].(string)
		if what != "DELETE pods" && what != "UPDATE deployments" {
			t.Errorf("%s may %s", write["account"], what)
		}
	}
}

func TestNoConstraintsOfAConfigurationThatWeakensTheWall(t *testing.T) {
	if _, err := (Config{}).GatekeeperConstraints(); err == nil {
		t.Error("the zero value has constraints")
	}
	for _, group := range []string{"", "system:masters", "system:authenticated", "a' in ['a"} {
		if _, err := Default().ProtectedDeletes(group); err == nil {
			t.Errorf("group %q may break the glass", group)
		}
		if _, err := Default().ProtectedDeletesWebhook(group, GatekeeperService{}); err == nil {
			t.Errorf("group %q is not asked about", group)
		}
	}
}

func TestARegistrationThatReviewsLessIsNamed(t *testing.T) {
	c := Default()
	hookOf := func(w *admissionv1.ValidatingWebhookConfiguration) *admissionv1.ValidatingWebhook {
		return &w.Webhooks[0]
	}
	cases := []struct {
		name string
		with func(*admissionv1.ValidatingWebhookConfiguration)
		says string // empty: holds
	}{
		{"as generated", func(*admissionv1.ValidatingWebhookConfiguration) {}, ""},
		{"reviewing everybody", func(w *admissionv1.ValidatingWebhookConfiguration) { hookOf(w).MatchConditions = nil }, ""},
		{"operations one by one", func(w *admissionv1.ValidatingWebhookConfiguration) {
			hookOf(w).Rules[0].Operations = []admissionv1.OperationType{"CREATE", "UPDATE", "DELETE", "CONNECT"}
		}, ""},
		{"another webhook's name", func(w *admissionv1.ValidatingWebhookConfiguration) { hookOf(w).Name = "validation.gatekeeper.sh" }, "is not registered"},
		{"failing open, as Gatekeeper's chart", func(w *admissionv1.ValidatingWebhookConfiguration) {
			hookOf(w).FailurePolicy = new(admissionv1.Ignore)
		}, "failurePolicy"},
		{"no failure policy", func(w *admissionv1.ValidatingWebhookConfiguration) { hookOf(w).FailurePolicy = nil }, "failurePolicy"},
		{"without DELETE, as Gatekeeper's chart", func(w *admissionv1.ValidatingWebhookConfiguration) {
			hookOf(w).Rules[0].Operations = []admissionv1.OperationType{"CREATE", "UPDATE", "CONNECT"}
		}, "reviews DELETE"},
		{"without CONNECT, as Gatekeeper's chart", func(w *admissionv1.ValidatingWebhookConfiguration) {
			hookOf(w).Rules[0].Operations = []admissionv1.OperationType{"CREATE", "UPDATE", "DELETE"}
		}, "reviews CONNECT"},
		{"without subresources", func(w *admissionv1.ValidatingWebhookConfiguration) {
			hookOf(w).Rules[0].Resources = []string{"*", "pods/exec", "deployments/scale"}
		}, "subresource"},
		{"apps alone", func(w *admissionv1.ValidatingWebhookConfiguration) { hookOf(w).Rules[0].APIGroups = []string{"apps"} }, "reviews UPDATE"},
		{"no cluster-scoped objects", func(w *admissionv1.ValidatingWebhookConfiguration) {
			hookOf(w).Rules[0].Scope = new(admissionv1.NamespacedScope)
		}, "reviews CREATE"},
		{"Gatekeeper's own namespace exempt, as in its chart", func(w *admissionv1.ValidatingWebhookConfiguration) {
			hookOf(w).NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
				Key: namespaceNameLabel, Operator: metav1.LabelSelectorOpNotIn, Values: []string{"gatekeeper-system"},
			}}}
		}, "leaves out namespaces"},
		{"objects by label", func(w *admissionv1.ValidatingWebhookConfiguration) {
			hookOf(w).ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"reviewed": "true"}}
		}, "leaves out objects"},
		{"dry runs left out", func(w *admissionv1.ValidatingWebhookConfiguration) {
			hookOf(w).MatchConditions[0].Expression = "!request.dryRun"
		}, "leaves out requests"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			live := c.GatekeeperWebhook(GatekeeperService{})
			tc.with(live)
			gaps := strings.Join(c.GatekeeperGaps(live, nil), "; ")
			if (gaps == "") != (tc.says == "") || !strings.Contains(gaps, tc.says) {
				t.Errorf("gaps are %q, want %q", gaps, tc.says)
			}
		})
	}
	if len(c.GatekeeperGaps(nil, nil)) == 0 {
		t.Error("no registration at all has no gap")
	}
}

func TestANamespaceThatGatekeepersConfigLeavesOutIsNamed(t *testing.T) {
	c := Default()
	of := func(text string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
			t.Fatal(err)
		}
		return u
	}
	cases := []struct{ name, text, says string }{
		{"of the audit only", `{spec: {match: [{processes: [audit], excludedNamespaces: [kube-system]}]}}`, ""},
		{"of the webhook", `{spec: {match: [{processes: [webhook], excludedNamespaces: [kube-system, "shop-*"]}]}}`, "kube-system, shop-*"},
		{"of everything", `{spec: {match: [{processes: ["*"], excludedNamespaces: [countersign]}]}}`, "countersign"},
		{"in no known form", `{spec: {match: [{processes: [webhook], excludedNamespaces: all}]}}`, "cannot be read"},
		{"without any entry", `{spec: {}}`, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			gaps := strings.Join(c.GatekeeperGaps(c.GatekeeperWebhook(GatekeeperService{}), of(tc.text)), "; ")
			if (gaps == "") != (tc.says == "") || !strings.Contains(gaps, tc.says) {
				t.Errorf("gaps are %q, want %q", gaps, tc.says)
			}
		})
	}
}
