package policy

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/policies"
)

const cases = `
base:
  stage: execute
  now: 2026-11-20T12:00:00Z
  mode: approve
  action: {kind: set-image, target: {namespace: shop, name: cart}}
  confidence: {measured: true, lower: 0.9}
  rehearsed: true
  approvals: [{id: U1, team: T1}]
cases:
- name: one approval is enough
  want: {allow: true, quorum: 1, risk: medium, needsReason: false}
- name: not without one
  input: {approvals: []}
  want: {allow: false, reasons: ["0 of 1 approvals"]}
- input: {action: {target: {namespace: kube-system}}}
`

func files(of map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		text, ok := of[name]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		return []byte(text), nil
	}
}

func TestCasesAreAnsweredAndComparedWithWhatIsWanted(t *testing.T) {
	e := engine(t, policies.Source, settings())
	trial, err := Try(t.Context(), e, []string{"cases.yaml"}, files(map[string]string{"cases.yaml": cases}))
	if err != nil || trial.Failed != 0 || len(trial.Cases) != 3 {
		t.Fatalf("%+v %v", trial, err)
	}
	want := []string{
		"ok    one approval is enough: allowed, risk medium, quorum 1",
		"ok    not without one: denied", "        because 0 of 1 approvals",
		"ok    case 3: denied", "        because namespace kube-system is protected",
		"all as wanted",
	}
	if got := trial.Lines(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	wrong := strings.NewReplacer("allow: true, quorum: 1, risk: medium, needsReason: false", "allow: false, quorum: 2, risk: low, needsReason: true",
		"0 of 1", "9 of 1").Replace(cases)
	trial, err = Try(t.Context(), e, []string{"cases.yaml"}, files(map[string]string{"cases.yaml": wrong}))
	if err != nil || trial.Failed != 2 || len(trial.Cases[0].Differs) != 4 || len(trial.Cases[1].Differs) != 1 {
		t.Errorf("%+v %v", trial, err)
	}
}

func TestWhatIsNoCaseIsAnErrorThatNamesFileAndCase(t *testing.T) {
	e := engine(t, policies.Source, settings())
	for text, says := range map[string]string{
		"":                                       "there are none",
		"cases: []":                              "there are none",
		"cases: [{wrong: x}]":                    "wrong",
		"cases: [{name: x, input: {stge: 1}}]":   "x: input: ",
		"cases: [{name: x, input: 7}]":           "x: input: ",
		"base: []\ncases: [{name: x}]":           "x: input: ",
		"cases: [{name: x, want: {alow: true}}]": "alow",
		"cases:\n\t- x":                          "line 2",
	} {
		_, err := Try(t.Context(), e, []string{"cases.yaml"}, files(map[string]string{"cases.yaml": text}))
		if err == nil || !strings.HasPrefix(err.Error(), "cases.yaml: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v does not say %q", text, err, says)
		}
	}
	if _, err := Try(t.Context(), e, []string{"absent.yaml"}, files(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
}

func TestRegoTestsRunOnThePolicyWithItsSettings(t *testing.T) {
	const source = `package countersign

decision := {"allow": count(reasons) == 0, "reasons": reasons, "quorum": 2}

reasons contains "no" if not input.rehearsed

reasons contains "never" if input.stage == "never"
`
	const tests = `package countersign_test

import data.countersign

test_denies if not countersign.decision.allow with input as {}

test_settings if data.settings.perHour == 2

test_wrong if countersign.decision.allow with input as {}

test_fails if to_number("x") == 1
`
	e := engine(t, source, settings())
	trial, err := Try(t.Context(), e, []string{"mine_test.rego"}, files(map[string]string{"mine_test.rego": tests}))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(trial.Lines(), "\n")
	for _, line := range []string{
		"ok    data.countersign_test.test_denies\n", "ok    data.countersign_test.test_settings\n", "FAIL  data.countersign_test.test_wrong\n",
		"FAIL  data.countersign_test.test_fails: ", "no test reaches the lines 7\n", "2 not as wanted",
	} {
		if !strings.Contains(got+"\n", line) {
			t.Errorf("%q is not in\n%s", line, got)
		}
	}
	if trial.Failed != 2 || trial.Rego.Coverage < 50 || trial.Rego.Coverage > 99 {
		t.Errorf("%d failed, %v %%", trial.Failed, trial.Rego.Coverage)
	}
	for text, says := range map[string]string{
		"":                               "empty",
		"package x\n\ntest_a if }":       "mine_test.rego:3",
		"package x\n\ntest_a if aproved": "mine_test.rego:3",
		"package x\n\na := 1":            "no rules whose names begin with test_",
	} {
		_, err := Try(t.Context(), e, []string{"mine_test.rego"}, files(map[string]string{"mine_test.rego": text}))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v does not say %q", text, err, says)
		}
	}
	if _, err := Try(t.Context(), e, []string{sourceName}, files(map[string]string{sourceName: tests})); err == nil {
		t.Error("a test with the policy's name replaced the policy")
	}
}
