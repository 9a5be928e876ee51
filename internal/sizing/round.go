package sizing

import "k8s.io/apimachinery/pkg/api/resource"

const (
	mebi = int64(1) << 20
	gibi = int64(1) << 30
	// most keeps sums and products of foreign figures away from overflow.
	most = int64(1) << 56
)

// roundMemory rounds bytes up to a size that a person would write: whole MiB, in
// steps of some six to twelve percent.
func roundMemory(bytes int64) int64 {
	bytes = clamp(bytes)
	step := 8 * mebi
	for step < gibi && bytes > 16*step {
		step *= 2
	}
	return up(bytes, step)
}

// roundCPU rounds milli up to a size that a person would write.
func roundCPU(milli int64) int64 {
	milli = clamp(milli)
	switch {
	case milli <= 100:
		return up(milli, 10)
	case milli <= 1000:
		return up(milli, 50)
	}
	return up(milli, 500)
}

// up is the next multiple of step, and at least one.
func up(n, step int64) int64 { return max(1, (n+step-1)/step) * step }

func clamp(n int64) int64 { return min(max(n, 0), most) }

// times is n for each of so many pods, at most the most.
func times(n int64, pods int) int64 {
	switch n = clamp(n); {
	case pods <= 0:
		return 0
	case n > most/int64(pods):
		return most
	}
	return n * int64(pods)
}

// share is part of whole in percent; 0 where there is no whole.
func share(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return clamp(part) * 100 / whole
}

// with is n with the headroom on top.
func with(n int64) int64 { return clamp(n)/100*headroom + (clamp(n)%100*headroom+99)/100 }

func memoryQuantity(bytes int64) resource.Quantity {
	return *resource.NewQuantity(bytes, resource.BinarySI)
}
