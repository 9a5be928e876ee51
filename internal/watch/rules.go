package watch

import rbacv1 "k8s.io/api/rbac/v1"

// Rules are the rights that a Watcher and a Collector need in each namespace
// that they look at. They are all reads; Secrets are not among them.
func Rules() []rbacv1.PolicyRule {
	watched, listed, got := []string{"get", "list", "watch"}, []string{"get", "list"}, []string{"get"}
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods", "events"}, Verbs: watched},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments", "replicasets"}, Verbs: watched},
		{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: watched},
		{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: watched},
		{APIGroups: []string{""}, Resources: []string{"persistentvolumeclaims", "resourcequotas", "limitranges"}, Verbs: listed},
		{APIGroups: []string{""}, Resources: []string{"pods/log", "configmaps", "serviceaccounts"}, Verbs: got},
		{APIGroups: []string{"apps"}, Resources: []string{"statefulsets", "daemonsets"}, Verbs: listed},
		{APIGroups: []string{"batch"}, Resources: []string{"cronjobs"}, Verbs: listed},
		{APIGroups: []string{"autoscaling"}, Resources: []string{"horizontalpodautoscalers"}, Verbs: watched},
		{APIGroups: []string{"policy"}, Resources: []string{"poddisruptionbudgets"}, Verbs: listed},
		{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"ingresses"}, Verbs: watched},
		{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"networkpolicies"}, Verbs: listed},
		{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: watched},
		{APIGroups: []string{"metrics.k8s.io"}, Resources: []string{"pods"}, Verbs: listed},
	}
}

// ClusterRules are the rights on what belongs to no namespace. Without them
// faults of nodes are missed, and scheduling is explained by the scheduler's
// words alone.
func ClusterRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "list", "watch"}},
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: []string{"get"}},
		{APIGroups: []string{"storage.k8s.io"}, Resources: []string{"storageclasses"}, Verbs: []string{"get", "list"}},
		{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"ingressclasses"}, Verbs: []string{"list"}},
		{APIGroups: []string{"admissionregistration.k8s.io"}, Resources: []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations"}, Verbs: []string{"list"}},
	}
}
