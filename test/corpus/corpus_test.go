package corpus

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/redact"
)

var (
	planted = flag.Int("planted", 20_000, "secrets to plant, and decoys")
	seed    = flag.Uint64("seed", 1, "seed of the corpus")
	show    = flag.Int("show", 3, "misses to show of each kind")
)

// The product hides what is planted and leaves what only looks like it. The
// bounds are those of the figures it is sold by, and a run prints them.
func TestRecallAndDecoys(t *testing.T) {
	g := Generator{rand.New(rand.NewPCG(*seed, 7))}
	r := redact.New(redact.Config{})
	missed, lost := tally{}, tally{}
	secrets := g.Secrets(*planted)
	for _, p := range secrets {
		got := r.Redact(p.Text).String()
		for _, s := range p.Secrets {
			if strings.Contains(strings.ReplaceAll(got, strings.Join(p.Stays, "\x00"), ""), s) {
				missed.add(p.Kind+" in "+p.Carrier+", "+orNone(p.Encoding), fmt.Sprintf("%q\n      -> %q", p.Text, got))
				break
			}
		}
		for _, s := range p.Stays {
			if !strings.Contains(got, s) {
				lost.add(p.Kind+" in "+p.Carrier, fmt.Sprintf("%q lacks %q", got, s))
				break
			}
		}
	}
	decoys, changed := g.Decoys(*planted), tally{}
	for _, d := range decoys {
		if got := r.Redact(d.Text).String(); got != d.Text {
			changed.add(d.Kind, fmt.Sprintf("%q\n      -> %q", d.Text, got))
		}
	}
	t.Logf("seed %d: recall %.3f %% of %d planted; surroundings lost in %.3f %%; %.3f %% of %d decoys changed", *seed,
		100-missed.percent(len(secrets)), len(secrets), lost.percent(len(secrets)), changed.percent(len(decoys)), len(decoys))
	if missed.percent(len(secrets)) > 0.1 {
		t.Errorf("%d secrets survived:\n%s", missed.n(), missed)
	}
	if lost.percent(len(secrets)) > 0.2 {
		t.Errorf("%d texts lost what stands around the secret:\n%s", lost.n(), lost)
	}
	if changed.percent(len(decoys)) > 0.2 {
		t.Errorf("%d decoys were changed:\n%s", changed.n(), changed)
	}
}

func orNone(s string) string {
	if s == "" {
		return "plain"
	}
	return s
}

// tally counts by kind and keeps a few examples.
type tally map[string][]string

func (y tally) add(kind, example string) { y[kind] = append(y[kind], example) }

func (y tally) n() int {
	n := 0
	for _, list := range y {
		n += len(list)
	}
	return n
}

func (y tally) percent(of int) float64 { return 100 * float64(y.n()) / float64(of) }

func (y tally) String() string {
	var kinds []string
	for k := range y {
		kinds = append(kinds, k)
	}
	sort.Slice(kinds, func(i, j int) bool {
		if len(y[kinds[i]]) != len(y[kinds[j]]) {
			return len(y[kinds[i]]) > len(y[kinds[j]])
		}
		return kinds[i] < kinds[j]
	})
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "%5d %s\n", len(y[k]), k)
		for _, e := range y[k][:min(len(y[k]), *show)] {
			fmt.Fprintf(&b, "      %s\n", e)
		}
	}
	return b.String()
}
