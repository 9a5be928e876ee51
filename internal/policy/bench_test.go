package policy

import (
	"slices"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/policies"
)

// The median is to stay under 200 µs on an idle machine, with freezes in several
// time zones, teams, tiers and a quorum of two.
func BenchmarkDecide(b *testing.B) {
	s := settings()
	s.TeamApprovers = map[string][]string{"tills": {"S9", "U1"}}
	s.RiskApprovers = map[string][]string{"high": {"U1", "U2"}}
	s.Freezes = []Freeze{
		{Name: "weekend", Weekly: "Fri 16:00–Mon 08:00 Europe/Berlin"},
		{Name: "night", Weekly: "Mon 22:00–Tue 06:00 America/New_York", Namespaces: []string{"shop", "pay"}},
		{Name: "year end", Dates: "2026-12-20..2027-01-02 Europe/Berlin"},
	}
	e := engine(b, policies.Source, s)
	twoOfTwo := question(Execute)
	twoOfTwo.DiffCut = true
	twoOfTwo.Approvals = []incident.Person{person("U1"), person("U2")}
	twoOfTwo.Facts = incident.Facts{Desired: 3, NamespaceLabels: []incident.Label{{Key: TeamLabel, Value: "tills"}}}
	for n := range 20 {
		twoOfTwo.History = append(twoOfTwo.History, Execution{Job: "j", Namespace: "web", At: now().Add(-time.Duration(n) * time.Minute)})
	}
	press := question(Approve)
	press.Facts = twoOfTwo.Facts
	frozen := question(Propose)
	frozen.Now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		in    Input
		allow bool
	}{{"propose, denied by a freeze", frozen, false}, {"approve", press, true}, {"execute with two of two", twoOfTwo, true}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				d, err := e.Decide(b.Context(), c.in)
				took = append(took, time.Since(began))
				if err != nil || d.Allow != c.allow {
					b.Fatal(d, err)
				}
			}
			slices.Sort(took)
			p50, p99 := took[len(took)/2], took[len(took)*99/100]
			b.ReportMetric(float64(p50.Microseconds()), "p50-µs")
			b.ReportMetric(float64(p99.Microseconds()), "p99-µs")
		})
	}
}
