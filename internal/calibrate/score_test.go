package calibrate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// pairsOf draws outcomes; true is how likely what was said comes true.
func pairsOf(n int, comesTrue func(said float64) float64) []Pair {
	r := rand.New(rand.NewPCG(5, 6))
	out := make([]Pair, n)
	for i := range out {
		said := math.Round(100*r.Float64()) / 100
		out[i] = Pair{said, r.Float64() < comesTrue(said)}
	}
	return out
}

func TestScoresTellADistanceThatIsThereFromNoise(t *testing.T) {
	honest := Score(pairsOf(3000, func(p float64) float64 { return p }))
	bold := Score(pairsOf(3000, func(p float64) float64 { return p / 2 })) // the mean distance is a quarter
	if honest.ECE > 0.015 || honest.RMS > 0.02 || honest.PlainECE < honest.ECE {
		t.Errorf("what is calibrated scores %+v", honest)
	}
	if math.Abs(bold.ECE-0.25) > 0.02 || math.Abs(bold.RMS-0.5/math.Sqrt(3)) > 0.02 {
		t.Errorf("ECE %.3f and RMS %.3f, want 0.25 and 0.289", bold.ECE, bold.RMS)
	}
}

func TestTheCorrectionTakesAwayWhatFewOutcomesAdd(t *testing.T) {
	plain, debiased := 0.0, 0.0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		var pairs []Pair
		for range 300 {
			said := r.Float64()
			pairs = append(pairs, Pair{said, r.Float64() < said})
		}
		s := Score(pairs)
		plain, debiased = plain+s.PlainECE/200, debiased+s.ECE/200
	}
	if plain < 0.05 || debiased > 0.66*plain {
		t.Errorf("on average %.3f without the correction and %.3f with it, where the truth is 0", plain, debiased)
	}
}

func TestThePartsOfTheBrierScoreAddUp(t *testing.T) {
	s := Score(pairsOf(500, func(p float64) float64 { return p * p }))
	if sum := s.Reliability - s.Resolution + s.Uncertainty + s.Within; math.Abs(sum-s.Brier) > 1e-12 {
		t.Errorf("the parts add up to %g, the score is %g", sum, s.Brier)
	}
	certain := Score([]Pair{{1, true}, {0, false}, {1, true}})
	if certain.Brier != 0 || certain.ECE != 0 {
		t.Errorf("%+v", certain)
	}
	if none := Score(nil); none.N != 0 || none.Brier != 0 || none.Bins == nil {
		t.Errorf("%+v", none)
	}
}

func TestTheOrderOfOutcomesChangesNoScore(t *testing.T) {
	pairs := pairsOf(400, func(p float64) float64 { return p })
	for n := range pairs {
		pairs[n].Said = math.Round(10*pairs[n].Said) / 10 // many alike
	}
	a := Score(pairs)
	slices.Reverse(pairs)
	b := Score(pairs)
	if math.Abs(a.ECE-b.ECE) > 1e-12 || len(a.Bins) != len(b.Bins) {
		t.Errorf("%.6f in %d bins and %.6f in %d", a.ECE, len(a.Bins), b.ECE, len(b.Bins))
	}
}

func TestTheFoldedMeanIsWhatIntegrationGives(t *testing.T) {
	for _, c := range [][2]float64{{0, 0.1}, {0.05, 0.03}, {-0.2, 0.04}, {0.3, 0}} {
		mean, deviation := c[0], c[1]
		want := math.Abs(mean)
		if deviation > 0 {
			want = 0
			const steps = 20000
			for n := range steps {
				z := -8 + 16*(float64(n)+0.5)/steps
				want += math.Abs(mean+deviation*z) * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * 16 / steps
			}
		}
		if got := foldedMean(mean, deviation); math.Abs(got-want) > 1e-6 {
			t.Errorf("mean %g, deviation %g: %g, want %g", mean, deviation, got, want)
		}
	}
}

func TestAPlotIsWellFormedAndHoldsShapesAndTextOnly(t *testing.T) {
	hostile := `a model <script>alert("1")</script> & 'more'`
	s := Score(pairsOf(300, func(p float64) float64 { return p }))
	text := Plot(hostile, hostile, Series{hostile, s}, Series{"calibrated", s}, Series{"a third", s})
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = true
	marks := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !slices.Contains([]string{"svg", "title", "desc", "rect", "path", "text", "circle"}, e.Name.Local) {
			t.Errorf("a plot has an element %s", e.Name.Local)
		}
		if e.Name.Local == "circle" {
			marks++
		}
	}
	if marks != len(s.Bins)+1 {
		t.Errorf("%d discs for %d bins and the legend", marks, len(s.Bins))
	}
	if bytes.Contains(text, []byte("a third")) || bytes.Contains(text, []byte("NaN")) {
		t.Error("a plot has a third series, or a point nowhere")
	}
}
