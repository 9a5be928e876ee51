package chat

import (
	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// stage is where an incident stands: a mark for the header and one headline.
type stage struct {
	mark     string
	headline redact.Text
	over     bool // nothing more is asked of anybody: details are left out
}

func stageOf(i incident.Incident) stage {
	st := progressOf(i)
	if i.ReviewOwed() {
		st.headline = redact.Sprintf("%s, break-glass review owed", st.headline)
	}
	return st
}

func progressOf(i incident.Incident) stage {
	cur := i.Current()
	switch {
	case i.Inquiry != nil:
		return inquiryStage(i)
	case cur != nil && cur.Running():
		return stage{mark: "⏳", headline: redact.Literal("Change under way")}
	case cur != nil && cur.Verifying():
		return stage{mark: "🔄", headline: redact.Literal("Change made, checking whether it holds")}
	case cur != nil && cur.Concluded != nil && cameBack(i, *cur):
		return stage{mark: "🔴", headline: redact.Literal("Came back after the fix")}
	case cur != nil && cur.Concluded != nil:
		return concludedStage(i, *cur)
	case cur != nil && undoOpen(i, *cur):
		return stage{mark: "↩️", headline: redact.Literal("Undo asked for, waiting for approval")}
	case (i.Closed != "" || !i.ClearedAt.IsZero()) && wasFixed(i):
		return stage{mark: "✅", headline: redact.Literal("Recovered"), over: true}
	case i.Closed != "" || !i.ClearedAt.IsZero():
		return stage{mark: "✅", headline: redact.Literal("Cleared by itself"), over: true}
	case i.Taken != nil:
		return stage{mark: "🛠️", headline: redact.Sprintf("In the hands of %s", personText(*i.Taken))}
	case cur != nil && cur.Executed != nil:
		return stage{mark: "⛔", headline: redact.Literal("Not changed")}
	case cur != nil && cur.Decided != nil && cur.Decided.Decision.Allow && cur.Lapsed == "":
		return stage{mark: "⏳", headline: redact.Literal("Approved")}
	case cur != nil && cur.Open():
		return stage{mark: "🔴", headline: redact.Literal("Waiting for approval")}
	case cur != nil && haltOf(*cur) != "":
		return stage{mark: "🔴", headline: redact.Literal("Remediation is halted")}
	}
	return stage{mark: "🔴"}
}

// undoOpen reports whether an undo waits for votes. It does so also while
// nothing is wrong: that is when people take a fix back.
func undoOpen(i incident.Incident, cur incident.Attempt) bool {
	return i.Closed == "" && cur.Rehearsal.Undo != "" && cur.Open()
}

// wasFixed reports whether an earlier attempt is why nothing is wrong now.
func wasFixed(i incident.Incident) bool {
	for _, a := range i.Attempts {
		if a.Concluded != nil && a.Concluded.Result == incident.Recovered {
			return true
		}
	}
	return false
}

func inquiryStage(i incident.Incident) stage {
	switch {
	case i.Diagnosis != nil && i.ClearedAt.IsZero():
		return stage{mark: "🔴", headline: redact.Literal("Found on request")}
	case !i.ClearedAt.IsZero():
		return stage{mark: "✅", over: true}
	}
	return stage{mark: "🔎", headline: redact.Literal("Looking")}
}

func concludedStage(i incident.Incident, cur incident.Attempt) stage {
	switch cur.Concluded.Result {
	case incident.Recovered:
		return stage{mark: "✅", headline: redact.Literal("Recovered"), over: true}
	case incident.Undone:
		return stage{mark: "↩️", headline: redact.Literal("Undone"), over: i.Closed != ""}
	case incident.Worse:
		return stage{mark: "🚨", headline: redact.Literal("Worse than before")}
	case incident.Unchanged:
	}
	if i.Closed != "" || !i.ClearedAt.IsZero() {
		return stage{mark: "✅", headline: redact.Literal("Cleared"), over: true}
	}
	return stage{mark: "🟠", headline: redact.Literal("Not fixed")}
}

// cameBack reports whether the finding was seen again after it had recovered.
func cameBack(i incident.Incident, cur incident.Attempt) bool {
	return cur.Concluded.Result == incident.Recovered && i.ClearedAt.IsZero() && i.Closed == "" && !cur.SeenAt.IsZero() && i.LookedAt.After(cur.SeenAt)
}

// statusLines say what happened and what happens next, newest fact first.
func statusLines(i incident.Incident, o Options) []redact.Text {
	cur := i.Current()
	var out []redact.Text
	if i.Undoing != nil {
		out = append(out, redact.Sprintf("%s asked to undo the change. The undo is rehearsed next and needs approvals of its own.", personText(i.Undoing.Person)))
	}
	switch {
	case i.Taken != nil && i.Closed == "" && i.ClearedAt.IsZero():
		out = append(out, redact.Literal("Taken over by hand: the buttons are gone, the watch goes on and says when it has recovered."))
	case cur == nil && i.Inquiry == nil && i.Closed == "" && i.ClearedAt.IsZero():
		out = append(out, beforeAttempt(i, o)...)
	}
	if cur != nil {
		out = append(out, beforeLines(i)...)
		out = append(out, attemptLines(*cur)...)
		out = append(out, reasonLines(*cur)...)
	}
	return append(out, glassLines(i, o)...)
}

func beforeAttempt(i incident.Incident, o Options) []redact.Text {
	if i.Diagnosis == nil {
		return []redact.Text{redact.Literal("Collecting evidence.")}
	}
	ns := redact.Name(i.Subject.Namespace)
	switch o.Mode {
	case incident.ModeApprove, incident.ModePropose:
		return []redact.Text{redact.Literal("Looking for a fix to rehearse.")}
	case incident.ModeOff:
	}
	return []redact.Text{redact.Sprintf("Remediation is off in namespace %s: Countersign explains and changes nothing. REMEDIATION_MODE=propose (remediation.mode) adds a rehearsed fix to this card, approve adds the button.", ns)}
}

func attemptLines(cur incident.Attempt) []redact.Text {
	switch {
	case cur.Concluded != nil:
		return []redact.Text{cur.Concluded.Summary}
	case cur.Executed != nil:
		return executedLines(cur)
	case cur.Launched != nil:
		return []redact.Text{redact.Sprintf("Approved by %s. Job %s makes the change.", peopleText(cur.Approvals()), redact.Name(cur.Launched.Job))}
	case cur.Lapsed == "manual":
		return nil // the line on who took it over says it
	case cur.Lapsed != "":
		return []redact.Text{lapsedText(cur)}
	case cur.Decided != nil:
		return []redact.Text{redact.Sprintf("Approved by %s. The order is signed next.", peopleText(cur.Approvals()))}
	case cur.Proposed != nil:
		return offeredLines(cur)
	case haltOf(cur) != "":
		return []redact.Text{cur.Reasons[0], redact.Literal("Nothing is offered, rehearsed or changed until that is over. Votes from before do not count then: what still stands is offered again.")}
	case cur.Reasons != nil:
		return []redact.Text{redact.Sprintf("No fix is offered: %s.", redact.Join("; ", cur.Reasons...))}
	case cur.Report != nil:
		return []redact.Text{redact.Literal("The rehearsal has ended. Policy is asked whether the fix may be offered.")}
	}
	fix := redact.Name(sentence(cur.Rehearsal.Candidate.Action))
	return []redact.Text{redact.Sprintf("Rehearsing: %s. A dry run, nothing is changed.", fix)}
}

func offeredLines(cur incident.Attempt) []redact.Text {
	out := []redact.Text{}
	if why := cur.Rehearsal.Candidate.Why; !why.IsEmpty() {
		out = append(out, redact.Sprintf("The fix %s.", why))
	}
	if !cur.Proposed.Button {
		return append(out, redact.Literal("The mode is propose: nobody can approve here. REMEDIATION_MODE=approve (remediation.mode) for this namespace adds the button."))
	}
	if missing := cur.Proposed.Decision.Quorum - len(cur.Approvals()); len(cur.Approvals()) > 0 && missing > 0 {
		out = append(out, redact.Sprintf("%s of %s approvals: %s. %s missing.", count(len(cur.Approvals())),
			count(cur.Proposed.Decision.Quorum), peopleText(cur.Approvals()), count(missing)))
	}
	return out
}

func executedLines(cur incident.Attempt) []redact.Text {
	r := cur.Executed.Report
	switch r.State {
	case incident.StateApplied:
		if seen := cur.Observed; seen != nil {
			return []redact.Text{redact.Sprintf("The change was made. %s of %s replicas are ready; it has to hold before it counts.", count(seen.Ready), count(seen.Desired))}
		}
		return []redact.Text{redact.Literal("The change was made. It has to hold before it counts.")}
	case incident.StateLost:
		return []redact.Text{redact.Literal("The Job was lost and nothing tells what became of the change: the object itself is looked at.")}
	case incident.StateRefused:
		return []redact.Text{redact.Sprintf("The executor refused: %s. Nothing was changed.", r.Reason)}
	}
	return []redact.Text{redact.Sprintf("The executor failed: %s. Look at the object before anything else is done.", r.Reason)}
}

// lapsedText says why an offer no longer stands, and what to do next.
func lapsedText(cur incident.Attempt) redact.Text {
	switch cur.Lapsed {
	case "expired":
		return redact.Literal("The offer has expired. Nothing was changed.")
	case "cleared":
		return redact.Literal("The finding cleared while the offer was open. Nothing was changed.")
	case "superseded":
		return redact.Literal("The finding has changed, so that the offer no longer fits. Nothing was changed; a new fix is looked for.")
	case "stale":
		return redact.Literal("The object was changed since the rehearsal. Nothing was changed by Countersign.")
	case incident.LapsedPolicy:
		return redact.Literal("The policy has changed since the offer: its votes are void. Nothing was changed; what the new policy allows is offered again.")
	case incident.LapsedHalted:
		return redact.Literal("The offer was taken back by a halt: its votes are void. Nothing was changed.")
	case "edited":
		return redact.Literal("The offer was edited: its votes are void. The edited change is rehearsed next.")
	case "rejected":
		for _, v := range cur.Votes {
			if v.Verb == incident.Reject {
				return redact.Sprintf("Rejected by %s. Nothing was changed; silent until the finding changes.", personText(v.Person))
			}
		}
		return redact.Literal("Rejected. Nothing was changed.")
	case "refused":
		if cur.Decided != nil {
			return redact.Sprintf("Policy refused the execution: %s. Nothing was changed.", redact.Join("; ", cur.Decided.Decision.Reasons...))
		}
	}
	return redact.Sprintf("The offer no longer stands (%s). Nothing was changed.", redact.Name(cur.Lapsed))
}

// undoable reports whether the last change can be taken back by a press.
func undoable(i incident.Incident, cur incident.Attempt) (action.Hash, bool) {
	if i.Closed != "" || i.Undoing != nil || cur.Concluded == nil || cur.Executed == nil || cur.Rehearsal.Undo != "" ||
		cur.Executed.Report.State != incident.StateApplied || cur.Proposed == nil {
		return "", false
	}
	_, ok := cur.Proposed.Terms.Action.Inverse()
	return cur.Proposed.Digest, ok
}
