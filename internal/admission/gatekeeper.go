package admission

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign-dev/countersign/internal/action"
)

// DefaultBreakGlass is the group that may delete in protected namespaces where
// the optional policy says that nobody else may.
const DefaultBreakGlass = "countersign:break-glass"

// constraintGroup is where Gatekeeper makes a kind of every template.
const constraintGroup = "constraints.gatekeeper.sh/v1beta1"

// GatekeeperConstraints gives the parameters to the templates of gatekeeper/,
// which repeat the wall in Rego: which write is whose, which namespaces are
// protected, what gives a pod power. They repeat less than the policies: no
// template can compare with the pinned Job or with the fields of a kind.
func (c Config) GatekeeperConstraints() ([]*unstructured.Unstructured, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("admission configuration: %w", err)
	}
	writes, accounts := []any{}, []any{}
	for _, k := range c.kinds() {
		entry, ok := action.Lookup(k)
		if !ok {
			return nil, fmt.Errorf("action kind %q is not in the catalogue", k)
		}
		operation := "UPDATE"
		if entry.Verb == "delete" {
			operation = "DELETE"
		}
		writes = append(writes, map[string]any{"account": string(k), "operation": operation, "group": entry.Group, "resource": entry.Resource})
		accounts = append(accounts, string(k))
	}
	executors := c.constraint("CountersignExecutor", "executors", map[string]any{
		"executorNamespace":   c.ExecutorNamespace,
		"protectedNamespaces": plainList(c.ProtectedNamespaces()...),
		"protectedLabel":      action.ProtectedLabel,
		"writes":              writes,
	})
	gate := c.constraint("CountersignGate", "gate", map[string]any{
		"gate": c.GateUser(), "namespace": c.Namespace, "executorNamespace": c.ExecutorNamespace,
		"jobName": action.NamePattern, "accounts": accounts,
		"own": []any{
			map[string]any{"group": "coordination.k8s.io", "resource": "leases", "name": c.Gate, "operations": plainList("CREATE", "UPDATE")},
			map[string]any{"group": "", "resource": "configmaps", "name": action.AnchorName, "operations": plainList("CREATE", "UPDATE")},
			map[string]any{"group": "", "resource": "configmaps", "name": action.SwitchName, "operations": plainList("UPDATE")},
			map[string]any{"group": "", "resource": "events", "operations": plainList("CREATE")},
			map[string]any{"group": "events.k8s.io", "resource": "events", "operations": plainList("CREATE")},
		},
	})
	return []*unstructured.Unstructured{executors, gate}, nil
}

// ProtectedDeletes is the constraint of the policy that is off by default: in
// protected namespaces only nodes, the controllers of kube-system and the group
// breakGlass delete anything. Where the label says that a namespace is protected,
// who may change the label may open it.
func (c Config) ProtectedDeletes(breakGlass string) (*unstructured.Unstructured, error) {
	if err := c.checkBreakGlass(breakGlass); err != nil {
		return nil, err
	}
	return c.constraint("CountersignProtectedDeletes", "protected-deletes", map[string]any{
		"protectedNamespaces": plainList(c.ProtectedNamespaces()...),
		"protectedLabel":      action.ProtectedLabel,
		"exemptUsers":         plainList(deletersByName()...),
		"exemptPrefixes":      plainList(deletersByPrefix()...),
		"breakGlassGroup":     breakGlass,
	}), nil
}

// checkBreakGlass refuses a group that half the cluster is in.
func (c Config) checkBreakGlass(group string) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("admission configuration: %w", err)
	}
	if group == "" || strings.HasPrefix(group, "system:") || strings.ContainsAny(group, "'\"\\\n") {
		return fmt.Errorf("break-glass group %q: name a group of its own, without quotes, outside system:", group)
	}
	return nil
}

// The deleters without which a cluster does not work.
func deletersByName() []string {
	return []string{"system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"}
}

func deletersByPrefix() []string {
	return []string{"system:node:", "system:serviceaccount:kube-system:"}
}

// constraint has no match: what the webhook hands over is reviewed whole, and
// what a template is about, its Rego says.
func (c Config) constraint(kind, name string, parameters map[string]any) *unstructured.Unstructured {
	labels := map[string]any{}
	for k, v := range ownLabels() {
		labels[k] = v
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": constraintGroup, "kind": kind,
		"metadata": map[string]any{"name": c.name(name), "labels": labels},
		"spec":     map[string]any{"enforcementAction": "deny", "parameters": parameters},
	}}
}

func plainList(items ...string) []any {
	plain := make([]any, len(items))
	for i, s := range items {
		plain[i] = s
	}
	return plain
}
