package doctor

import (
	"fmt"
	"slices"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/remediate"
)

// mustMeet lists the attempts of a kind that its rights let through to
// admission, so that nothing but the policy can refuse them. Each must have met
// it. Whatever else the executor tries must be refused too, by policy or rights.
func mustMeet(kind action.Kind) []string {
	if kind == action.DeletePod {
		return []string{"delete-without-uid"}
	}
	names := []string{
		"host-network", "host-pid", "host-ipc", "service-account", "privileged", "host-path", "node-name",
		"labels", "finalizers", "replicas",
	}
	if kind != action.SetImage && kind != action.Rollback {
		names = append(names, "image")
	}
	if kind != action.Rollback {
		names = append(names, "command")
	}
	return names
}

// alsoTried are the attempts that rights refuse before admission is asked.
func alsoTried() []string {
	return []string{"scale", "status", "delete", "labels", "evict", "create-pod", "token"}
}

// verdict says in one sentence without a full stop why the probe of an
// executor's account does not prove the policy on it; empty means that it does.
func verdict(kind action.Kind, policy string, r remediate.Result) string {
	if r.State != remediate.Probed {
		return fmt.Sprintf("the probe of %s could not be made", kind)
	}
	met := map[string]remediate.Outcome{}
	for _, a := range r.Probes {
		// A name that comes twice is judged by the worse answer.
		if met[a.Name] == "" || a.Outcome != remediate.ByPolicy {
			met[a.Name] = a.Outcome
		}
	}
	if met[remediate.OwnChange] != remediate.Open {
		return fmt.Sprintf("%s is refused the one change that it is for", kind)
	}
	for _, name := range mustMeet(kind) {
		switch met[name] {
		case remediate.ByPolicy:
		case remediate.Open:
			return fmt.Sprintf("policy %s does not refuse %s", policy, name)
		case remediate.ByRBAC, remediate.ByOther:
			return fmt.Sprintf("%s is refused to %s, but not by policy %s", name, kind, policy)
		default:
			return fmt.Sprintf("%s was not tried with %s", name, kind)
		}
	}
	for _, a := range r.Probes {
		if a.Name == remediate.OwnChange || a.Outcome == remediate.ByPolicy || a.Outcome == remediate.ByRBAC {
			continue
		}
		name := a.Name
		if !slices.Contains(alsoTried(), name) {
			name = "everything that it must" // a word of the executor's that we do not know
		}
		return fmt.Sprintf("policy %s does not refuse %s", policy, name)
	}
	return ""
}
