package admission

import (
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign-dev/countersign/internal/action"
)

// GatekeeperService is where a Gatekeeper answers. The zero value is where its
// own chart puts it, with the authority left to its certificate rotation
// (additionalValidatingWebhookConfigsToRotateCerts).
type GatekeeperService struct {
	Namespace, Name string
	CABundle        []byte
}

func (s GatekeeperService) client() admissionv1.WebhookClientConfig {
	ref := &admissionv1.ServiceReference{Namespace: "gatekeeper-system", Name: "gatekeeper-webhook-service", Path: new("/v1/admit")}
	if s.Namespace != "" {
		ref.Namespace = s.Namespace
	}
	if s.Name != "" {
		ref.Name = s.Name
	}
	return admissionv1.WebhookClientConfig{Service: ref, CABundle: s.CABundle}
}

const (
	fenceWebhook        = "fence.gatekeeper.countersign.dev"
	deletesByList       = "deletes-by-list.gatekeeper.countersign.dev"
	deletesByLabel      = "deletes-by-label.gatekeeper.countersign.dev"
	webhookTimeout      = 5 // seconds
	namespaceNameLabel  = "kubernetes.io/metadata.name"
	onlyOurAccountsName = "only-countersigns-accounts"
)

// GatekeeperWebhook registers Gatekeeper for our accounts alone, beside the
// registration that its chart makes: that one fails open, reviews neither DELETE
// nor most subresources, and always leaves out Gatekeeper's own namespace. This
// one fails closed, and a Gatekeeper that is down stops Countersign and nobody
// else.
func (c Config) GatekeeperWebhook(at GatekeeperService) *admissionv1.ValidatingWebhookConfiguration {
	hook := newWebhook(fenceWebhook, at, everything().ResourceRules[0].RuleWithOperations)
	hook.MatchConditions = []admissionv1.MatchCondition{c.onlyOurAccounts()}
	return newWebhooks(c.name("gatekeeper"), hook)
}

func (c Config) onlyOurAccounts() admissionv1.MatchCondition {
	return admissionv1.MatchCondition{
		Name: onlyOurAccountsName,
		Expression: "request.userInfo.username == " + quote(c.GateUser()) +
			" || request.userInfo.username.startsWith(" + quote(userName(c.ExecutorNamespace, "")) + ")",
	}
}

// ProtectedDeletesWebhook registers Gatekeeper for the optional policy. Who is
// exempt is never asked about, so that the break-glass group and the cluster's
// own controllers go on while Gatekeeper is down.
func (c Config) ProtectedDeletesWebhook(breakGlass string, at GatekeeperService) (*admissionv1.ValidatingWebhookConfiguration, error) {
	if err := c.checkBreakGlass(breakGlass); err != nil {
		return nil, err
	}
	rule := func(scope admissionv1.ScopeType, group, resource string) admissionv1.RuleWithOperations {
		return admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Delete},
			Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: []string{resource}, Scope: &scope},
		}
	}
	// A selector of namespaces does not hold back cluster-scoped objects other
	// than namespaces, which are therefore named.
	rules := []admissionv1.RuleWithOperations{rule(admissionv1.NamespacedScope, "*", "*/*"), rule(admissionv1.ClusterScope, "", "namespaces")}
	selected := func(name, label string, values ...string) admissionv1.ValidatingWebhook {
		hook := newWebhook(name, at, rules...)
		hook.NamespaceSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
			Key: label, Operator: metav1.LabelSelectorOpIn, Values: values,
		}}}
		exempt := "request.userInfo.username in " + list(deletersByName()...)
		for _, prefix := range deletersByPrefix() {
			exempt += " || request.userInfo.username.startsWith(" + quote(prefix) + ")"
		}
		hook.MatchConditions = []admissionv1.MatchCondition{
			{Name: "not-the-cluster-itself", Expression: "!(" + exempt + ")"},
			{Name: "not-break-glass", Expression: "!(" + quote(breakGlass) + " in request.userInfo.?groups.orValue([]))"},
		}
		return hook
	}
	return newWebhooks(c.name("gatekeeper-protected-deletes"),
		selected(deletesByList, namespaceNameLabel, c.ProtectedNamespaces()...),
		selected(deletesByLabel, action.ProtectedLabel, "true")), nil
}

