package doctor

import (
	"context"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/countersign-dev/countersign/internal/admission"
)

// gatekeeper looks whether Gatekeeper, where there is one, repeats the fence.
func (e *examination) gatekeeper(ctx context.Context) []row {
	const group = "templates.gatekeeper.sh"
	groups, err := e.client.Discovery().ServerGroups()
	if err != nil {
		return []row{unclear("gatekeeper", err, "")}
	}
	installed := false
	for _, g := range groups.Groups {
		installed = installed || g.Name == group
	}
	if !installed {
		return []row{skipped("gatekeeper", "not installed; the admission policies bind without it")}
	}
	return []row{e.gatekeeperWebhook(ctx), e.gatekeeperConstraints(ctx)}
}

const gatekeeperRemedy = "apply Countersign's registration for Gatekeeper again (gatekeeper/README.md)"

func (e *examination) gatekeeperWebhook(ctx context.Context) row {
	const name = "gatekeeper webhook"
	want := e.Wall.GatekeeperWebhook(admission.GatekeeperService{}).Name
	live, err := e.client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Get(ctx, want, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		live, err = nil, nil
	}
	if err != nil {
		return unclear(name, err, "")
	}
	at := schema.GroupVersionResource{Group: "config.gatekeeper.sh", Version: "v1alpha1", Resource: "configs"}
	list, err := e.dynamic.Resource(at).List(ctx, metav1.ListOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return unclear(name, err, "")
	}
	var settings []*unstructured.Unstructured
	if err == nil {
		for i := range list.Items {
			settings = append(settings, &list.Items[i])
		}
	}
	return webhookRow(e.Wall, name, live, settings)
}

// webhookRow: nil settings still count once, for what the registration lacks.
func webhookRow(c admission.Config, name string, live *admissionv1.ValidatingWebhookConfiguration, settings []*unstructured.Unstructured) row {
	if len(settings) == 0 {
		settings = []*unstructured.Unstructured{nil}
	}
	var gaps []string
	for _, s := range settings {
		for _, gap := range c.GatekeeperGaps(live, s) {
			if !strings.Contains(strings.Join(gaps, "; "), gap) {
				gaps = append(gaps, gap)
			}
		}
	}
	if len(gaps) > 0 {
		return bad(name, strings.Join(gaps, "; "), gatekeeperRemedy)
	}
	return good(name, "fails closed, reviews every write and DELETE of our accounts, exempts no namespace")
}

func (e *examination) gatekeeperConstraints(ctx context.Context) row {
	const name = "gatekeeper constraints"
	wanted, err := e.Wall.GatekeeperConstraints()
	if err != nil {
		return unclear(name, err, "")
	}
	var live []*unstructured.Unstructured
	for _, w := range wanted {
		gvk := w.GroupVersionKind()
		// Gatekeeper names the resource of a kind in lower case.
		at := e.dynamic.Resource(gvk.GroupVersion().WithResource(strings.ToLower(gvk.Kind)))
		got, err := at.Get(ctx, w.GetName(), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			got, err = nil, nil
		}
		if err != nil {
			return unclear(name, err, "")
		}
		live = append(live, got)
	}
	return constraintsRow(name, wanted, live)
}

func constraintsRow(name string, wanted, live []*unstructured.Unstructured) row {
	var wrong []string
	for i, w := range wanted {
		if live[i] == nil {
			wrong = append(wrong, w.GetKind()+" "+w.GetName()+" is missing")
			continue
		}
		for _, field := range []string{"enforcementAction", "parameters", "match"} {
			a, _, _ := unstructured.NestedFieldNoCopy(w.Object, "spec", field)
			b, _, _ := unstructured.NestedFieldNoCopy(live[i].Object, "spec", field)
			if !equality.Semantic.DeepEqual(a, b) {
				wrong = append(wrong, w.GetKind()+" "+w.GetName()+" has another "+field)
			}
		}
	}
	if len(wrong) > 0 {
		return bad(name, strings.Join(wrong, "; "), "apply the constraints of this version again (gatekeeper/README.md)")
	}
	return good(name, "%d constraints, as this version makes them", len(wanted))
}
