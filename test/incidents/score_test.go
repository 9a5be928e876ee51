package incidents

import (
	"errors"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

func finding(cause incident.Cause, kind, name string) Finding {
	return Finding{Cause: cause, Root: object{Kind: kind, Name: name}}
}

var (
	missing  = finding(incident.SecretMissing, "Secret", "keys")
	absent   = finding(incident.PVCMissing, "PersistentVolumeClaim", "data")
	wrong    = finding(incident.RolloutStuck, "Deployment", "web")
	another  = finding(incident.SecretMissing, "Secret", "other")
	fault    = Fault{Answer: missing.answer()}
	claimed  = Fault{Answer: absent.answer()}
	settling = func(f Finding) Finding { f.Settling = true; return f }
)

func TestOnlyTheExactAnswerAloneIsRight(t *testing.T) {
	guess := wrong
	guess.Hypotheses = append(guess.Hypotheses, struct {
		Cause incident.Cause `json:"cause"`
		Root  object         `json:"root"`
	}{missing.Cause, missing.Root})
	offers := missing
	offers.Fixes = append(offers.Fixes, struct {
		Kind action.Kind `json:"kind"`
	}{"restart"})
	two := &Scenario{Fault: fault, More: []Fault{claimed}}
	one := &Scenario{Fault: fault, Forbidden: []action.Kind{"restart"}}
	also := &Scenario{Fault: Fault{Answer: wrong.answer(), Also: []Answer{missing.answer()}}}
	for name, c := range map[string]struct {
		s          *Scenario
		got        []Finding
		ok         bool
		top1, top3 int
	}{
		"the exact answer":                          {one, []Finding{missing}, true, 1, 1},
		"nothing is a miss":                         {one, nil, false, 0, 0},
		"another cause is a miss":                   {one, []Finding{wrong}, false, 0, 0},
		"another root is a miss":                    {one, []Finding{another}, false, 0, 0},
		"a hypothesis counts for three":             {one, []Finding{guess}, false, 0, 1},
		"a second finding counts":                   {one, []Finding{missing, wrong}, false, 1, 1},
		"a second finding that stands first counts": {one, []Finding{wrong, missing}, false, 0, 0},
		"a forbidden fix counts":                    {one, []Finding{offers}, false, 1, 1},
		"what is as good is right":                  {also, []Finding{missing}, true, 1, 1},
		"two faults":                                {two, []Finding{absent, missing}, true, 2, 2},
		"two faults, one said twice":                {two, []Finding{missing, missing}, false, 1, 1},
		"two faults in one":                         {two, []Finding{missing}, false, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := score(c.s, []Look{{Findings: c.got}}, nil)
			if o.OK() != c.ok || o.Top1 != c.top1 || o.Top3 != c.top3 {
				t.Errorf("ok %v, top-1 %d, top-3 %d, want %v, %d, %d: %v", o.OK(), o.Top1, o.Top3, c.ok, c.top1, c.top3, o.Problems)
			}
		})
	}
}

func TestFixesAreCounted(t *testing.T) {
	offering := func(kinds ...action.Kind) Finding {
		f := missing
		for _, k := range kinds {
			f.Fixes = append(f.Fixes, struct {
				Kind action.Kind `json:"kind"`
			}{k})
		}
		return f
	}
	s := &Scenario{Fault: fault, Fixes: []action.Kind{"rollback"}, Forbidden: []action.Kind{"restart", "delete-pod"}}
	for name, c := range map[string]struct {
		got            Finding
		harmful, fixed int
	}{
		"nothing offered":   {offering(), 0, 0},
		"the right one":     {offering("set-image", "rollback"), 0, 1},
		"two harmful ones":  {offering("restart", "delete-pod"), 2, 0},
		"another, harmless": {offering("set-resources"), 0, 0},
	} {
		f := summarize([]Outcome{score(s, []Look{{Findings: []Finding{c.got}}}, nil)}, 0)
		if f.Harmful != c.harmful || f.Fixed != c.fixed || f.Fixable != 1 {
			t.Errorf("%s: want %d harmful and %d fixed of 1, have %+v", name, c.harmful, c.fixed, f)
		}
	}
}

