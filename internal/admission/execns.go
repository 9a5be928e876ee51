package admission

import (
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// namespacePolicy closes the executor namespace to everybody: Jobs come from
// the gate, pods from the job controller, tokens and results from nodes. It must
// not forbid what controllers of kube-system do to finished objects, or Jobs stay
// in foregroundDeletion for ever; DELETE is left to RBAC for the same reason.
func namespacePolicy(c Config, job pinnedJob) *admissionv1.ValidatingAdmissionPolicy {
	p := newPolicy(c.NamespacePolicy())
	p.Spec.MatchConstraints = &admissionv1.MatchResources{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": c.ExecutorNamespace}},
		ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update, admissionv1.Connect},
			Rule: admissionv1.Rule{
				APIGroups: []string{"", "batch", "apps"}, APIVersions: []string{"*"},
				Resources: []string{
					"pods", "pods/status", "pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "pods/ephemeralcontainers", "pods/resize",
					"jobs", "cronjobs", "deployments", "statefulsets", "daemonsets", "replicasets", "replicationcontrollers", "podtemplates",
					"secrets", "serviceaccounts/token",
				},
			},
		}}},
	}
	kinds := make([]string, 0, len(c.Kinds))
	for _, k := range c.kinds() {
		kinds = append(kinds, string(k))
	}
	p.Spec.Variables = []admissionv1.Variable{
		{Name: "who", Expression: "request.userInfo.username"},
		{Name: "what", Expression: theResource},
		{Name: "node", Expression: "variables.who.startsWith('system:node:')"},
		{Name: "jobController", Expression: "variables.who in ['system:serviceaccount:kube-system:job-controller', 'system:kube-controller-manager']"},
		{Name: "system", Expression: "variables.who.startsWith('system:serviceaccount:kube-system:') || variables.who in ['system:kube-controller-manager', 'system:kube-scheduler']"},
	}
	p.Spec.Validations = []admissionv1.Validation{
		deny("(variables.what == 'jobs' && request.operation == 'CREATE' && variables.who == "+quote(c.GateUser())+")"+
			" || (variables.what == 'pods' && request.operation == 'CREATE' && variables.jobController)"+
			" || (variables.what in ['jobs', 'pods'] && request.operation == 'UPDATE' && variables.system && object.spec == oldObject.spec)"+
			" || (variables.what == 'pods/status' && (variables.node || variables.system))"+
			" || (variables.what == 'serviceaccounts/token' && variables.node && object.spec.?boundObjectRef.?kind.orValue('') == 'Pod')",
			"variables.who + ' may not ' + request.operation + ' ' + variables.what + ' in the executor namespace '"+" + request.namespace"),
		deny("variables.what != 'pods' || request.operation != 'CREATE' || ("+onlyExecutor(job.image, kinds)+")",
			"'a pod of the executor namespace is one executor container of a Job whose name it carries'"),
	}
	return p
}

// onlyExecutor looks at the pod that the job controller makes, after webhooks
// had their turn.
func onlyExecutor(image string, accounts []string) string {
	return "object.spec.containers.size() == 1 && object.spec.containers[0].image == " + quote(image) +
		" && object.spec.?initContainers.orValue([]).size() == 0 && object.spec.?ephemeralContainers.orValue([]).size() == 0" +
		" && !object.spec.?hostNetwork.orValue(false) && !object.spec.?hostPID.orValue(false) && !object.spec.?hostIPC.orValue(false)" +
		" && object.spec.?serviceAccountName.orValue('') in " + list(accounts...) +
		" && object.spec.?volumes.orValue([]).all(v, v.name.startsWith('kube-api-access-') && has(v.projected))" +
		" && object.metadata.?ownerReferences.orValue([]).size() == 1 && object.metadata.ownerReferences[0].kind == 'Job'" +
		" && object.metadata.ownerReferences[0].?controller.orValue(false)" +
		" && object.metadata.?generateName.orValue('') == object.metadata.ownerReferences[0].name + '-'"
}
