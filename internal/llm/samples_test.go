package llm

import (
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/test/geministub"
)

func sampling(n int) func(*Config) { return func(c *Config) { c.Samples = n } }

// other is a sound answer with another cause.
func other() claim {
	c := sound()
	c.Cause, c.Confidence, c.Candidate = string(incident.AppError), 0.95, -1
	return c
}

func TestAgreementOfSamplesIsRecordedAndRanks(t *testing.T) {
	stub := startGemini(t)
	stub.On(geministub.Seed(1), geministub.Answer(saying(sound())))
	unsure := other()
	unsure.Confidence = 0.1
	stub.On(geministub.Seed(2), geministub.Answer(saying(sound(), unsure)))
	stub.On(geministub.Seed(3), geministub.Answer(saying()))
	stub.On(geministub.Seed(4), geministub.Finish("SAFETY"))
	stub.On(nil, geministub.Answer(saying(other(), sound())))
	e := geminiOf(t, stub, sampling(5))
	got := explain(t, e)
	if len(stub.Calls()) != 5 || got.Calls != 5 || e.Account().Calls != 5 || e.Account().CallsFailed != 1 {
		t.Fatalf("%d calls, %d said, %+v", len(stub.Calls()), got.Calls, e.Account())
	}
	if len(got.Hypotheses) != 2 {
		t.Fatalf("%+v", got.Hypotheses)
	}
	first, second := got.Hypotheses[0], got.Hypotheses[1]
	if first.Cause != incident.ConfigInvalid || first.Agreeing != 2 || first.Samples != 4 || first.SelfReport != 0.7 || first.Candidate != 0 {
		t.Errorf("first %+v", first)
	}
	if second.Cause != incident.AppError || second.Agreeing != 1 || second.SelfReport != 0.95 {
		t.Errorf("second %+v", second)
	}
	if basis := first.Confidence.Basis.String(); basis != "model, uncalibrated; 2 of 4 answers put it first" || first.Confidence.Measured {
		t.Errorf("basis %q", basis)
	}
	explain(t, e)
	if len(stub.Calls()) != 6 { // the refused one alone
		t.Errorf("sound samples are asked again: %d calls", len(stub.Calls()))
	}
}

func TestOneSampleIsWhatIsTakenWithoutASetting(t *testing.T) {
	stub := startGemini(t)
	stub.On(nil, geministub.Answer(saying(sound())))
	got := explain(t, geminiOf(t, stub))
	if h := got.Hypotheses[0]; len(stub.Calls()) != 1 || h.Samples != 0 || h.Agreeing != 0 || h.SelfReport != 0.7 {
		t.Errorf("%d calls, %+v", len(stub.Calls()), h)
	}
	if stub.Calls()[0].Request.GenerationConfig.Seed != nil {
		t.Error("a seed was sent")
	}
	if e := geminiOf(t, stub, sampling(50)); e.samples != MaxSamples {
		t.Errorf("%d samples", e.samples)
	}
}

func TestNothingIsSampledWhereNothingHeldUp(t *testing.T) {
	stub := startGemini(t)
	stub.On(nil, geministub.Answer(saying()))
	if explain(t, geminiOf(t, stub, sampling(5))); len(stub.Calls()) != 1 {
		t.Errorf("%d calls", len(stub.Calls()))
	}
}

func TestSamplesStayWithinTheBudget(t *testing.T) {
	stub := startGemini(t)
	stub.On(nil, geministub.Answer(saying(sound())))
	got := explain(t, geminiOf(t, stub, sampling(5), func(c *Config) { c.CallsPerHour = 3 }))
	if len(stub.Calls()) != 3 || len(got.Hypotheses) != 1 || got.Hypotheses[0].Samples != 3 || got.Hypotheses[0].Agreeing != 3 {
		t.Errorf("%d calls, %+v", len(stub.Calls()), got.Hypotheses)
	}
}

func TestAFixStandsWhereMostAnswersChooseIt(t *testing.T) {
	for _, tt := range []struct {
		votes map[int]int
		want  int
	}{
		{map[int]int{0: 3, -1: 2}, 0}, {map[int]int{0: 2, -1: 2}, -1}, {map[int]int{0: 2, 1: 2}, -1}, {map[int]int{1: 1}, 1}, {nil, -1},
	} {
		if got := majority(tt.votes); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.votes, got, tt.want)
		}
	}
}

func TestANovelCauseBringsNoFix(t *testing.T) {
	c := sound()
	c.Cause, c.NovelText, c.Candidate = novel, "schema migration missing", 0
	got := dossierOfCrash().judge(saying(c), uncalibrated)
	if len(got) != 1 || !got[0].Novel || got[0].Candidate != -1 || got[0].Cause != incident.Unknown {
		t.Errorf("%+v", got)
	}
}
