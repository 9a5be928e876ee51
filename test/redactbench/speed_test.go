package redactbench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/corpus"
)

const unit = 64 << 10

// TestSpeed prints how fast both look at the same units, alternating; the
// median of each and the ratio count, since machines are noisy.
func TestSpeed(t *testing.T) {
	d, r := leaks(t), redact.New(redact.Config{})
	for _, text := range []struct{ name, text string }{{"clean", clean()}, {"one secret per KiB", seeded()}} {
		theirs := func() { d.DetectString(text.text) }
		ours := func() { r.Redact(text.text) }
		ours()
		var a, b []float64
		for range 9 {
			a = append(a, rate(len(text.text), 20, ours))
			b = append(b, rate(len(text.text), 1, theirs))
		}
		mine, other := median(a), median(b)
		t.Logf("%-20s redactor %7.1f MB/s, gitleaks %6.2f MB/s, %6.0f times", text.name, mine, other, mine/other)
	}
	t.Logf("allocations in a clean unit: %.0f", testing.AllocsPerRun(20, func() { r.Redact(clean()) })-testing.AllocsPerRun(20, func() { clean() }))
}

func rate(bytes, times int, f func()) float64 {
	began := time.Now()
	for range times {
		f()
	}
	return float64(bytes*times) / 1e6 / time.Since(began).Seconds()
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// clean is a unit of innocent lines, the decoys of the corpus.
func clean() string {
	g := corpus.Generator{Rand: rand.New(rand.NewPCG(3, 3))}
	var b strings.Builder
	for b.Len() < unit {
		for _, d := range g.Decoys(60) {
			b.WriteString(d.Text + "\n")
		}
	}
	return b.String()[:unit]
}

// seeded is the same with a secret in every KiB.
func seeded() string {
	g := corpus.Generator{Rand: rand.New(rand.NewPCG(4, 4))}
	text, secrets := clean(), g.Secrets(unit>>10)
	var b strings.Builder
	for n, p := range secrets {
		part := text[n<<10 : (n+1)<<10]
		cut := strings.LastIndexByte(part, '\n') + 1
		fmt.Fprintf(&b, "%s%s\n%s", part[:cut], p.Text, part[cut:])
	}
	return b.String()
}
