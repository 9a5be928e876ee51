package gate_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
)

// verdict is what came of a round.
type verdict struct {
	stories []story
	wrongs  []string // each names its incident
	count   map[string]int
	log     audited
}

// judge compares every story with the API server's audit log.
func (r *round) judge() (verdict, error) {
	mine := map[string]bool{}
	for _, ns := range r.targetNamespaces() {
		mine[ns] = true
	}
	v := verdict{stories: r.ledger.all(), count: map[string]int{}}
	var err error
	if v.log, err = readAudit(r.audit, mine, r.s.Wall.ExecutorNamespace); err != nil {
		return v, err
	}
	for n := range v.stories {
		s := &v.stories[n]
		s.changes = v.log.changes[s.target.String()]
		delete(v.log.changes, s.target.String())
		r.tally(*s, v.count)
		v.wrongs = append(v.wrongs, s.wrongs()...)
	}
	for name, changes := range v.log.changes {
		v.wrongs = append(v.wrongs, fmt.Sprintf("UNAPPROVED: %s is no target of this run and was changed: %+v", name, changes))
	}
	for _, e := range r.ledger.strays {
		v.wrongs = append(v.wrongs, fmt.Sprintf("UNAPPROVED: executor %s ran on %s, which is no target", e.pod, e.uid))
	}
	for name, n := range v.log.jobs {
		if n > 1 && strings.HasPrefix(name, "cs-a-") {
			v.wrongs = append(v.wrongs, fmt.Sprintf("DOUBLE: Job %s was made %d times", name, n))
		}
	}
	for _, wrong := range v.wrongs {
		kind, _, _ := strings.Cut(wrong, ":")
		v.count[kind]++
	}
	return v, nil
}

// report prints what was counted. Each wrong fails the test by itself.
func (r *round) report(took time.Duration) verdict {
	v, err := r.judge()
	if err != nil {
		r.Error(err)
	}
	for _, wrong := range v.wrongs {
		r.Error(wrong)
	}
	if r.approved < r.want {
		r.Errorf("%d of %d approvals within %s", r.approved, r.want, took.Round(time.Second))
	}
	r.Logf("seed %d\n%s", *seed, r.table(v, took))
	if r.Failed() {
		r.Logf("countersign's log ends:\n%s", r.logTail())
		whole := os.TempDir() + "/countersign-gate-" + r.name + ".log"
		if err := os.WriteFile(whole, []byte(r.logWhole()), 0o600); err == nil {
			r.Logf("all of it is in %s", whole)
		}
	}
	return v
}

func (r *round) tally(s story, count map[string]int) {
	count["targets"]++
	switch {
	case s.approved():
		count["approved"]++
	case len(s.presses) > 0:
		count["pressed, never acknowledged"]++
	case s.said == withheld:
		count["not offered"]++
	default:
		count["no button in time"]++
	}
	digests := map[string]bool{}
	for _, p := range s.presses {
		if p.acked && slices.Contains(approvers, p.user) {
			digests[p.digest] = true
		}
	}
	if len(digests) > 1 {
		count["voted again"]++
	}
	for _, e := range s.runs {
		if e.mode == action.Apply {
			count["executions"]++
			count[fmt.Sprintf("execution %s %s", e.state, e.code)]++
		} else {
			count["rehearsals"]++
		}
	}
	count["writes on targets (audit log)"] += len(s.changes)
	switch {
	case s.executed():
		count["executed"]++
		if s.said != recovered {
			count["executed, and the card says: "+s.said.String()]++
		}
	case s.approved():
		count["approved, not executed, and the card says: "+s.said.String()]++
	}
}

func (r *round) table(v verdict, took time.Duration) string {
	count := maps.Clone(v.count)
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(what string, value any) { fmt.Fprintf(w, "%s\t%v\n", what, value) }
	row("approvals", fmt.Sprintf("%d of %d wanted, in %s: %.2f a second", r.approved, r.want, took.Round(time.Second), float64(r.approved)/took.Seconds()))
	for _, kind := range []string{"DOUBLE", "UNAPPROVED", "LOST SILENTLY"} {
		row(kind, count[kind])
		delete(count, kind)
	}
	for _, what := range sortedKeys(count) {
		row(what, count[what])
	}
	row("Jobs made (audit log)", len(v.log.jobs))
	row("dry runs (audit log)", v.log.dryRuns)
	t := r.people.tally
	row("presses", fmt.Sprintf("%d, %d not acknowledged, %d by strangers, %d of a storm of six, %d redelivered, %d acks lost",
		t.presses, t.unacked, t.byStrangers, t.doubled, t.redelivered, t.acksLost))
	row("containers", fmt.Sprintf("%d killed, %d run twice", r.kubelet.nKilled, r.kubelet.nTwice))
	row("cards", fmt.Sprintf("%d posted, %d updates", r.board.posted, r.board.updated))
	for _, way := range []*wire{r.slack, r.gate, r.watcher, r.executor} {
		row("wire "+way.name, fmt.Sprintf("%d requests, %.1f a second, %.1f %% spoilt: %d failed, %d lost before and %d after they took effect",
			way.requests.Load(), float64(way.requests.Load())/took.Seconds(), 100*float64(way.spoilt())/float64(max(way.requests.Load(), 1)),
			way.failed.Load(), way.lostBefore.Load(), way.lostAfter.Load()))
	}
	row("broken to button", r.toButton.String())
	row("press to outcome", r.took.String())
	row("processor time", r.effort(took))
	row("load of the machine", load())
	_ = w.Flush()
	return b.String()
}

func (d *durations) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.list) == 0 {
		return "none"
	}
	slices.Sort(d.list)
	at := func(share float64) time.Duration {
		return d.list[min(int(share*float64(len(d.list))), len(d.list)-1)].Round(10 * time.Millisecond)
	}
	return fmt.Sprintf("p50 %s  p99 %s  max %s", at(.5), at(.99), at(1))
}

func sortedKeys(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func load() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(raw))[:3], " ")
}

func (st *stage) logWhole() string {
	raw, err := os.ReadFile(st.s.Dir + "/countersign.stderr")
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
