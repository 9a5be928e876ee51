package incident

import (
	"time"

	"github.com/countersign-dev/countersign/internal/redact"
)

// Verdict ends the verification that is under way, once its time has come.
// Recovered needs a healthy look that has stood for the whole window; everything
// else needs the window twice over, or the rollout's own deadline.
func (rules Rules) Verdict(i Incident, now time.Time) (Concluded, bool) {
	cur := i.Current()
	if cur == nil || !cur.Verifying() {
		return Concluded{}, false
	}
	end := func(r Result, t redact.Text) (Concluded, bool) {
		return Concluded{Execution: cur.Launched.Job, Result: r, Summary: t}, true
	}
	report, seen := cur.Executed.Report, cur.Observed
	if cur.Rehearsal.Undo != "" && report.State == StateApplied {
		return end(Undone, redact.Literal("Undone: the change was taken back."))
	}
	if seen == nil {
		return Concluded{}, false // look first, whatever the clock says
	}
	if report.State == StateLost && seen.Bound == report.Before && report.Before != "" && !now.Before(cur.FixedAt.Add(rules.Timing.Poll)) {
		return end(Unchanged, redact.Literal("The Job was lost before it changed anything. Nothing was applied."))
	}
	window, before := rules.Timing.Verify, 0
	if i.Diagnosis != nil {
		before = i.Diagnosis.Ready
	}
	switch {
	case seen.Healthy && !now.Before(cur.SeenAt.Add(window)):
		return end(Recovered, redact.Sprintf("Recovered: the finding is gone and %s of %s replicas have been ready for %s.",
			redact.Int(int64(seen.Ready)), redact.Int(int64(seen.Desired)), redact.Duration(window)))
	case seen.Healthy:
		return Concluded{}, false
	case seen.Progress && now.Before(cur.FixedAt.Add(rules.Timing.Rollout)):
		return Concluded{}, false
	case now.Before(cur.FixedAt.Add(2 * window)):
		return Concluded{}, false
	case seen.Ready < before || i.Diagnosis != nil && seen.Cause != i.Diagnosis.Cause:
		return end(Worse, redact.Sprintf("Worse than before: %s of %s replicas are ready, %s were. %s",
			redact.Int(int64(seen.Ready)), redact.Int(int64(seen.Desired)), redact.Int(int64(before)), seen.Summary))
	}
	return end(Unchanged, redact.Sprintf("The change was made and the finding stands: %s", seen.Summary))
}
