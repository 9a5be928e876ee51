package chat

import (
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

func TestAPercentageIsShownFor30OutcomesAndWordsForFewer(t *testing.T) {
	basis := redact.Literal("rule, 9 of 9 right")
	for _, c := range []struct {
		name string
		c    incident.Confidence
		want string
	}{
		{"nothing measured", incident.Confidence{Value: 0.7, Lower: 0.7, Outcomes: 40, Basis: basis}, "rule, 9 of 9 right"},
		{"30 outcomes", incident.Confidence{Value: 1, Lower: 0.948, Measured: true, Outcomes: 30, Basis: basis}, "100% sure, at least 95%: rule, 9 of 9 right"},
		{"29 outcomes", incident.Confidence{Value: 1, Lower: 0.946, Measured: true, Outcomes: 29, Basis: basis}, "very high, from few outcomes: rule, 9 of 9 right"},
		{"9 outcomes", incident.Confidence{Value: 1, Lower: 0.846, Measured: true, Outcomes: 9, Basis: basis}, "high, from few outcomes: rule, 9 of 9 right"},
		{"at the floor", incident.Confidence{Value: 1, Lower: 0.75, Measured: true, Outcomes: 5}, "high, from few outcomes"},
		{"below the floor", incident.Confidence{Value: 1, Lower: 0.7499, Measured: true, Outcomes: 4}, "fair, from few outcomes"},
		{"mostly wrong", incident.Confidence{Value: 0.4, Lower: 0.2, Measured: true, Outcomes: 5}, "low, from few outcomes"},
	} {
		if got := sureText(c.c).String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
