package respond

import (
	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/remediate"
)

// toReport reads the executor's own account out of the pod's termination
// message. Without one a rehearsal has failed; an execution is lost, since its
// change may have been made before the pod was.
func toReport(job string, mode action.Mode, end jobs.Finished) incident.ExecutorReport {
	r, err := remediate.DecodeResult(end.Message)
	if err == nil && r.Execution == job && r.Mode == mode {
		return fromResult(r)
	}
	state, reason := incident.StateFailed, redact.Literal("the executor ended without a report")
	if mode == action.Apply {
		state = incident.StateLost
	}
	if !end.Detail.IsEmpty() {
		reason = redact.Sprintf("the executor ended without a report: %s", end.Detail)
	}
	return incident.ExecutorReport{State: state, Code: string(end.Ending), Reason: reason}
}

// fromResult carries an executor's result over into the event's own form.
func fromResult(r remediate.Result) incident.ExecutorReport {
	state := incident.StateFailed
	switch r.State {
	case remediate.Rehearsed:
		state = incident.StateRehearsed
	case remediate.Applied:
		state = incident.StateApplied
	case remediate.Refused:
		state = incident.StateRefused
	case remediate.Failed:
		if r.Code == remediate.CodeUnknown {
			state = incident.StateLost // the API server's answer to the change got lost
		}
	case remediate.Probed:
	}
	return incident.ExecutorReport{
		State: state, Code: r.Code, Reason: r.Reason, UID: r.UID, Before: r.Before, After: r.After,
		Facts: fromFacts(r.Facts), Diff: r.Diff, DiffMissing: r.DiffMissing, TookMillis: r.Took.Milliseconds(),
	}
}

func fromFacts(f remediate.Facts) incident.Facts {
	out := incident.Facts{
		Owners: f.Owners, ManagedBy: f.ManagedBy, Helm: f.Helm, Autoscaler: f.Autoscaler, Budget: f.Budget,
		Ready: f.Ready, Desired: f.Desired, Editors: f.Editors,
	}
	for _, l := range f.NamespaceLabels {
		out.NamespaceLabels = append(out.NamespaceLabels, incident.Label{Key: l.Key, Value: l.Value})
	}
	return out
}
