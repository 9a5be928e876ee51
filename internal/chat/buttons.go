package chat

import (
	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// buttonsOf are the buttons of an incident's card. whole says that the offer is
// shown in full.
func buttonsOf(i incident.Incident, o Options, cur *incident.Attempt, whole bool) []slack.BlockElement {
	if o.Shared || i.Closed != "" || i.Inquiry != nil {
		return nil
	}
	buttons := changeButtons(i, o, cur, whole)
	if i.ReviewOwed() {
		buttons = append(buttons, button(reviewButton, buttonValue(i.ID, i.GlassUsed), "Mark as reviewed"))
	}
	return buttons
}

func changeButtons(i incident.Incident, o Options, cur *incident.Attempt, whole bool) []slack.BlockElement {
	if cur != nil {
		if digest, ok := undoable(i, *cur); ok {
			inverse, _ := cur.Proposed.Terms.Action.Inverse()
			b := button(undoButton, buttonValue(i.ID, digest), "Undo")
			return []slack.BlockElement{b.WithConfirm(confirmation("Ask for an undo?", inverse, digest, "Rehearse undo"))}
		}
	}
	undo := cur != nil && undoOpen(i, *cur)
	if i.Taken != nil || !i.ClearedAt.IsZero() && !undo || o.Mode != incident.ModeApprove && o.Mode != incident.ModePropose {
		return nil
	}
	var buttons []slack.BlockElement
	digest := action.Hash("")
	if cur != nil && cur.Open() {
		digest = cur.Proposed.Digest
		if whole {
			buttons = append(buttons, approveOf(i, *cur, undo))
			if editable(*cur) {
				buttons = append(buttons, button(editButton, buttonValue(i.ID, digest), "Edit"))
			}
		}
		buttons = append(buttons, button(rejectButton, buttonValue(i.ID, digest), "Reject"))
	}
	if undo || cur != nil && (cur.Decided != nil && cur.Lapsed == "" || cur.Executed != nil) {
		return buttons // decided, or an undo: there is nothing to take over
	}
	return append(buttons, button(manualButton, buttonValue(i.ID, digest), "I'll do it manually"))
}

// approveOf is the button that approves. Where a reason is needed, the form that
// asks for it says the change again, so that there is no dialog before it.
func approveOf(i incident.Incident, cur incident.Attempt, undo bool) slack.BlockElement {
	label := "Approve Fix"
	if undo {
		label = "Approve Undo"
	}
	digest := cur.Proposed.Digest
	if cur.Proposed.Decision.NeedsReason {
		return button(approveButton, buttonValue(i.ID, digest), label+" …").WithStyle(slack.StylePrimary)
	}
	b := button(approveButton, buttonValue(i.ID, digest), label).WithStyle(slack.StylePrimary)
	return b.WithConfirm(confirmation("Approve this change?", cur.Proposed.Terms.Action, digest, "Approve"))
}

func button(id, value, text string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(id, value, slack.NewTextBlockObject(slack.PlainTextType, text, false, false))
}
