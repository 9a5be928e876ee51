package policy

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/policies"
)

// docs/policy.md has two YAML blocks: settings with every key, and cases that
// hold under them.
func TestTheExamplesInTheDocumentationHold(t *testing.T) {
	raw, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, part := range strings.Split(string(raw), "```yaml\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of YAML", len(blocks))
	}
	s, err := ParseSettings([]byte(blocks[0]), DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	written, err := yaml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var keys, described map[string]any
	if yaml.Unmarshal(written, &keys) != nil || yaml.Unmarshal([]byte(blocks[0]), &described) != nil || len(keys) != len(described) {
		t.Errorf("settings have %d keys, %d are described", len(keys), len(described))
	}
	d := DefaultSettings()
	d.Approvers, d.TeamApprovers, d.RiskApprovers, d.BreakGlass = s.Approvers, s.TeamApprovers, s.RiskApprovers, s.BreakGlass
	d.NamespaceKinds, d.ReasonFor, d.NamespacePerHour, d.Freezes = s.NamespaceKinds, s.ReasonFor, s.NamespacePerHour, s.Freezes
	d.Protected = append([]string{"vault"}, d.Protected...)
	if diff := cmp.Diff(d, s); diff != "" {
		t.Errorf("what looks like a default is another: %s", diff)
	}
	trial, err := Try(t.Context(), engine(t, policies.Source, s), []string{"docs"}, func(string) ([]byte, error) { return []byte(blocks[1]), nil })
	if err != nil || trial.Failed > 0 || len(trial.Cases) != 4 {
		t.Errorf("%v\n%s", err, strings.Join(trial.Lines(), "\n"))
	}
}