func TestAnythingAboutAHealthyScenarioCounts(t *testing.T) {
	s := &Scenario{Healthy: true}
	for name, c := range map[string]struct {
		looks []Look
		asked []Look
		want  int
	}{
		"silence":                            {[]Look{{}, {}}, nil, 0},
		"an announcement that went away":     {[]Look{{Findings: []Finding{wrong}}, {}}, nil, 1},
		"a young one that went away":         {[]Look{{Findings: []Finding{settling(wrong)}}, {}}, nil, 0},
		"a young one that stands at the end": {[]Look{{}, {Findings: []Finding{settling(wrong)}}}, nil, 1},
		"the same twice is one":              {[]Look{{Findings: []Finding{wrong}}, {Findings: []Finding{wrong}}}, nil, 1},
		"an answer to who asks":              {[]Look{{}}, []Look{{Findings: []Finding{wrong}}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if o := score(s, c.looks, c.asked); o.False != c.want || o.OK() != (c.want == 0) {
				t.Errorf("%d false announcements, want %d: %v", o.False, c.want, o.Problems)
			}
		})
	}
}

func TestWhatCouldNotBeAskedIsAMiss(t *testing.T) {
	s := &Scenario{Name: "x", Fault: fault}
	for _, o := range []Outcome{
		failed(s, errors.New("it never showed")),
		score(s, nil, nil),
		score(s, []Look{{Findings: []Finding{missing}}, {Err: errors.New("forbidden")}}, nil),
	} {
		f := summarize([]Outcome{o}, 0)
		if o.OK() || f.Faults != 1 || f.Top1 != 0 || len(f.NotPlayed) != 1 || len(f.Misses) != 1 {
			t.Errorf("it was not counted: %+v", f)
		}
	}
}

func TestACleanBillForWhatDoesNotExistCounts(t *testing.T) {
	for name, c := range map[string]struct {
		answer Look
		want   int
	}{
		"an error":     {Look{Err: errors.New("not found")}, 0},
		"a clean bill": {Look{}, 1},
	} {
		o := Outcome{Healthy: true}
		o.scoreAbsent([]string{"pod/ghost"}, []Look{c.answer})
		if o.False != c.want || o.OK() != (c.want == 0) {
			t.Errorf("%s: %d false, problems %v", name, o.False, o.Problems)
		}
	}
}

func TestASecretInAnyAnswerIsAProblem(t *testing.T) {
	s := &Scenario{Fault: fault, Secrets: []string{"hunter2hunter2"}}
	o := score(s, []Look{{Raw: "password hunter2hunter2"}, {Findings: []Finding{missing}}}, nil)
	if o.OK() || strings.Contains(strings.Join(o.Problems, " "), "hunter2hunter2") {
		t.Errorf("problems: %v", o.Problems)
	}
}

func TestTheFiguresAddUp(t *testing.T) {
	all := []Outcome{
		score(&Scenario{Name: "a", Fault: fault}, []Look{{Findings: []Finding{missing}}}, nil),
		score(&Scenario{Name: "b", Fault: fault}, []Look{{Findings: []Finding{wrong, missing}}}, nil),
		score(&Scenario{Name: "c", Healthy: true}, []Look{{Findings: []Finding{wrong}}}, nil),
	}
	f := summarize(all, 0)
	if f.Faults != 2 || f.Top1 != 1 || f.Findings != 3 || f.False != 1 || f.Healthy != 1 || f.OK != 1 || f.top1() != 50 {
		t.Errorf("%+v", f)
	}
	for _, line := range []string{"secret-missing                     1    2  also secret-missing 1, rollout-stuck 1", "healthy                            0    1  also rollout-stuck 1"} {
		if got := confusion(all); !strings.Contains(got, line) {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
}
