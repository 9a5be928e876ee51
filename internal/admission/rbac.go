package admission

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/countersign-dev/countersign/internal/action"
)

func ownLabels() map[string]string {
	return map[string]string{"app.kubernetes.io/name": "countersign", "app.kubernetes.io/managed-by": "countersign"}
}

func policyRule(group string, resources []string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

func named(r rbacv1.PolicyRule, names ...string) rbacv1.PolicyRule {
	r.ResourceNames = names
	return r
}

var look = []string{"get", "list", "watch"}

// watcherRules are the reads of one namespace. Secrets are not among them: RBAC
// cannot give their names without their values.
func watcherRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		policyRule("", []string{
			"pods", "services", "endpoints", "events", "persistentvolumeclaims",
			"resourcequotas", "limitranges", "replicationcontrollers", "serviceaccounts",
		}, look...),
		policyRule("", []string{"configmaps"}, "get", "list"),
		policyRule("", []string{"pods/log"}, "get"),
		policyRule("events.k8s.io", []string{"events"}, look...),
		policyRule("apps", []string{"deployments", "replicasets", "statefulsets", "daemonsets"}, look...),
		policyRule("apps", []string{"controllerrevisions"}, "list"),
		policyRule("batch", []string{"jobs", "cronjobs"}, look...),
		policyRule("autoscaling", []string{"horizontalpodautoscalers"}, look...),
		policyRule("policy", []string{"poddisruptionbudgets"}, look...),
		policyRule("networking.k8s.io", []string{"networkpolicies", "ingresses"}, look...),
		policyRule("discovery.k8s.io", []string{"endpointslices"}, look...),
		policyRule("metrics.k8s.io", []string{"pods"}, "get", "list"),
	}
}

// watcherClusterRules are the reads that have no namespace.
func watcherClusterRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		policyRule("", []string{"nodes", "persistentvolumes", "namespaces"}, look...),
		policyRule("storage.k8s.io", []string{"storageclasses"}, look...),
		policyRule("networking.k8s.io", []string{"ingressclasses"}, "list"),
		policyRule("admissionregistration.k8s.io", []string{"validatingwebhookconfigurations", "mutatingwebhookconfigurations"}, "list"),
		policyRule("metrics.k8s.io", []string{"nodes"}, "get", "list"),
	}
}

// leaseRules: create cannot be held to a name by RBAC; for the gate admission
// does it.
func leaseRules(name string) []rbacv1.PolicyRule {
	leases := policyRule("coordination.k8s.io", []string{"leases"}, "create")
	return []rbacv1.PolicyRule{leases, named(policyRule("coordination.k8s.io", []string{"leases"}, "get", "update"), name)}
}

func (c Config) rbac() []runtime.Object {
	objects := c.roleOf(c.Watcher, c.Namespace, c.Namespace, leaseRules(c.Watcher))
	objects = append(objects, c.clusterRole("watcher", watcherRules()))
	objects = append(objects, c.bindings("watcher", c.Watcher, c.Namespace)...)
	objects = append(objects, c.clusterRole("watcher-cluster", watcherClusterRules()), c.clusterBinding("watcher-cluster", c.Watcher, c.Namespace))

	own := append(leaseRules(c.Gate),
		policyRule("", []string{"configmaps"}, "create"),
		named(policyRule("", []string{"configmaps"}, "get", "update"), action.AnchorName),
		named(policyRule("", []string{"configmaps"}, look...), action.PolicyName, action.SignersName, action.SwitchName),
		named(policyRule("", []string{"configmaps"}, "update"), action.SwitchName),
		policyRule("", []string{"events"}, "create"),
		policyRule("events.k8s.io", []string{"events"}, "create"))
	objects = append(objects, c.roleOf(c.Gate, c.Namespace, c.Namespace, own)...)
	if c.Remediate {
		objects = append(objects, c.roleOf(c.Gate, c.ExecutorNamespace, c.Namespace, []rbacv1.PolicyRule{
			policyRule("batch", []string{"jobs"}, append([]string{"create"}, look...)...),
			policyRule("", []string{"pods", "events"}, look...),
		})...)
	}
	watchOwn := named(policyRule("admissionregistration.k8s.io",
		[]string{"validatingadmissionpolicies", "validatingadmissionpolicybindings"}, look...), c.PolicyNames()...)
	objects = append(objects, c.clusterRole("gate", []rbacv1.PolicyRule{watchOwn}), c.clusterBinding("gate", c.Gate, c.Namespace))

	if !c.Remediate {
		return objects
	}
	objects = append(objects, c.controlRole()...)
	objects = append(objects, c.probeRights()...)
	for _, e := range action.Catalogue() {
		for _, k := range c.kinds() {
			if k == e.Kind {
				objects = append(objects, c.clusterRole(string(k), e.Rules()))
				objects = append(objects, c.bindings(string(k), string(k), c.ExecutorNamespace)...)
			}
		}
	}
	return objects
}

