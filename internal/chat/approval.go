package chat

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// approval is the block that people countersign. Its words come from the terms,
// the executor's diff and policy's answer, and from nothing else.
type approval struct {
	cur   incident.Attempt
	names map[string]redact.Text
	rich  []slack.RichTextElement
	runes int
	// hidden is set where a parameter of the change does not stand there as it
	// is: what cannot be read cannot be approved.
	hidden bool
}

// renderApproval renders the offer of an attempt. whole is false where it does
// not show the change in full, and then there is no button to approve it.
func renderApproval(i incident.Incident, cur incident.Attempt, names map[string]redact.Text) (block *slack.RichTextBlock, whole bool) {
	a := approval{cur: cur, names: names}
	act := cur.Proposed.Terms.Action
	a.title()
	a.change(act)
	if cur.Lapsed == "" && cur.Decided == nil {
		a.difference()
	}
	a.policy()
	a.requester()
	if cur.Open() {
		a.demands(i.ID)
		a.people()
		a.until()
	}
	a.finePrint(act)
	if a.runes > exactRunes {
		a.hidden = true
	}
	return rich(blockID(approvalName, i), a.rich...), !a.hidden
}

// say adds a paragraph of our own words and of names.
func (a *approval) say(text redact.Text) {
	a.add(line(leaf(orDash(named(text.Truncate(leafRunes/2).String())), nil)), text)
}

func (a *approval) add(e slack.RichTextElement, text redact.Text) {
	a.rich = append(a.rich, e)
	a.runes += utf8.RuneCountInString(text.String())
}

func (a *approval) title() {
	word := redact.Literal("Proposed change")
	switch {
	case a.cur.Rehearsal.Undo != "" && a.cur.Decided == nil:
		word = redact.Literal("Proposed undo")
	case a.cur.Rehearsal.Undo != "":
		word = redact.Literal("Undo")
	case a.cur.Executed != nil && a.cur.Executed.Report.State == incident.StateApplied:
		word = redact.Literal("Change made")
	case a.cur.Decided != nil && a.cur.Decided.Decision.Allow:
		word = redact.Literal("Approved change")
	case a.cur.Lapsed != "":
		word = redact.Literal("Change that was offered")
	}
	a.add(line(strong(word)), word)
}

// change says what will be done. Each parameter passes the redactor, like all
// text; if that changes it, the change is not shown in full.
func (a *approval) change(act action.Action) {
	a.add(line(leaf(a.shown(sentence(act), ""), nil)), redact.Text{})
	lines := parameters(act)
	if len(lines) == 0 {
		return
	}
	width := 0
	for _, l := range lines {
		width = max(width, len(l[0]))
	}
	var b strings.Builder
	for n, l := range lines {
		if n > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(l[0] + strings.Repeat(" ", width-len(l[0])+2) + a.shown(l[1], "→"))
	}
	a.add(preformatted(b.String()), redact.Text{})
}

// shown is a parameter as it stands on the card.
func (a *approval) shown(s, signs string) string {
	text := redact.Name(s).String()
	if text != s {
		a.hidden = true
	}
	out := exact(text, signs+"⟨⟩")
	a.runes += utf8.RuneCountInString(out)
	return out
}

// difference shows the whole diff that the executor reported. It is not cut
// here: policy asks for two people where it is cut, and knows of the executor's
// cuts only.
func (a *approval) difference() {
	r := a.cur.Report
	if r == nil {
		return
	}
	if r.Diff.IsEmpty() {
		if a.cur.Proposed.Terms.Action.Kind != action.DeletePod {
			a.say(redact.Literal("The rehearsal reported no diff."))
		}
	} else {
		a.say(redact.Literal("Rehearsed by the executor's own account (dry run):"))
		diff := exact(r.Diff.String(), "\n\t\\"+ourSigns)
		a.runes += utf8.RuneCountInString(diff)
		a.rich = append(a.rich, preformatted(diff))
	}
	if r.DiffMissing > 0 {
		a.say(redact.Sprintf("%s parts of the diff are missing above: they did not fit or are hidden.", count(r.DiffMissing)))
	}
}

