package policies_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestThePolicyKeepsItsPromises runs the tests that stand beside the policy, and
// demands that they reach every line of it.
func TestThePolicyKeepsItsPromises(t *testing.T) {
	const policy = "countersign.rego"
	notRego := func(_ string, info fs.FileInfo, _ int) bool {
		return !info.IsDir() && filepath.Ext(info.Name()) != ".rego"
	}
	modules, store, err := tester.Load([]string{"."}, notRego)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Abort(ctx, txn)
	coverage := cover.New()
	results, err := tester.NewRunner().SetStore(store).SetModules(modules).SetCoverageQueryTracer(coverage).
		RaiseBuiltinErrors(true).RunTests(ctx, txn)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for r := range results {
		ran++
		if !r.Pass() {
			t.Errorf("%s: %s", r.Location, r)
		}
	}
	if ran < 20 {
		t.Errorf("only %d tests ran", ran)
	}
	report := coverage.Report(modules)
	file, ok := report.Files[policy]
	if !ok {
		t.Fatalf("no coverage of %s", policy)
	}
	for _, gap := range file.NotCovered {
		t.Errorf("%s:%d: no test reaches this", policy, gap.Start.Row)
	}
	t.Logf("%d tests, %.1f %% of %s", ran, file.Coverage, policy)
}
