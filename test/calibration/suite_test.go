package calibration

import (
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/calibrate"
	"github.com/countersign-dev/countersign/internal/incident"
)

// TestTheSuiteIsWideEnoughToMean keeps the suite from shrinking to what passes.
func TestTheSuiteIsWideEnoughToMean(t *testing.T) {
	const least = 8
	wanted := map[incident.Cause]int{}
	for _, b := range readBatches(t) {
		for _, tr := range b.Trials {
			wanted[tr.Want]++
		}
	}
	for _, cause := range []incident.Cause{
		incident.ImageNotFound, incident.ConfigMapMissing, incident.ConfigMapKeyMissing, incident.SecretMissing,
		incident.SecretKeyMissing, incident.EnvVarMissing, incident.AppError, incident.OOMKilled,
		incident.ProbeMisconfigured, incident.InsufficientCPU, incident.InsufficientMemory,
		incident.InsufficientResource, incident.CommandNotFound, incident.InitContainerFailed,
		incident.Unknown, healthy,
	} {
		if wanted[cause] < least {
			t.Errorf("%d trials want %s, at least %d should", wanted[cause], cause, least)
		}
	}
}

func TestAMissCountsAgainstTheRuleThatSpoke(t *testing.T) {
	at := func(cause incident.Cause, root string) answer { return answer{cause, root} }
	got := tally([]outcome{
		{want: at("oom-killed", "Deployment/a"), got: at("oom-killed", "Deployment/a"), rule: "run.oom"},
		{want: at("oom-killed", "Deployment/a"), got: at("app-error", "Deployment/a"), rule: "crash.trace"},
		{want: at("secret-missing", "Secret/a"), got: at("secret-missing", "Secret/b"), rule: "config.missing"},
		{want: at(healthy, ""), got: at("oom-killed", "Deployment/a"), rule: "run.oom"},
		{want: at("oom-killed", "Deployment/a"), got: at("unknown", "Deployment/a")},
		{want: at(healthy, ""), got: at(healthy, "")},
	})
	want := map[string]calibrate.Trials{"run.oom": {Right: 1, Of: 2}, "crash.trace": {Of: 1}, "config.missing": {Of: 1}}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	for rule, w := range want {
		if got[rule] != w {
			t.Errorf("%s: %+v, want %+v", rule, got[rule], w)
		}
	}
}

func TestTheTableShowsEveryMiss(t *testing.T) {
	text := table([]outcome{
		{trial: "a/x", want: answer{"oom-killed", "Deployment/x"}, got: answer{"unknown", "Deployment/x"}},
		{trial: "a/y", want: answer{"secret-missing", "Secret/y"}, got: answer{"secret-missing", "Secret/z"}, rule: "config.missing"},
		{trial: "a/z", want: answer{cause: healthy}, got: answer{cause: healthy}},
	})
	for _, says := range []string{
		"a/x: wanted oom-killed Deployment/x, got unknown Deployment/x by no rule",
		"a/y: wanted secret-missing Secret/y, got secret-missing Secret/z by config.missing",
		"3 trials, 2 misses", "secret-missing of another root 1",
	} {
		if !strings.Contains(text, says) {
			t.Errorf("the table does not say %q:\n%s", says, text)
		}
	}
}
