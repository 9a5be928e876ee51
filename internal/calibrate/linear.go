package calibrate

import "math"

// width is how many numbers describe a hypothesis, the constant among them.
const width = 5

type (
	vector [width]float64
	matrix [width]vector
)

func (v vector) dot(o vector) float64 {
	sum := 0.0
	for i := range v {
		sum += v[i] * o[i]
	}
	return sum
}

// plus is v + k·o.
func (v vector) plus(k float64, o vector) vector {
	for i := range v {
		v[i] += k * o[i]
	}
	return v
}

// times is m·v.
func (m matrix) times(v vector) vector {
	var out vector
	for i := range m {
		out[i] = m[i].dot(v)
	}
	return out
}

// addOuter adds k·v·vᵀ.
func (m *matrix) addOuter(k float64, v vector) {
	for i := range m {
		m[i] = m[i].plus(k*v[i], v)
	}
}

// sandwich is m·inner·m, for a symmetric m.
func (m matrix) sandwich(inner matrix) matrix {
	var left, out matrix
	for i := range m {
		for j := range m {
			for k := range m {
				left[i][j] += m[i][k] * inner[k][j]
			}
		}
	}
	for i := range m {
		for j := range m {
			for k := range m {
				out[i][j] += left[i][k] * m[k][j]
			}
		}
	}
	return out
}

// inverse is by Gauss and Jordan with pivots; ok is false for a singular matrix.
func (m matrix) inverse() (out matrix, ok bool) {
	for i := range out {
		out[i][i] = 1
	}
	for col := range m {
		pivot := col
		for row := col + 1; row < width; row++ {
			if math.Abs(m[row][col]) > math.Abs(m[pivot][col]) {
				pivot = row
			}
		}
		if !(math.Abs(m[pivot][col]) > 1e-12) {
			return matrix{}, false
		}
		m[col], m[pivot] = m[pivot], m[col]
		out[col], out[pivot] = out[pivot], out[col]
		k := 1 / m[col][col]
		m[col], out[col] = vector{}.plus(k, m[col]), vector{}.plus(k, out[col])
		for row := range m {
			if row != col {
				k := -m[row][col]
				m[row], out[row] = m[row].plus(k, m[col]), out[row].plus(k, out[col])
			}
		}
	}
	return out, true
}