func (a *approval) policy() {
	d := a.cur.Proposed.Decision
	need := redact.Literal("one approval needed")
	if d.Quorum > 1 {
		need = redact.Sprintf("%s approvals needed, of different people", count(d.Quorum))
	}
	text := redact.Sprintf("Risk %s · %s", riskText(d.Risk, a.cur.Proposed.Terms.Action.Kind), need)
	if given := a.cur.Approvals(); len(given) > 0 {
		text = redact.Sprintf("%s · %s given: %s", text, count(len(given)), peopleText(given))
	}
	a.say(text)
	if len(d.Reasons) > 0 {
		a.say(redact.Sprintf("Policy: %s", redact.Join("; ", d.Reasons...)))
	}
}

func riskText(risk string, k action.Kind) redact.Text {
	if risk != "" {
		return redact.Name(risk)
	}
	entry, _ := action.Lookup(k)
	return redact.Name(entry.Risk.String())
}

func (a *approval) people() {
	ids := a.cur.Proposed.Approvers
	if len(ids) == 0 {
		a.say(redact.Literal("May approve: nobody. No approver is named for this namespace (ALLOWED_APPROVERS)."))
		return
	}
	var who []redact.Text
	for n, id := range ids {
		if len(who) == maxApprovers {
			who = append(who, redact.Sprintf("%s more", count(len(ids)-n)))
			break
		}
		if id.String() == a.cur.Rehearsal.Requester.ID {
			continue // named above, as who does not count
		}
		if name := a.names[id.String()]; !name.IsEmpty() {
			id = redact.Sprintf("%s (%s)", name.Truncate(80), id)
		}
		who = append(who, id)
	}
	if len(who) == 0 {
		who = append(who, redact.Literal("nobody else"))
	}
	a.say(redact.Sprintf("May approve or reject: %s", redact.Join(", ", who...)))
}

func (a *approval) until() {
	t := a.cur.Proposed.Terms
	fallback := t.ExpiresAt.UTC().Format(time.RFC3339)
	a.rich = append(a.rich, line(
		leaf("Open until ", nil),
		slack.NewRichTextSectionDateElement(t.ExpiresAt.Unix(), "{time_secs}, {date_short_pretty}", nil, &fallback),
		leaf(". "+undoText(t.Action), nil),
	))
}

// undoText says before the click whether there is a way back.
func undoText(act action.Action) string {
	if _, ok := act.Inverse(); ok {
		return "It can be undone."
	}
	if entry, ok := action.Lookup(act.Kind); ok && entry.Irreversible != "" {
		return "It " + entry.Irreversible + "."
	}
	return "It cannot be undone automatically."
}

// finePrint names the very object, and the prefix of the digest that votes and
// Jobs carry.
func (a *approval) finePrint(act action.Action) {
	p := a.cur.Proposed
	a.rich = append(a.rich, line(
		leaf("digest ", nil), leaf(p.Digest.Short(), &slack.RichTextSectionTextStyle{Code: true}),
		leaf(" · "+act.Target.APIVersion+" "+act.Target.Kind+", uid "+a.shown(act.Target.UID, "")+", bound "+act.Bound.Short(), nil),
	))
}

// confirmation is the dialog before the press counts. It says the change again.
func confirmation(title string, act action.Action, digest action.Hash, yes string) *slack.ConfirmationBlockObject {
	text := sentence(act)
	for _, l := range parameters(act) {
		text += "\n" + l[0] + ": " + l[1]
	}
	text = redact.Name(strings.ReplaceAll(text, "\n", "; ")).String()
	runes := []rune(exact(text, ourSigns))
	tail := ". Digest " + digest.Short()
	if room := confirmRunes - len(tail) - 1; len(runes) > room {
		runes = append(runes[:room], '…')
	}
	object := func(s string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, unmarked(s), false, false)
	}
	return slack.NewConfirmationBlockObject(object(title), object(string(runes)+tail), object(yes), object("Cancel"))
}
