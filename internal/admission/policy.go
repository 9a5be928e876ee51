package admission

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// theRequest is a CEL string that names the request, for refusals.
const theRequest = "request.operation + ' ' + " + theResource +
	" + (request.?name.orValue('') == '' ? '' : ' ' + request.name)" +
	" + (request.?namespace.orValue('') == '' ? '' : ' in ' + request.namespace)"

const theResource = "(request.resource.resource + (request.?subResource.orValue('') == '' ? '' : '/' + request.subResource))"

func newPolicy(name string) *admissionv1.ValidatingAdmissionPolicy {
	return &admissionv1.ValidatingAdmissionPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: ownLabels()},
		Spec:       admissionv1.ValidatingAdmissionPolicySpec{FailurePolicy: new(admissionv1.Fail)},
	}
}

func newBinding(name string) *admissionv1.ValidatingAdmissionPolicyBinding {
	return &admissionv1.ValidatingAdmissionPolicyBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingAdmissionPolicyBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: ownLabels()},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
}

// everything matches all writes to all objects. Resources "*" alone would leave
// out subresources: /scale, /status, /eviction, exec, token.
func everything() *admissionv1.MatchResources {
	return &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
		RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.OperationAll},
			Rule:       admissionv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*/*"}},
		},
	}}}
}

// deny refuses unless must holds; message is a CEL string.
func deny(must, message string) admissionv1.Validation {
	return admissionv1.Validation{
		Expression: must, MessageExpression: message,
		// Shown only if the expression itself fails.
		Message: "refused by Countersign's wall",
		Reason:  new(metav1.StatusReasonForbidden),
	}
}

// stampWall appends to the first message of each policy the digest of all of
// them, so that a probe can tell this wall from an older one that is still bound
// under the same names.
func stampWall(policies []*admissionv1.ValidatingAdmissionPolicy) (string, error) {
	raw, err := json.Marshal(policies)
	if err != nil {
		return "", fmt.Errorf("encode policies: %w", err)
	}
	sum := sha256.Sum256(raw)
	wall := "wall " + hex.EncodeToString(sum[:6])
	for _, p := range policies {
		first := &p.Spec.Validations[0]
		first.MessageExpression += " + ' (" + wall + ")'"
	}
	return wall, nil
}
