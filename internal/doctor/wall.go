package doctor

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/countersign-dev/countersign/internal/admission"
)

type (
	policy  = admissionv1.ValidatingAdmissionPolicy
	binding = admissionv1.ValidatingAdmissionPolicyBinding
)

// wall is what this version would install, and thus what has to be there.
type wall struct {
	names    []string
	policies map[string]*policy
	bindings map[string]*binding
	// mark is what the first refusal of each policy carries.
	mark string
}

// newWall needs the executor Job as the API server completes it.
func newWall(c admission.Config, completed *batchv1.Job) (*wall, error) {
	set, err := admission.Manifests(c, completed)
	if err != nil {
		return nil, err
	}
	w := &wall{names: c.PolicyNames(), policies: map[string]*policy{}, bindings: map[string]*binding{}, mark: set.Wall}
	for _, object := range set.Policies {
		var into any
		switch object.GetKind() {
		case "ValidatingAdmissionPolicy":
			p := &policy{}
			w.policies[object.GetName()], into = p, p
		default:
			b := &binding{}
			w.bindings[object.GetName()], into = b, b
		}
		if err := typed(object, into); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func typed(object *unstructured.Unstructured, into any) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into); err != nil {
		return fmt.Errorf("read the manifest of %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// The faults of a policy or a binding, as they follow its name.
const (
	missing   = "is missing"
	going     = "is being deleted"
	different = "is not the one that this version installs"
	lenient   = "does not deny"
)

// policyFault says what is wrong with the policy as it is in the cluster (nil:
// it is not there); empty means nothing. Without a wall only what needs no
// comparison is told.
func (w *wall) policyFault(name string, live *policy) string {
	switch {
	case live == nil:
		return missing
	case live.DeletionTimestamp != nil:
		return going
	case w == nil:
		return ""
	case w.policies[name] == nil || !equality.Semantic.DeepEqual(completedPolicy(w.policies[name].Spec), completedPolicy(live.Spec)):
		return different
	}
	return ""
}

// bindingFault is policyFault for the binding.
func (w *wall) bindingFault(name string, live *binding) string {
	switch {
	case live == nil:
		return missing
	case live.DeletionTimestamp != nil:
		return going
	case !denies(live):
		return lenient
	case w == nil:
		return ""
	case w.bindings[name] == nil || !equality.Semantic.DeepEqual(completedBinding(w.bindings[name].Spec), completedBinding(live.Spec)):
		return different
	}
	return ""
}

func denies(b *binding) bool {
	for _, a := range b.Spec.ValidationActions {
		if a == admissionv1.Deny {
			return true
		}
	}
	return false
}

// completedPolicy fills in what the API server fills in, so that only what
// somebody wrote is compared.
func completedPolicy(s admissionv1.ValidatingAdmissionPolicySpec) admissionv1.ValidatingAdmissionPolicySpec {
	s = *s.DeepCopy()
	completeMatch(s.MatchConstraints)
	if s.FailurePolicy == nil {
		s.FailurePolicy = new(admissionv1.Fail)
	}
	return s
}

func completedBinding(s admissionv1.ValidatingAdmissionPolicyBindingSpec) admissionv1.ValidatingAdmissionPolicyBindingSpec {
	s = *s.DeepCopy()
	completeMatch(s.MatchResources)
	return s
}

func completeMatch(m *admissionv1.MatchResources) {
	if m == nil {
		return
	}
	if m.MatchPolicy == nil {
		m.MatchPolicy = new(admissionv1.Equivalent)
	}
	if m.NamespaceSelector == nil {
		m.NamespaceSelector = &metav1.LabelSelector{}
	}
	if m.ObjectSelector == nil {
		m.ObjectSelector = &metav1.LabelSelector{}
	}
	for _, rules := range [][]admissionv1.NamedRuleWithOperations{m.ResourceRules, m.ExcludeResourceRules} {
		for i := range rules {
			if rules[i].Scope == nil {
				rules[i].Scope = new(admissionv1.AllScopes)
			}
		}
	}
}

// oldest is the first version whose admission policies know what ours are
// written in.
var oldest = version.MustParseGeneric("1.33.0")

// tooOld says that the API server's version (as in v1.32.4+k3s1) has no policies
// that bind ours; ok is false where the text is no version.
func tooOld(text string) (old, ok bool) {
	v, err := version.ParseGeneric(text)
	if err != nil {
		return false, false
	}
	return v.LessThan(oldest), true
}
