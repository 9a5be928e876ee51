package calibrate

import "math"

// row is one judged hypothesis as the regression takes it.
type row struct {
	x     vector
	right float64 // 1 or 0
	fault string
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// fit finds the weights of a logistic regression with a quadratic penalty on all
// but the constant, by Newton's method. One pretended case, half right and half
// wrong and like the mean of all, keeps the constant finite where all were right.
func fit(rows []row, penalty float64) vector {
	var w vector
	rows = append(rows[:len(rows):len(rows)], row{x: mean(rows), right: 0.5})
	at := loss(rows, w, penalty)
	for range 50 {
		gradient, curvature := derivatives(rows, w, penalty)
		inverse, ok := curvature.inverse()
		if !ok {
			return w
		}
		step, next, better := inverse.times(gradient), w, at
		for k := 1.0; k > 1e-6; k /= 2 { // a whole step may go too far
			next = w.plus(-k, step)
			if better = loss(rows, next, penalty); better <= at {
				break
			}
		}
		if !(at-better > 1e-12*math.Max(1, at)) {
			return w
		}
		w, at = next, better
	}
	return w
}

func mean(rows []row) vector {
	out := vector{1}
	for _, r := range rows {
		for i := 1; i < width; i++ {
			out[i] += r.x[i] / float64(len(rows))
		}
	}
	return out
}

// loss is the negative log-likelihood with the penalty.
func loss(rows []row, w vector, penalty float64) float64 {
	sum := 0.0
	for _, r := range rows {
		sum += surprise(w.dot(r.x), r.right)
	}
	for i := 1; i < width; i++ {
		sum += penalty / 2 * w[i] * w[i]
	}
	return sum
}

// surprise is -right·log(p) - (1-right)·log(1-p), where z is p's logarithm of
// odds; it does not overflow.
func surprise(z, right float64) float64 {
	return math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - right*z
}

func derivatives(rows []row, w vector, penalty float64) (gradient vector, curvature matrix) {
	for _, r := range rows {
		p := sigmoid(w.dot(r.x))
		gradient = gradient.plus(p-r.right, r.x)
		curvature.addOuter(p*(1-p), r.x)
	}
	for i := 1; i < width; i++ {
		gradient[i] += penalty * w[i]
		curvature[i][i] += penalty
	}
	curvature[0][0] += 1e-9
	return gradient, curvature
}