// controlRole lets the executor accounts read the kill switch and the keys of
// the second factor, and nothing else in Countersign's own namespace.
func (c Config) controlRole() []runtime.Object {
	const name = "executors"
	var accounts []rbacv1.Subject
	for _, k := range c.kinds() {
		accounts = append(accounts, subject(string(k), c.ExecutorNamespace)...)
	}
	read := named(policyRule("", []string{"configmaps"}, "get"), action.SignersName, action.SwitchName)
	objects := c.roleOf(name, c.Namespace, c.ExecutorNamespace, []rbacv1.PolicyRule{read})
	if binding, ok := objects[1].(*rbacv1.RoleBinding); ok {
		binding.Subjects = accounts
	}
	return objects
}

// bindings bind a ClusterRole everywhere or in each listed namespace.
func (c Config) bindings(role, account, accountNamespace string) []runtime.Object {
	if c.AllNamespaces {
		return []runtime.Object{c.clusterBinding(role, account, accountNamespace)}
	}
	var objects []runtime.Object
	for _, n := range c.WatchNamespaces {
		objects = append(objects, &rbacv1.RoleBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
			ObjectMeta: metav1.ObjectMeta{Name: c.name(role), Namespace: n, Labels: ownLabels()},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: c.name(role)},
			Subjects:   subject(account, accountNamespace),
		})
	}
	return objects
}

func subject(account, namespace string) []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: account, Namespace: namespace}}
}

func (c Config) clusterRole(role string, rules []rbacv1.PolicyRule) runtime.Object {
	return &rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
		ObjectMeta: metav1.ObjectMeta{Name: c.name(role), Labels: ownLabels()},
		Rules:      rules,
	}
}

func (c Config) clusterBinding(role, account, namespace string) runtime.Object {
	return &rbacv1.ClusterRoleBinding{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
		ObjectMeta: metav1.ObjectMeta{Name: c.name(role), Labels: ownLabels()},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: c.name(role)},
		Subjects:   subject(account, namespace),
	}
}

// roleOf makes a Role in namespace and binds it to account, both named like it.
func (c Config) roleOf(account, namespace, accountNamespace string, rules []rbacv1.PolicyRule) []runtime.Object {
	return []runtime.Object{
		&rbacv1.Role{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
			ObjectMeta: metav1.ObjectMeta{Name: account, Namespace: namespace, Labels: ownLabels()},
			Rules:      rules,
		},
		&rbacv1.RoleBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
			ObjectMeta: metav1.ObjectMeta{Name: account, Namespace: namespace, Labels: ownLabels()},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account},
			Subjects:   subject(account, accountNamespace),
		},
	}
}

func (c Config) accounts() []runtime.Object {
	account := func(name, namespace string) runtime.Object {
		return &corev1.ServiceAccount{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: ownLabels()},
		}
	}
	objects := []runtime.Object{account(c.Watcher, c.Namespace), account(c.Gate, c.Namespace)}
	for _, name := range action.ControlNames() {
		objects = append(objects, c.controlMap(name))
	}
	if c.Remediate {
		for _, k := range c.kinds() {
			objects = append(objects, account(string(k), c.ExecutorNamespace))
		}
	}
	return objects
}

// controlMap is applied without data: the data is the gate's or people's, and
// applying again leaves it alone.
func (c Config) controlMap(name string) runtime.Object {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: c.Namespace, Labels: ownLabels()},
	}
}

func (c Config) namespaces() []runtime.Object {
	namespace := func(name, level string) runtime.Object {
		labels := ownLabels()
		for _, mode := range []string{"enforce", "audit", "warn"} {
			labels["pod-security.kubernetes.io/"+mode] = level
		}
		return &corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		}
	}
	return []runtime.Object{namespace(c.Namespace, "restricted"), namespace(c.ExecutorNamespace, "restricted"), namespace(c.ProbeNamespace(), "restricted")}
}
