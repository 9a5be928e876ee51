package calibrate

import (
	"math"
	"strings"
	"testing"
)

func TestLowerIsWilsonsOneSidedBoundOf90Percent(t *testing.T) {
	for _, c := range []struct {
		right, of int
		want      float64
	}{
		// n/(n+z²) where all were right, with z² = 1.6424.
		{1, 1, 0.3784}, {3, 3, 0.6462}, {8, 8, 0.8297}, {20, 20, 0.9241}, {100, 100, 0.9838},
		// Found by inverting the score test by bisection, not by the closed form.
		{11, 13, 0.6804}, {9, 10, 0.7176}, {5, 10, 0.3122}, {1, 10, 0.0304},
		{0, 1, 0}, {0, 50, 0}, {0, 0, 0},
	} {
		if got := Lower(Trials{Right: c.right, Of: c.of}); math.Abs(got-c.want) > 0.00005 {
			t.Errorf("Lower(%d of %d) = %.4f, want %.4f", c.right, c.of, got, c.want)
		}
	}
}

func TestLowerNeverExceedsTheShareAndGrowsWithEvidence(t *testing.T) {
	for of := 1; of <= 60; of++ {
		last := -1.0
		for right := 0; right <= of; right++ {
			low, share := Lower(Trials{right, of}), float64(right)/float64(of)
			switch {
			case low < 0 || low > share+1e-12 || math.IsNaN(low):
				t.Fatalf("%d of %d: the bound %f is outside 0 to %f", right, of, low, share)
			case low <= last && right > 1:
				t.Fatalf("%d of %d: one more right did not raise the bound above %f", right, of, last)
			case Lower(Trials{2 * right, 2 * of}) < low-1e-12:
				t.Fatalf("%d of %d: twice the evidence lowers the bound", right, of)
			}
			last = low
		}
	}
}

func TestARuleWithoutTrialsHasNoFigure(t *testing.T) {
	r := Record{Rules: map[string]Trials{"none": {}, "some": {Right: 9, Of: 10}}}
	for _, rule := range []string{"none", "unheard-of", ""} {
		if c := r.Confidence(rule); c.Measured || c.Value != 0 || c.Lower != 0 {
			t.Errorf("%q: %+v", rule, c)
		}
	}
	c := r.Confidence("some")
	if !c.Measured || c.Value != 0.9 || c.Lower >= 0.9 || !strings.Contains(c.Basis.String(), "9 of 10") {
		t.Errorf("%+v", c)
	}
	if c := (Record{}).Confidence("some"); c.Measured {
		t.Errorf("an empty record measures: %+v", c)
	}
}

func TestTheShippedRecordIsOneThatARunCouldHaveMade(t *testing.T) {
	r, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rules) == 0 || !strings.HasPrefix(r.By, "go test ./") {
		t.Errorf("the record of %d rules is by %q", len(r.Rules), r.By)
	}
	for id, trials := range r.Rules {
		if trials.Of < 1 || trials.Right < 0 || trials.Right > trials.Of {
			t.Errorf("%s: %d right of %d", id, trials.Right, trials.Of)
		}
	}
}
