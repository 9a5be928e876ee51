package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// someRows are drawn by known weights; each kind of fault has its own shift.
func someRows(kinds, perKind int, shift float64) ([]row, vector) {
	r := rand.New(rand.NewPCG(1, 2))
	truth := vector{-1, 3, 1, -2, 0.5}
	var rows []row
	for kind := range kinds {
		moved := shift * r.NormFloat64()
		for range perKind {
			x := vector{1, r.Float64(), r.Float64(), r.Float64(), r.Float64()}
			out := row{x: x, fault: fmt.Sprint(kind)}
			if r.Float64() < sigmoid(truth.dot(x)+moved) {
				out.right = 1
			}
			rows = append(rows, out)
		}
	}
	return rows, truth
}

func TestTheFitFindsTheWeightsThatDrewTheOutcomes(t *testing.T) {
	rows, truth := someRows(40, 500, 0)
	for i, got := range fit(rows, 0.3) {
		if math.Abs(got-truth[i]) > 0.15 {
			t.Errorf("weight %d is %.3f, the truth is %.1f", i, got, truth[i])
		}
	}
}

func TestTheFitIsTheLeastOfItsLoss(t *testing.T) {
	rows, _ := someRows(5, 20, 1)
	for _, penalty := range penalties {
		w := fit(rows, penalty)
		all := append(rows[:len(rows):len(rows)], row{x: mean(rows), right: 0.5})
		least := loss(all, w, penalty)
		for i := range w {
			for _, step := range []float64{-0.01, 0.01} {
				moved := w
				moved[i] += step
				if loss(all, moved, penalty) < least {
					t.Errorf("penalty %g: a step of %g in weight %d is better", penalty, step, i)
				}
			}
		}
	}
}

func TestOutcomesThatAreAllRightGiveAFiniteFit(t *testing.T) {
	rows, _ := someRows(10, 10, 0)
	for n := range rows {
		rows[n].right = 1
	}
	g := regress(rows)
	value, bound := g.at(rows[0].x)
	if !(value > 0.9 && value < 1) || !(bound > 0.5 && bound < value) {
		t.Errorf("100 of 100 right give %.3f, at least %.3f", value, bound)
	}
}

func TestAKindOfFaultIsPredictedByFitsThatNeverSawIt(t *testing.T) {
	// All kinds but the last are always right; nothing but having seen it tells.
	var rows []row
	for kind := range 10 {
		for range 20 {
			r := row{x: vector{1, 0.5, 0.5, 0.5, 0.5}, fault: fmt.Sprint(kind), right: 1}
			if kind == 9 {
				r.right = 0
			}
			rows = append(rows, r)
		}
	}
	said := crossFit(rows, 1)
	if first, last := sigmoid(said[0]), sigmoid(said[199]); last < 0.95 || first > 0.93 {
		t.Errorf("the kind that was never seen is predicted %.3f, the others %.3f", last, first)
	}
}

func TestTheBoundIsLowerWhereOutcomesOfOneKindGoTogether(t *testing.T) {
	apart, _ := someRows(12, 40, 0)
	together, _ := someRows(12, 40, 2)
	x := vector{1, 0.8, 0.5, 0.2, 0.5}
	a, b := regress(apart), regress(together)
	width := func(g regression) float64 {
		value, bound := g.at(x)
		return math.Log(value/(1-value)) - math.Log(bound/(1-bound))
	}
	if width(b) < 1.5*width(a) {
		t.Errorf("the bound is %.3f below where kinds differ, %.3f where they do not", width(b), width(a))
	}
}

// TestTheBoundHolds draws many small installations and counts how often the true
// share of a new kind's answers is above the bound.
func TestTheBoundHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const runs = 60
	held := 0
	for range runs {
		var rows []row
		for kind := range 12 {
			ease := 1 + 0.7*r.NormFloat64()
			for range 8 {
				x := vector{1, r.Float64(), r.Float64(), 0.5, r.Float64()}
				o := row{x: x, fault: fmt.Sprint(kind)}
				if r.Float64() < sigmoid(ease+2*(x[1]-0.5)) {
					o.right = 1
				}
				rows = append(rows, o)
			}
		}
		g := regress(rows)
		x := vector{1, 0.6, 0.5, 0.5, 0.5}
		truth := 0.0
		for range 400 {
			truth += sigmoid(1+0.7*r.NormFloat64()+2*(x[1]-0.5)) / 400
		}
		if _, bound := g.at(x); bound <= truth {
			held++
		}
	}
	if share := float64(held) / runs; share < 0.87 {
		t.Errorf("the lower 90 %% bound held in %.1f %% of %d runs", 100*share, runs)
	} else {
		t.Logf("the lower 90 %% bound held in %.1f %% of %d runs", 100*share, runs)
	}
}

func TestStudentsQuantileIsThatOfTheTables(t *testing.T) {
	for freedom, want := range map[int]float64{4: 1.533, 7: 1.415, 9: 1.383, 23: 1.319, 120: 1.289} {
		if got := studentZ(freedom); math.Abs(got-want) > 0.01 {
			t.Errorf("%d degrees of freedom: %.4f, the tables say %.3f", freedom, got, want)
		}
	}
}

func TestAnInverseTimesItsMatrixIsOne(t *testing.T) {
	rows, _ := someRows(4, 20, 0)
	_, m := derivatives(rows, vector{}, 1)
	inverse, ok := m.inverse()
	if !ok {
		t.Fatal("no inverse")
	}
	for i := range m {
		var unit vector
		unit[i] = 1
		back := inverse.times(m.times(unit))
		for j := range back {
			if math.Abs(back[j]-unit[j]) > 1e-9 {
				t.Errorf("element %d, %d is %g", i, j, back[j])
			}
		}
	}
	if _, ok := (matrix{}).inverse(); ok {
		t.Error("zero has an inverse")
	}
}
