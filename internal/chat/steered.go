package chat

import (
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// maxWider bounds how many sentences on what becomes easier a card shows. What
// does not fit cannot be agreed to here.
const maxWider = 40

// renderSteered is the card of a stream that is no incident: who changed how the
// whole installation behaves, and whether it holds yet.
func renderSteered(i incident.Incident, o Options) ([]slack.Block, redact.Text) {
	st := steeredStage(i)
	blocks := []slack.Block{
		slack.NewHeaderBlock(plain(redact.Sprintf("%s %s", redact.Name(st.mark), st.headline), headerRunes), slack.HeaderBlockOptionBlockID(blockID("cs-head", i))),
	}
	what, whole := steeredBlock(i)
	blocks = append(blocks, what, steeredContext(i, o))
	if lines := steeredLines(i, o, whole); len(lines) > 0 {
		blocks = append(blocks, rich(blockID("cs-now", i), lines...))
	}
	// Approve and Reject carry the digest that people agree to; without one
	// nothing can be meant by a press.
	if i.Waiting() && !o.Shared && i.Steered.New.Valid() {
		value := buttonValue(i.ID, i.Steered.New)
		var buttons []slack.BlockElement
		if whole {
			agree := button(approveButton, value, "Agree").WithStyle(slack.StylePrimary)
			buttons = append(buttons, agree.WithConfirm(agreement(i)))
		}
		buttons = append(buttons, button(rejectButton, value, "Reject"))
		blocks = append(blocks, slack.NewActionBlock(sealPrefix, buttons...))
	}
	text := redact.Sprintf("%s %s", redact.Name(st.mark), st.headline)
	if by := steeredBy(*i.Steered); !by.IsEmpty() {
		text = redact.Sprintf("%s %s", text, by)
	}
	return blocks, text
}

func steeredStage(i incident.Incident) stage {
	waits := func(what redact.Text) stage {
		switch {
		case i.Rejected != nil:
			return stage{mark: "⛔", headline: redact.Sprintf("%s: rejected", what)}
		case i.Waiting():
			return stage{mark: "🔴", headline: redact.Sprintf("%s: waits for agreement", what)}
		case i.Adopted != nil && !i.Adopted.Failure.IsEmpty():
			return stage{mark: "⛔", headline: redact.Sprintf("%s: not in force", what)}
		case i.Steered.Agree > 0 && i.Adopted == nil:
			return stage{mark: "⏳", headline: redact.Sprintf("%s: agreed on", what)}
		}
		return stage{mark: "📜", headline: redact.Sprintf("%s: in force", what)}
	}
	switch i.Steered.What {
	case incident.Stop:
		return stage{mark: "🛑", headline: redact.Literal("Remediation is stopped")}
	case incident.Resume:
		return stage{mark: "▶️", headline: redact.Literal("Remediation goes on")}
	case incident.NewLog:
		return stage{mark: "⚠️", headline: redact.Literal("The store lost records")}
	case incident.NewPolicy:
		return waits(redact.Literal("New policy"))
	case incident.Signers:
		return waits(redact.Literal("New keys of signers"))
	}
	return waits(redact.Sprintf("Change of %s", redact.Name(string(i.Steered.What)).Truncate(40)))
}

// steeredBy says who did it, in words that follow the headline.
func steeredBy(s incident.Steered) redact.Text {
	switch {
	case s.What == incident.NewLog:
		return redact.Literal("(accepted by an operator)")
	case s.Person.ID == "":
		return redact.Literal("(changed in the cluster)")
	}
	return redact.Sprintf("(by %s)", personText(s.Person))
}

// steeredBlock is what people agree to, word by word: whole is false where it
// does not all stand there.
func steeredBlock(i incident.Incident) (block *slack.RichTextBlock, whole bool) {
	s := i.Steered
	who := redact.Literal("Changed in the cluster. Slack does not know by whom.")
	switch {
	case s.What == incident.NewLog:
		who = redact.Literal("An operator accepted what it holds. Slack does not know who.")
	case s.Person.ID != "":
		who = redact.Sprintf("By %s", personText(s.Person))
	}
	elements := []slack.RichTextElement{line(spelled(who))}
	if !s.Reason.IsEmpty() {
		elements = append(elements, line(spelled(redact.Sprintf("Reason: %s", s.Reason))))
	}
	if s.Old != "" || s.New != "" {
		code := &slack.RichTextSectionTextStyle{Code: true}
		elements = append(elements, line(leaf("digest ", nil), leaf(orDash(s.Old.Short()), code), leaf(" → ", nil), leaf(orDash(s.New.Short()), code)))
	}
	whole = len(s.Wider) <= maxWider
	if len(s.Wider) > 0 {
		elements = append(elements, line(strong(redact.Literal("What it makes easier"))))
	}
	var items []slack.RichTextElement
	for _, w := range s.Wider[:min(len(s.Wider), maxWider)] {
		items = append(items, line(spelled(w)))
		whole = whole && utf8.RuneCountInString(w.String()) <= lineRunes
	}
	if len(items) > 0 {
		elements = append(elements, slack.NewRichTextList(slack.RTEListBullet, 0, items...))
	}
	return rich(blockID(approvalName, i), elements...), whole
}

// spelled is a line that is sealed word by word, so that it must come back from
// Slack as it went there: emoji do not.
func spelled(text redact.Text) slack.RichTextSectionElement {
	runes := []rune(named(text.Truncate(lineRunes).String()))
	return leaf(orDash(string(runes[:min(len(runes), leafRunes-1)])), nil)
}

func steeredContext(i incident.Incident, o Options) slack.Block {
	var parts []redact.Text
	if !o.Cluster.IsEmpty() {
		parts = append(parts, redact.Sprintf("cluster %s", o.Cluster))
	}
	parts = append(parts, redact.Name(string(i.ID)))
	return slack.NewContextBlock(blockID("cs-where", i), plain(redact.Join(" · ", parts...), lineRunes))
}

func steeredLines(i incident.Incident, o Options, whole bool) []slack.RichTextElement {
	var texts []redact.Text
	s := i.Steered
	switch s.What {
	case incident.Stop:
		texts = append(texts, redact.Literal("Nothing is offered, rehearsed or changed, and open offers are taken back, until somebody resumes: /countersign resume."))
	case incident.Resume:
		texts = append(texts, redact.Literal("Findings that still stand are looked at again."))
	case incident.NewLog:
		texts = append(texts, redact.Literal("Cards from before may show what is not known any more, and their buttons do nothing. Votes on them are void: what still stands gets a card of its own. What was changed stands in the cluster and its audit log."))
	case incident.NewPolicy:
		texts = append(texts, policyLine(i))
	case incident.Signers:
	}
	if s.Agree > 0 {
		texts = append(texts, redact.Sprintf("%s of %s agreed%s", count(len(i.Agreed)), count(s.Agree), afterColon(i.Agreed)))
	}
	switch {
	case i.Rejected != nil:
		texts = append(texts, redact.Sprintf("Rejected by %s. What was in force stays.", personText(*i.Rejected)))
	case i.Adopted != nil && !i.Adopted.Failure.IsEmpty():
		texts = append(texts, redact.Sprintf("It was not put into force: %s.", i.Adopted.Failure))
	case i.Waiting() && !whole:
		texts = append(texts, redact.Literal("What it makes easier does not fit on this card, so that nobody can agree to it here. Make the change in smaller steps."))
	}
	if o.Shared {
		texts = append(texts, sharedText())
	}
	out := make([]slack.RichTextElement, 0, len(texts))
	for _, t := range texts {
		out = append(out, line(prose(t)))
	}
	return out
}

func policyLine(i incident.Incident) redact.Text {
	switch {
	case i.Waiting():
		return redact.Literal("It makes something easier, so that it holds only after people have agreed to it. Until then the policy from before is in force.")
	case i.Rejected != nil, i.Adopted != nil && !i.Adopted.Failure.IsEmpty():
		return redact.Literal("The policy from before is in force.")
	case i.Steered.Agree > 0 && i.Adopted == nil:
		return redact.Literal("It is put into force next.")
	}
	return redact.Literal("It is in force. Votes under the policy from before are void; what still stands is offered again.")
}

// afterColon lists people after a colon, if there are any.
func afterColon(people []incident.Person) redact.Text {
	if len(people) == 0 {
		return redact.Literal(".")
	}
	names := make([]redact.Text, 0, len(people))
	for _, p := range people {
		names = append(names, personText(p))
	}
	return redact.Sprintf(": %s.", redact.Join(", ", names...))
}

// agreement is the dialog before an agreement counts.
func agreement(i incident.Incident) *slack.ConfirmationBlockObject {
	object := func(text string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, unmarked(text), false, false)
	}
	text := redact.Sprintf("It makes %s things easier, as the card says. Digest %s.", count(len(i.Steered.Wider)), redact.Name(i.Steered.New.Short()))
	return slack.NewConfirmationBlockObject(object("Agree to this change?"), object(text.String()), object("Agree"), object("Cancel"))
}
