package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// account is one of our ServiceAccounts.
type account struct {
	what, namespace, name string
	never                 []right // whatever else it may
}

func (a account) user() string { return "system:serviceaccount:" + a.namespace + ":" + a.name }

func (a account) groups() []string {
	return []string{"system:serviceaccounts", "system:serviceaccounts:" + a.namespace, "system:authenticated"}
}

// right is one verb on one resource in one namespace.
type right struct{ namespace, verb, group, resource, subresource string }

func (r right) String() string {
	what := r.resource
	if r.subresource != "" {
		what += "/" + r.subresource
	}
	return r.verb + " " + what + " in " + r.namespace
}

// places are the namespaces in which rights are looked at: ours, the watched
// ones, and one that is none of ours.
func (e *examination) places() []string {
	c := e.Wall
	places := []string{c.Namespace, c.ExecutorNamespace, c.ProbeNamespace()}
	places = append(places, c.WatchNamespaces...)
	if !slices.Contains(places, "kube-system") {
		places = append(places, "kube-system")
	}
	return places
}

// accounts lists ours with what none of them may ever do.
func (e *examination) accounts() []account {
	c := e.Wall
	watcher := account{what: "watcher", namespace: c.Namespace, name: c.Watcher}
	gate := account{what: "gate", namespace: c.Namespace, name: c.Gate}
	var executors []account
	for _, k := range c.Kinds {
		executors = append(executors, account{what: "executor " + string(k), namespace: c.ExecutorNamespace, name: string(k)})
	}
	for _, ns := range e.places() {
		reads := []right{{ns, "get", "", "secrets", ""}, {ns, "list", "", "secrets", ""}}
		makes := []right{{ns, "create", "", "pods", ""}, {ns, "create", "", "pods", "exec"}, {ns, "create", "", "serviceaccounts", "token"}, {ns, "patch", "rbac.authorization.k8s.io", "roles", ""}}
		watcher.never = slices.Concat(watcher.never, reads, makes, []right{{ns, "create", "batch", "jobs", ""}, {ns, "create", "", "configmaps", ""}, {ns, "patch", "apps", "deployments", ""}, {ns, "delete", "", "pods", ""}})
		gate.never = slices.Concat(gate.never, reads, makes, []right{{ns, "get", "", "pods", "log"}, {ns, "patch", "apps", "deployments", ""}, {ns, "delete", "", "pods", ""}})
		for i := range executors {
			executors[i].never = slices.Concat(executors[i].never, reads, makes, []right{{ns, "create", "batch", "jobs", ""}})
		}
	}
	if !c.Remediate {
		executors = nil
	}
	return append([]account{watcher, gate}, executors...)
}

// rights compares what each account may do with what it is given, and asks for
// what none may have.
func (e *examination) rights(ctx context.Context) []row {
	var rows []row
	for _, a := range e.accounts() {
		name := "rights of " + a.what
		if e.wall == nil {
			rows = append(rows, row{name: name, detail: "without the executor Job it is not known what it is given", remedy: noWall})
			continue
		}
		found, err := e.rightsOf(ctx, a)
		if err != nil {
			rows = append(rows, unclear(name, err, ""))
			continue
		}
		rows = append(rows, rightsRow(name, a.user(), found))
	}
	return rows
}

// foundRights are the differences, each a few words.
type foundRights struct{ forbidden, more, less []string }

func rightsRow(name, user string, found foundRights) row {
	switch {
	case len(found.forbidden) > 0:
		return bad(name, "it may "+shortList(found.forbidden), "find the bindings of "+user+" and of its groups that give this, and remove them")
	case len(found.more) > 0:
		return bad(name, "it may do more than it is given: "+shortList(found.more), "find the bindings of "+user+" that give this, and remove them")
	case len(found.less) > 0:
		return bad(name, "it lacks: "+shortList(found.less), installAgain)
	}
	return good(name, "as this version gives them")
}

func shortList(items []string) string {
	const most = 3
	if len(items) > most {
		return strings.Join(items[:most], ", ") + fmt.Sprintf(" and %d more", len(items)-most)
	}
	return strings.Join(items, ", ")
}

func (e *examination) rightsOf(ctx context.Context, a account) (found foundRights, err error) {
	for _, r := range a.never {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: a.user(), Groups: a.groups(), ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: r.namespace, Verb: r.verb, Group: r.group, Resource: r.resource, Subresource: r.subresource,
			},
		}}
		answer, err := e.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return found, fmt.Errorf("ask whether %s may %s: %w", a.what, r, err)
		}
		if answer.Status.Allowed {
			found.forbidden = append(found.forbidden, r.String())
		}
	}
	for _, ns := range e.places() {
		has, err := e.rulesOf(ctx, a, ns)
		if err != nil {
			return found, err
		}
		// What an account without any binding of its own may do is not ours.
		anyone, err := e.rulesOf(ctx, account{what: a.what, namespace: a.namespace, name: "countersign-nobody"}, ns)
		if err != nil {
			return found, err
		}
		given := givenRules(e.set.RBAC, a, ns)
		for _, words := range uncovered(has, slices.Concat(given, anyone)) {
			found.more = append(found.more, words+" in "+ns)
		}
		for _, words := range uncovered(given, has) {
			found.less = append(found.less, words+" in "+ns)
		}
	}
	return found, nil
}

// rulesOf is what the API server says that the account may do in a namespace.
func (e *examination) rulesOf(ctx context.Context, a account, namespace string) ([]rbacv1.PolicyRule, error) {
	client, err := e.as(a.user(), a.groups()...)
	if err != nil {
		return nil, err
	}
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}
	answer, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask what %s may do in %s: %w", a.what, namespace, err)
	}
	rules := make([]rbacv1.PolicyRule, len(answer.Status.ResourceRules))
	for i, r := range answer.Status.ResourceRules {
		rules[i] = rbacv1.PolicyRule{Verbs: r.Verbs, APIGroups: r.APIGroups, Resources: r.Resources, ResourceNames: r.ResourceNames}
	}
	return rules, nil
}
