package chat

import (
	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// requester says who changed or asked for this change: it is not theirs to
// approve.
func (a *approval) requester() {
	who := a.cur.Rehearsal.Requester
	switch {
	case who.ID == "":
	case a.cur.Rehearsal.Edited:
		a.say(redact.Sprintf("Edited by %s, whose own vote does not count.", personText(who)))
	default:
		a.say(redact.Sprintf("Asked for by %s, whose own vote does not count.", personText(who)))
	}
}

// demands are what an approval needs beside a press.
func (a *approval) demands(id incident.ID) {
	if a.cur.Proposed.Decision.NeedsReason {
		a.say(redact.Literal("This approval needs a reason: the button asks for it."))
	}
	r := a.cur.Report
	if r == nil {
		return
	}
	for _, l := range r.Facts.NamespaceLabels {
		if l.Key == action.SignatureLabel && l.Value == "true" {
			a.say(redact.Sprintf("The namespace needs a signature from outside Slack: countersign approve %s. A press here counts as a vote and signs nothing.", redact.Name(string(id))))
		}
	}
	if len(r.Facts.Editors) > 0 {
		who := make([]redact.Text, 0, maxEditors)
		for _, e := range r.Facts.Editors[:min(len(r.Facts.Editors), maxEditors)] {
			who = append(who, e.Truncate(80))
		}
		a.say(redact.Sprintf("Last changed in the cluster by (field managers, as they call themselves): %s", redact.Join(", ", who...)))
	}
}

// maxEditors bounds how many of those who last changed an object are named.
const maxEditors = 3
