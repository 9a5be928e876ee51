package calibrate

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
)

func TestAReportSaysWhatIsKnownAndWhatIsMissing(t *testing.T) {
	outcomes := append(told(3, 1), guessed(10, 20, "big")...)
	outcomes = append(outcomes, guessed(4, 3, "small")...)
	for n := range outcomes[:4] {
		outcomes[n].Incident = incident.ID(outcomes[n].Subject)
		outcomes[n].Shown = incident.Confidence{Value: 0.9, Measured: true}
	}
	b := NewBook(Record{Rules: map[string]Trials{"a.rule": {9, 9}, "b.rule": {2, 4}}}, outcomes)
	r := b.Report(outcomes)
	if r.Incidents != 4+200+12 || r.Shown.N != 4 || len(r.Rules) != 2 || len(r.Models) != 2 || r.Models[1].Calibrated != nil || r.Models[1].Series() != nil {
		t.Errorf("%+v", r)
	}
	big := r.Models[0]
	if big.Calibrated == nil || big.Calibrated.N != 200 || big.Outcomes != 200 || big.Faults != 10 || big.Calibrated.Brier > big.SelfReport.Brier || len(big.Series()) != 2 {
		t.Errorf("%+v", big)
	}
	var text bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, says := range []string{
		"a.rule  9 of 9  3 of 4 ", "b.rule  2 of 4  0 of 0 ", "not calibrated: needs 30 outcomes of 8 kinds", "216 closed incidents with a known outcome",
	} {
		if !strings.Contains(text.String(), says) {
			t.Errorf("the report does not say %q:\n%s", says, text.String())
		}
	}
	raw, err := json.Marshal(r)
	if err != nil || !bytes.Contains(raw, []byte(`"confidence":{"value":`)) || !bytes.Contains(raw, []byte(`"basis":"rule, 9 of 9 right in trials, 3 of 4 here"`)) ||
		!bytes.Contains(raw, []byte(`"calibrated":null`)) {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestAnEmptyReportIsOne(t *testing.T) {
	var text bytes.Buffer
	r := NewBook(Record{}, nil).Report(nil)
	if err := r.Text(&text); err != nil || r.Rules == nil || r.Models == nil {
		t.Errorf("%+v, %v", r, err)
	}
}