func newWebhooks(name string, hooks ...admissionv1.ValidatingWebhook) *admissionv1.ValidatingWebhookConfiguration {
	return &admissionv1.ValidatingWebhookConfiguration{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: ownLabels()},
		Webhooks:   hooks,
	}
}

func newWebhook(name string, at GatekeeperService, rules ...admissionv1.RuleWithOperations) admissionv1.ValidatingWebhook {
	return admissionv1.ValidatingWebhook{
		Name: name, ClientConfig: at.client(), Rules: rules,
		FailurePolicy: new(admissionv1.Fail), MatchPolicy: new(admissionv1.Equivalent),
		SideEffects: new(admissionv1.SideEffectClassNone), TimeoutSeconds: new(int32(webhookTimeout)),
		AdmissionReviewVersions: []string{"v1"},
	}
}

// GatekeeperGaps says, one sentence each, how the registration as it is in the
// cluster reviews less of our accounts than GatekeeperWebhook, or could let
// something by; nothing means that it holds. live is nil where there is none;
// settings is Gatekeeper's Config object, nil where there is none.
//
// No probe can tell this: where both refuse, the API server names the policy.
func (c Config) GatekeeperGaps(live *admissionv1.ValidatingWebhookConfiguration, settings *unstructured.Unstructured) []string {
	at := -1
	if live != nil {
		at = slices.IndexFunc(live.Webhooks, func(h admissionv1.ValidatingWebhook) bool { return h.Name == fenceWebhook })
	}
	if at < 0 {
		return []string{fmt.Sprintf("webhook %s is not registered in %s", fenceWebhook, c.name("gatekeeper"))}
	}
	gaps := c.webhookGaps(live.Webhooks[at])
	if left := leftOut(settings); len(left) > 0 {
		gaps = append(gaps, "Gatekeeper's Config leaves out the namespaces "+strings.Join(left, ", "))
	}
	return gaps
}

func (c Config) webhookGaps(hook admissionv1.ValidatingWebhook) []string {
	var gaps []string
	if hook.FailurePolicy == nil || *hook.FailurePolicy != admissionv1.Fail {
		gaps = append(gaps, "failurePolicy is not Fail: what Gatekeeper does not answer passes")
	}
	if !selectsAll(hook.NamespaceSelector) {
		gaps = append(gaps, "a namespaceSelector leaves out namespaces")
	}
	if !selectsAll(hook.ObjectSelector) {
		gaps = append(gaps, "an objectSelector leaves out objects")
	}
	for _, condition := range hook.MatchConditions {
		if condition.Expression != c.onlyOurAccounts().Expression {
			gaps = append(gaps, "match condition "+condition.Name+" leaves out requests")
		}
	}
	for _, operation := range []admissionv1.OperationType{admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect} {
		if !slices.ContainsFunc(hook.Rules, func(r admissionv1.RuleWithOperations) bool { return covers(r, operation) }) {
			gaps = append(gaps, fmt.Sprintf("no rule reviews %s of every resource and subresource", operation))
		}
	}
	return gaps
}

func selectsAll(s *metav1.LabelSelector) bool {
	return s == nil || len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

// covers demands "*/*": "*" leaves out all subresources.
func covers(r admissionv1.RuleWithOperations, operation admissionv1.OperationType) bool {
	return (slices.Contains(r.Operations, operation) || slices.Contains(r.Operations, admissionv1.OperationAll)) &&
		slices.Contains(r.APIGroups, "*") && slices.Contains(r.APIVersions, "*") && slices.Contains(r.Resources, "*/*") &&
		(r.Scope == nil || *r.Scope == admissionv1.AllScopes)
}

// leftOut are the patterns of namespaces that Gatekeeper's webhook lets pass
// unseen, whatever its registration says.
func leftOut(settings *unstructured.Unstructured) []string {
	if settings == nil {
		return nil
	}
	var left []string
	entries, _, err := unstructured.NestedSlice(settings.Object, "spec", "match")
	if err != nil {
		return []string{"(its spec.match cannot be read)"}
	}
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		processes, _, unreadable := unstructured.NestedStringSlice(entry, "processes")
		namespaces, _, err := unstructured.NestedStringSlice(entry, "excludedNamespaces")
		if unreadable != nil || err != nil {
			left = append(left, "(an entry of its spec.match cannot be read)")
			continue
		}
		if slices.Contains(processes, "*") || slices.Contains(processes, "webhook") {
			left = append(left, namespaces...)
		}
	}
	return left
}
