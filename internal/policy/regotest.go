package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestReport is what Rego tests said about a policy.
type TestReport struct {
	Tests []TestResult `json:"tests"`
	// Coverage of the policy in percent, and the lines that no test reaches.
	Coverage float64 `json:"coverage"`
	Missed   []int   `json:"missed,omitempty"`
}

// TestResult is one test.
type TestResult struct {
	Name string `json:"name"`
	Pass bool   `json:"pass"`
	Why  string `json:"why,omitempty"` // of an error
}

// RunRegoTests runs the test_ rules of files (name to text) against the policy,
// with the settings as data.settings.
func (e *Engine) RunRegoTests(ctx context.Context, files map[string]string) (TestReport, error) {
	modules := map[string]*ast.Module{}
	for name, text := range files {
		if err := parseInto(modules, name, text); err != nil {
			return TestReport{}, err
		}
	}
	if err := parseInto(modules, sourceName, e.source); err != nil {
		return TestReport{}, err
	}
	raw, err := json.Marshal(e.settings)
	if err != nil {
		return TestReport{}, fmt.Errorf("encode policy settings: %w", err)
	}
	var data any
	if err := json.Unmarshal(raw, &data); err != nil {
		return TestReport{}, fmt.Errorf("encode policy settings: %w", err)
	}
	store := inmem.NewFromObject(map[string]any{"settings": data})
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
	if err != nil {
		return TestReport{}, fmt.Errorf("run Rego tests: %w", err)
	}
	defer store.Abort(ctx, txn)
	reached := cover.New()
	results, err := tester.NewRunner().SetStore(store).SetModules(modules).SetCoverageQueryTracer(reached).
		RaiseBuiltinErrors(true).RunTests(ctx, txn)
	if err != nil {
		return TestReport{}, errors.New(oneLine(err))
	}
	var report TestReport
	for r := range results {
		t := TestResult{Name: r.Package + "." + r.Name, Pass: r.Pass()}
		if r.Error != nil {
			t.Why = oneLine(r.Error)
		}
		report.Tests = append(report.Tests, t)
	}
	if len(report.Tests) == 0 {
		return TestReport{}, errors.New("there are no rules whose names begin with test_")
	}
	if file, ok := reached.Report(modules).Files[sourceName]; ok {
		report.Coverage = file.Coverage
		for _, gap := range file.NotCovered {
			report.Missed = append(report.Missed, gap.Start.Row)
		}
		slices.Sort(report.Missed)
		report.Missed = slices.Compact(report.Missed)
	}
	return report, nil
}

func parseInto(modules map[string]*ast.Module, name, text string) error {
	if _, twice := modules[name]; twice {
		return fmt.Errorf("%s: the policy itself has this name; call the test otherwise", name)
	}
	module, err := ast.ParseModule(name, text)
	if err != nil {
		return errors.New(oneLine(err))
	}
	if module == nil {
		return fmt.Errorf("%s: the file is empty", name)
	}
	modules[name] = module
	return nil
}
