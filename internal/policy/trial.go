package policy

import (
	"context"
	"fmt"
	"strings"
)

// Trial is a policy put to the test: cases and Rego tests.
type Trial struct {
	Digest string      `json:"digest"`
	Cases  []Outcome   `json:"cases,omitempty"`
	Rego   *TestReport `json:"rego,omitempty"`
	Failed int         `json:"failed"` // how many of both are not as wanted
}

// Try runs the files, which read gets by name: *.rego are Rego tests, all others
// are cases in YAML. Errors begin with the file.
func Try(ctx context.Context, e *Engine, files []string, read func(string) ([]byte, error)) (Trial, error) {
	trial := Trial{Digest: string(e.Digest())}
	tests := map[string]string{}
	for _, file := range files {
		raw, err := read(file)
		if err != nil {
			return Trial{}, err
		}
		if strings.HasSuffix(file, ".rego") {
			tests[file] = string(raw)
			continue
		}
		cases, err := ParseCases(raw)
		if err != nil {
			return Trial{}, fmt.Errorf("%s: %w", file, err)
		}
		outcomes, err := cases.Try(ctx, e)
		if err != nil {
			return Trial{}, fmt.Errorf("%s: %w", file, err)
		}
		trial.Cases = append(trial.Cases, outcomes...)
	}
	if len(tests) > 0 {
		report, err := e.RunRegoTests(ctx, tests)
		if err != nil {
			return Trial{}, err
		}
		trial.Rego = &report
	}
	trial.Failed = trial.failed()
	return trial, nil
}

func (t Trial) failed() (n int) {
	for _, o := range t.Cases {
		if len(o.Differs) > 0 {
			n++
		}
	}
	if t.Rego != nil {
		for _, r := range t.Rego.Tests {
			if !r.Pass {
				n++
			}
		}
	}
	return n
}

// Lines is the trial for people to read.
func (t Trial) Lines() []string {
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, o := range t.Cases {
		mark, answer := "ok  ", "denied"
		if len(o.Differs) > 0 {
			mark = "FAIL"
		}
		if o.Decision.Allow {
			answer = fmt.Sprintf("allowed, risk %s, quorum %d", o.Decision.Risk, o.Decision.Quorum)
		}
		if o.Decision.NeedsReason {
			answer += ", needs a reason"
		}
		say("%s  %s: %s", mark, o.Name, answer)
		for _, reason := range o.Decision.Reasons {
			say("        because %s", reason)
		}
		for _, d := range o.Differs {
			say("        but %s", d)
		}
	}
	if t.Rego != nil {
		for _, r := range t.Rego.Tests {
			switch {
			case r.Pass:
				say("ok    %s", r.Name)
			case r.Why != "":
				say("FAIL  %s: %s", r.Name, r.Why)
			default:
				say("FAIL  %s", r.Name)
			}
		}
		say("%.1f %% of the policy is reached by Rego tests%s", t.Rego.Coverage, missed(t.Rego.Missed))
	}
	if t.Failed > 0 {
		say("%d not as wanted", t.Failed)
	} else {
		say("all as wanted")
	}
	return lines
}

func missed(lines []int) string {
	if len(lines) == 0 {
		return ""
	}
	return "; no test reaches the lines " + strings.Trim(fmt.Sprint(lines), "[]")
}
