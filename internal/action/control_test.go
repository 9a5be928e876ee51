package action

import (
	"maps"
	"testing"
	"time"
)

func TestOnlyAnUnusedSwitchOrOneThatSaysRunLetsExecutorsAct(t *testing.T) {
	for name, tc := range map[string]struct {
		data    map[string]string
		stopped bool
	}{
		"no ConfigMap":              {nil, false},
		"an empty ConfigMap":        {map[string]string{}, false},
		"run":                       {map[string]string{"state": "run"}, false},
		"run, said by somebody":     {map[string]string{"state": "run", "by": "U1", "reason": "over"}, false},
		"stop":                      {map[string]string{"state": "stop"}, true},
		"a word that nobody knows":  {map[string]string{"state": "pause"}, true},
		"run in another case":       {map[string]string{"state": "Run"}, true},
		"run with a line break":     {map[string]string{"state": "run\n"}, true},
		"an empty state":            {map[string]string{"state": ""}, true},
		"a reason without a state":  {map[string]string{"reason": "incident 12"}, true},
		"the state under a new key": {map[string]string{"State": "run"}, true},
	} {
		if got := ReadSwitch(tc.data); got.Stopped != tc.stopped {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestASwitchReadsBackAsItWasWritten(t *testing.T) {
	for _, s := range []Switch{
		{Stopped: true, By: "U02ALICE", Reason: "a bad rollout\nin shop", At: at()},
		{By: "U02ALICE", Reason: "over", At: at()},
		{Stopped: true},
		{},
	} {
		if got := ReadSwitch(s.Data()); got != s {
			t.Errorf("%+v came back as %+v", s, got)
		}
	}
	zoned := Switch{Stopped: true, At: at().In(time.FixedZone("x", 3600)).Add(time.Millisecond)}
	if got := ReadSwitch(zoned.Data()); !got.At.Equal(at()) || got.At.Location() != time.UTC {
		t.Errorf("%v", got.At)
	}
	odd := Switch{Stopped: true}.Data()
	odd["at"] = "yesterday"
	if got := ReadSwitch(odd); !got.Stopped || !got.At.IsZero() {
		t.Errorf("%+v", got)
	}
}

func FuzzReadSwitch(f *testing.F) {
	f.Add("run", "U1", "2026-11-20T14:00:00Z", "x")
	f.Add("stop", "", "", "")
	f.Fuzz(func(t *testing.T, state, by, when, reason string) {
		data := map[string]string{"state": state, "by": by, "at": when, "reason": reason}
		s := ReadSwitch(data)
		if s.Stopped == (state == "run") {
			t.Fatalf("state %q: %+v", state, s)
		}
		again := s.Data()
		if got := ReadSwitch(again); got != s || !maps.Equal(got.Data(), again) {
			t.Fatalf("%+v came back as %+v", s, got)
		}
	})
}
