package kube

import (
	"strconv"

	"github.com/countersign-dev/countersign/internal/redact"
)

const (
	mebi = int64(1) << 20
	gibi = int64(1) << 30
)

// Memory is an amount of memory or storage in words: whole MiB, rounded up, and
// from 10 GiB on in GiB with one decimal.
func Memory(bytes int64) redact.Text {
	if bytes = max(0, bytes); bytes < 10*gibi {
		return redact.Quantity(strconv.FormatInt((bytes+mebi-1)/mebi, 10) + "Mi")
	}
	return redact.Quantity(strconv.FormatFloat(float64(bytes)/float64(gibi), 'f', 1, 64) + "Gi")
}

// CPU is an amount of processor time in words: 250m, or 1.5 from a core on.
func CPU(milli int64) redact.Text {
	if milli = max(0, milli); milli < 1000 {
		return redact.Quantity(strconv.FormatInt(milli, 10) + "m")
	}
	return redact.Quantity(strconv.FormatFloat(float64(milli)/1000, 'f', -1, 64))
}
