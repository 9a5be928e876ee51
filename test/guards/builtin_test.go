package guards_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/loader"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/countersign-dev/countersign/policies"
)

// The tests that stand beside the policy run here on the policy as it is
// embedded. The suite in policies reads the file, where an overlay does not show.
func TestTheTestsBesideThePolicyHoldForTheOneThatIsBuiltIn(t *testing.T) {
	beside, err := loader.NewFileLoader().All([]string{filepath.Join(root(t), "policies", "countersign_test.rego")})
	if err != nil {
		t.Fatal(err)
	}
	builtIn, err := ast.ParseModule("countersign.rego", policies.Source)
	if err != nil {
		t.Fatal(err)
	}
	modules := beside.ParsedModules()
	modules["countersign.rego"] = builtIn
	results, err := tester.NewRunner().SetStore(inmem.NewFromObject(beside.Documents)).SetModules(modules).RunTests(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for r := range results {
		ran++
		t.Run(strings.TrimPrefix(r.Name, "test_"), func(t *testing.T) {
			if !r.Pass() {
				t.Error(r)
			}
		})
	}
	if ran < 20 {
		t.Errorf("only %d tests ran", ran)
	}
}
