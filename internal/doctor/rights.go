package doctor

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// givenRules are the rules of the roles that the manifests bind to the account
// in a namespace, or everywhere.
func givenRules(manifests []*unstructured.Unstructured, a account, namespace string) []rbacv1.PolicyRule {
	roles := map[string][]rbacv1.PolicyRule{} // by kind, namespace and name
	for _, object := range manifests {
		var role rbacv1.ClusterRole // a Role has the same rules
		if typed(object, &role) == nil && strings.HasSuffix(object.GetKind(), "Role") {
			roles[object.GetKind()+"/"+object.GetNamespace()+"/"+object.GetName()] = role.Rules
		}
	}
	var given []rbacv1.PolicyRule
	for _, object := range manifests {
		var binding rbacv1.RoleBinding // a ClusterRoleBinding has the same fields
		if !strings.HasSuffix(object.GetKind(), "Binding") || object.GetNamespace() != "" && object.GetNamespace() != namespace || typed(object, &binding) != nil {
			continue
		}
		ours := slices.ContainsFunc(binding.Subjects, func(s rbacv1.Subject) bool { return s.Name == a.name && s.Namespace == a.namespace })
		if !ours {
			continue
		}
		of := ""
		if binding.RoleRef.Kind == "Role" {
			of = object.GetNamespace()
		}
		given = append(given, roles[binding.RoleRef.Kind+"/"+of+"/"+binding.RoleRef.Name]...)
	}
	return given
}

// uncovered lists in words each verb, group, resource and name of rules that no
// rule of by allows, sorted.
func uncovered(rules, by []rbacv1.PolicyRule) []string {
	found := map[string]bool{}
	for _, r := range rules {
		names := r.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, verb := range r.Verbs {
			for _, group := range r.APIGroups {
				for _, resource := range r.Resources {
					for _, name := range names {
						if !slices.ContainsFunc(by, func(b rbacv1.PolicyRule) bool { return allows(b, verb, group, resource, name) }) {
							found[words(verb, group, resource, name)] = true
						}
					}
				}
			}
		}
	}
	list := make([]string, 0, len(found))
	for text := range found {
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

func allows(rule rbacv1.PolicyRule, verb, group, resource, name string) bool {
	has := func(list []string, item string) bool {
		return slices.Contains(list, item) || slices.Contains(list, "*")
	}
	return has(rule.Verbs, verb) && has(rule.APIGroups, group) && has(rule.Resources, resource) &&
		(len(rule.ResourceNames) == 0 || name != "" && slices.Contains(rule.ResourceNames, name))
}

func words(verb, group, resource, name string) string {
	text := verb + " " + resource
	if group != "" {
		text += "." + group
	}
	if name != "" {
		text += " " + name
	}
	return text
}
