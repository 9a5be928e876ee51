package bench_test

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// figures are durations of one kind.
type figures []time.Duration

// at is the nearest-rank percentile.
func (f figures) at(percent float64) time.Duration {
	if len(f) == 0 {
		return 0
	}
	sorted := slices.Clone(f)
	slices.Sort(sorted)
	rank := int(math.Ceil(percent / 100 * float64(len(sorted))))
	return sorted[max(rank-1, 0)]
}

func (f figures) String() string {
	return fmt.Sprintf("p50 %s  p99 %s  max %s  (n=%d)", short(f.at(50)), short(f.at(99)), short(f.at(100)), len(f))
}

func short(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// answered are the stand-in's own times to answer a method since a moment.
func (b *bench) answered(method string, since time.Time) figures {
	var out figures
	for _, c := range b.s.Slack.CallsOf(method) {
		if !c.Start.Before(since) {
			out = append(out, c.Took)
		}
	}
	return out
}

// limited counts the calls that were told to come later.
func (b *bench) limited(since time.Time) int {
	n := 0
	for _, c := range b.s.Slack.Calls() {
		if c.Status == 429 && !c.Start.Before(since) {
			n++
		}
	}
	return n
}

// bareGet is how long the API server takes to say its version.
func (b *bench) bareGet() time.Duration {
	start := time.Now()
	if err := b.s.Kube.Discovery().RESTClient().Get().AbsPath("/version").Do(b.ctx).Error(); err != nil {
		b.Errorf("ask the API server for its version: %v", err)
	}
	return time.Since(start)
}

// load is how busy the machine is: on one that others use too, every figure
// above a millisecond says more about them.
func load() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s (1, 5, 15 minutes) on %d CPUs", strings.Join(strings.Fields(string(raw))[:3], " "), runtime.NumCPU())
}

// postedCards follows the channel: when the first card about each workload of a
// namespace was posted, and how many were.
func postedCards(events <-chan slackstub.Event, namespace string, seen *moments) {
	for e := range events {
		if e.Kind != slackstub.MessagePosted || e.Message.ThreadTS != "" && e.Message.ThreadTS != e.Message.TS {
			continue
		}
		if name := workloadOf(e.Message.PlainText(), namespace); name != "" {
			seen.add(name, e.At)
		}
	}
}
