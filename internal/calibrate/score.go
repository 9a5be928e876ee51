package calibrate

import (
	"math"
	"slices"
)

// Pair is a probability that was said and whether it came true.
type Pair struct {
	Said  float64
	Right bool
}

// Bin is what came of neighbouring probabilities.
type Bin struct {
	N     int     `json:"n"`
	Said  float64 `json:"said"`  // mean
	Right float64 `json:"right"` // share
}

// Scores tell how well probabilities came true.
type Scores struct {
	N int `json:"n"`
	// ECE is the mean distance between what was said and what came true, over
	// bins of like size, less the bias that the small number in a bin adds.
	// PlainECE is the same without that correction.
	ECE      float64 `json:"debiasedECE"`
	PlainECE float64 `json:"ece"`
	// RMS is the root of the mean squared distance, corrected alike.
	RMS float64 `json:"debiasedRMS"`
	// Brier is the mean squared error of single outcomes: Reliability (distance
	// within bins) - Resolution (how far bins differ) + Uncertainty (of the
	// share of all) + Within (what bins hide).
	Brier       float64 `json:"brier"`
	Reliability float64 `json:"reliability"`
	Resolution  float64 `json:"resolution"`
	Uncertainty float64 `json:"uncertainty"`
	Within      float64 `json:"within"`
	Bins        []Bin   `json:"bins"`
}

// The bins: at most so many, of at least so many outcomes.
const (
	mostBins  = 15
	leastInIt = 20
)

// Score measures calibration. RMS is the debiased estimator of Bröcker (2012) and
// Ferro and Fricker (2012) as Kumar, Liang and Ma give it in "Verified Uncertainty
// Calibration" (NeurIPS 2019, definition 5.1). ECE is theirs for the mean distance:
// the plug-in estimate less what normal noise of each bin's share would add to it,
// here in closed form by the mean of the folded normal instead of by resampling.
// It still errs upwards where calibration is perfect. The parts of the Brier score
// are those of Murphy (1973), with Stephenson's remainder (2008).
func Score(pairs []Pair) Scores {
	s := Scores{N: len(pairs), Bins: bins(pairs)}
	if s.N == 0 {
		return s
	}
	n, base := float64(s.N), 0.0
	for _, p := range pairs {
		base += outcome(p) / n
		s.Brier += (p.Said - outcome(p)) * (p.Said - outcome(p)) / n
	}
	squared := 0.0
	for _, b := range s.Bins {
		weight, distance := float64(b.N)/n, b.Right-b.Said
		variance := b.Right * (1 - b.Right) / math.Max(1, float64(b.N-1))
		s.PlainECE += weight * math.Abs(distance)
		s.ECE += weight * (2*math.Abs(distance) - foldedMean(distance, math.Sqrt(variance)))
		squared += weight * (distance*distance - variance)
		s.Reliability += weight * distance * distance
		s.Resolution += weight * (b.Right - base) * (b.Right - base)
	}
	s.ECE, s.RMS = math.Max(0, s.ECE), math.Sqrt(math.Max(0, squared))
	s.Uncertainty = base * (1 - base)
	s.Within = s.Brier - s.Reliability + s.Resolution - s.Uncertainty
	return s
}

func outcome(p Pair) float64 {
	if p.Right {
		return 1
	}
	return 0
}

// foldedMean is the mean of |x| for a normal x.
func foldedMean(mean, deviation float64) float64 {
	if deviation == 0 {
		return math.Abs(mean)
	}
	z := mean / deviation
	return deviation*math.Sqrt(2/math.Pi)*math.Exp(-z*z/2) + mean*math.Erf(z/math.Sqrt2)
}

// bins are of like size; what was said alike stays together, so that the order in
// which outcomes came changes nothing.
func bins(pairs []Pair) []Bin {
	sorted := slices.Clone(pairs)
	slices.SortStableFunc(sorted, func(a, b Pair) int {
		switch {
		case a.Said < b.Said:
			return -1
		case a.Said > b.Said:
			return 1
		}
		return 0
	})
	count := max(1, min(mostBins, len(sorted)/leastInIt))
	out := []Bin{}
	for from, k := 0, 1; from < len(sorted); k++ {
		to := max(from+1, k*len(sorted)/count)
		for to < len(sorted) && sorted[to].Said == sorted[to-1].Said {
			to++
		}
		b := Bin{N: to - from}
		for _, p := range sorted[from:to] {
			b.Said += p.Said
			b.Right += outcome(p)
		}
		b.Said, b.Right = b.Said/float64(b.N), b.Right/float64(b.N) // at the end: a share of 1 is 1 exactly
		out, from = append(out, b), to
	}
	return out
}
