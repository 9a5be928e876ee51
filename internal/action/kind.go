package action

import (
	"sort"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Kind is one kind of change. Each has an executor ServiceAccount of its own,
// named like the kind. The zero value is no kind and validates nowhere.
type Kind string

// The kinds of this release. A kind is never renamed: digests and audit logs
// hold it.
const (
	DeletePod    Kind = "delete-pod"
	Restart      Kind = "restart"
	Rollback     Kind = "rollback"
	SetImage     Kind = "set-image"
	SetResources Kind = "set-resources"
)

// Risk is the tier that policy attaches a quorum to. The zero value is unknown
// and is treated as high.
type Risk int

const (
	RiskUnknown Risk = iota
	RiskLow
	RiskMedium
	RiskHigh
)

// String is the word that cards and policies use.
func (r Risk) String() string {
	switch r {
	case RiskLow:
		return "low"
	case RiskMedium:
		return "medium"
	case RiskUnknown, RiskHigh:
		return "high"
	}
	return "high"
}

// Entry says of one kind what it touches and what it needs.
type Entry struct {
	Kind Kind
	// Verb, Group and Resource are the single write this kind makes.
	Verb, Group, Resource string
	// TargetKinds are the object kinds a target may have, with their API version.
	TargetKinds map[string]string
	Risk        Risk
	// Irreversible is the sentence shown before the click where no inverse
	// exists; empty where there is one.
	Irreversible string
	// Reads are what the executor must look at before it writes. "get
	// namespaces" in a RoleBinding allows the binding's own namespace only.
	Reads []rbacv1.PolicyRule
}

// Rules are the RBAC rules of this kind's executor account, write first.
func (e Entry) Rules() []rbacv1.PolicyRule {
	write := rbacv1.PolicyRule{APIGroups: []string{e.Group}, Resources: []string{e.Resource}, Verbs: []string{e.Verb}}
	return append([]rbacv1.PolicyRule{write}, e.Reads...)
}

func readRule(group string, verbs []string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// Catalogue lists every kind, in the order of their names.
func Catalogue() []Entry {
	get, list := []string{"get"}, []string{"list"}
	deployment := map[string]string{"Deployment": "apps/v1"}
	workload := func(k Kind, risk Risk, irreversible string) Entry {
		return Entry{
			Kind: k, Verb: "patch", Group: "apps", Resource: "deployments", TargetKinds: deployment,
			Risk: risk, Irreversible: irreversible,
			Reads: []rbacv1.PolicyRule{
				readRule("", get, "namespaces"),
				readRule("apps", get, "deployments"),
				readRule("apps", list, "replicasets"),
				readRule("autoscaling", list, "horizontalpodautoscalers"),
			},
		}
	}
	entries := []Entry{
		{
			Kind: DeletePod, Verb: "delete", Group: "", Resource: "pods",
			TargetKinds: map[string]string{"Pod": "v1"}, Risk: RiskLow,
			Irreversible: "cannot be undone: the pod is gone, its controller makes a new one",
			Reads: []rbacv1.PolicyRule{
				readRule("", get, "pods", "namespaces"),
				readRule("apps", get, "replicasets", "statefulsets", "daemonsets", "deployments"),
				readRule("batch", get, "jobs"),
				readRule("policy", list, "poddisruptionbudgets"),
			},
		},
		workload(Restart, RiskLow, "cannot be undone: every pod is replaced"),
		workload(Rollback, RiskMedium, ""),
		workload(SetImage, RiskMedium, ""),
		workload(SetResources, RiskMedium, ""),
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Kind < entries[j].Kind })
	return entries
}

// Lookup finds the entry of a kind; ok is false for a kind that does not exist.
func Lookup(k Kind) (entry Entry, ok bool) {
	for _, e := range Catalogue() {
		if e.Kind == k {
			return e, true
		}
	}
	return Entry{}, false
}
