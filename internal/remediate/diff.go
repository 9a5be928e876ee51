package remediate

import (
	"regexp"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// secretName finds env names whose literal values people should not see. It is
// wide on purpose: a hidden value costs a look at the cluster, a shown one a
// rotation.
var secretName = regexp.MustCompile(`(?i)pass|pwd|secret|token|key|cred|auth|dsn|conn|cookie|private|salt|cert`)

// diff is the unified difference of two objects' bound parts as YAML, redacted
// before it is cut into lines, so that what spans lines is seen whole. missing
// is 1 where the parts differ and the redacted difference shows nothing.
func diff(red *redact.Redactor, before, after map[string]any) (text redact.Text, missing int) {
	a, b := boundYAML(red, before, after, "hidden-before"), boundYAML(red, after, before, "hidden-after")
	unified, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(a), B: difflib.SplitLines(b), Context: 3,
	})
	if err != nil || unified == "" {
		return redact.Text{}, 1
	}
	return red.Redact(strings.TrimRight(unified, "\n")), 0
}

// boundYAML renders the bound part of obj with secret-looking env values hidden;
// other is the state it is compared with, differs stands for a hidden value that
// the other state has not.
func boundYAML(red *redact.Redactor, obj, other map[string]any, differs string) string {
	spec, _ := runtime.DeepCopyJSONValue(obj["spec"]).(map[string]any)
	for _, list := range []string{"containers", "initContainers"} {
		hideEnv(templateContainers(map[string]any{"spec": spec}, list), templateContainers(other, list), differs, func(hidden []any) {
			setContainers(spec, list, hidden)
		})
	}
	raw, err := yaml.Marshal(action.BoundSpec(spec))
	if err != nil {
		return ""
	}
	return red.Redact(string(raw)).String()
}

// hideEnv replaces literal values of secret-looking names before the redactor
// sees the text, so that no pattern has to find them. A value that the other
// side has not says so, because the change itself must stay visible.
func hideEnv(containers, others []map[string]any, differs string, put func([]any)) {
	if len(containers) == 0 {
		return
	}
	hidden := make([]any, len(containers))
	for i, c := range containers {
		env, _ := c["env"].([]any)
		for _, e := range env {
			entry, _ := e.(map[string]any)
			name, _ := entry["name"].(string)
			value, literal := entry["value"].(string)
			if !literal || value == "" || !secretName.MatchString(name) {
				continue
			}
			entry["value"] = "hidden"
			if i >= len(others) || envValue(others[i], name) != value {
				entry["value"] = differs
			}
		}
		hidden[i] = c
	}
	put(hidden)
}

func envValue(container map[string]any, name string) string {
	env, _ := container["env"].([]any)
	for _, e := range env {
		if entry, _ := e.(map[string]any); entry["name"] == name {
			value, _ := entry["value"].(string)
			return value
		}
	}
	return ""
}

// setContainers puts a list of containers back into a spec.
func setContainers(spec map[string]any, list string, containers []any) {
	template, _ := spec["template"].(map[string]any)
	if pod, ok := template["spec"].(map[string]any); ok {
		pod[list] = containers
	}
}
