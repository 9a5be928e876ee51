package chat

import (
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

const maxApprovers = 6

// Options are what a card shows beside the incident.
type Options struct {
	Cluster redact.Text
	Mode    incident.Mode // of the incident's namespace
	// Names are what people and groups are called, by id.
	Names map[string]redact.Text
	// Shared says that people of another organisation see the channel: no
	// buttons.
	Shared bool
	Now    time.Time
}

// Render is the card of an incident: its blocks, and the line that stands in
// notifications. It is pure. What broke comes first, then why and how sure, then
// what will change and who may press; evidence and steps follow the buttons. The
// buttons are not sealed yet.
func Render(i incident.Incident, o Options) ([]slack.Block, redact.Text) {
	if i.Steered != nil {
		return renderSteered(i, o)
	}
	if i.Storm != nil {
		return renderStorm(i, o)
	}
	st := stageOf(i)
	title := titleText(i, st)
	blocks := []slack.Block{
		slack.NewHeaderBlock(plain(redact.Sprintf("%s %s", redact.Name(st.mark), title), headerRunes), slack.HeaderBlockOptionBlockID(blockID("cs-head", i))),
		whyBlock(i),
		contextBlock(i, o),
	}
	if b := gatheredBlock(i); b != nil {
		blocks = append(blocks, b)
	}
	if b := statusBlock(i, o, st); b != nil {
		blocks = append(blocks, b)
	}
	blocks = append(blocks, gateBlocks(i, o)...)
	if !st.over {
		blocks = append(blocks, detailBlocks(i)...)
	}
	blocks = append(blocks, verdictBlocks(i, o)...)
	text := redact.Sprintf("%s %s", redact.Name(st.mark), title)
	if !st.over && !st.headline.IsEmpty() {
		text = redact.Sprintf("%s. %s", text, st.headline)
	}
	return blocks, text
}

// blockID is new with every change of the card, as Slack wants it.
func blockID(name string, i incident.Incident) string { return fmt.Sprintf("%s-%d", name, i.Revision) }

// titleText names the workload and what is wrong with it, or how it ended.
func titleText(i incident.Incident, st stage) redact.Text {
	what := faultText(i)
	if st.over && !st.headline.IsEmpty() {
		return redact.Sprintf("%s: %s (%s)", refText(i.Subject).Truncate(80), st.headline, what)
	}
	return redact.Sprintf("%s: %s", refText(i.Subject).Truncate(90), what)
}

func faultText(i incident.Incident) redact.Text {
	what := redact.Literal("looking")
	switch {
	case i.Inquiry != nil && i.Diagnosis == nil && !i.ClearedAt.IsZero():
		what = redact.Literal("nothing is wrong")
	case i.Diagnosis != nil && i.Diagnosis.Cause != incident.Unknown:
		what = causeText(i.Diagnosis.Cause)
	case len(i.Signals) > 0:
		what = symptomText(i.Signals[len(i.Signals)-1].Symptom)
	case i.Diagnosis != nil:
		what = causeText(i.Diagnosis.Cause)
	}
	return what
}

// whyBlock is one sentence on why, and how sure that is.
func whyBlock(i incident.Incident) slack.Block {
	id := blockID("cs-why", i)
	d := i.Diagnosis
	switch {
	case d == nil && i.Inquiry != nil && !i.ClearedAt.IsZero():
		return rich(id, line(strong(redact.Sprintf("%s is healthy.", redact.Name(i.Subject.String())))))
	case d == nil && len(i.Signals) > 0:
		return rich(id, line(strong(i.Signals[len(i.Signals)-1].Message)))
	case d == nil:
		return rich(id, line(strong(redact.Literal("Collecting evidence."))))
	}
	elements := []slack.RichTextSectionElement{strong(d.Summary)}
	if !d.Proven() {
		if best, ok := bestGuess(i); ok {
			elements = []slack.RichTextSectionElement{strong(best.Summary), prose(redact.Literal("\nAn opinion of the model, not proven: ")), prose(sureText(best.Confidence))}
			return rich(id, line(elements...))
		}
	}
	if !d.Changed.IsEmpty() {
		elements = append(elements, leaf("\n", nil), prose(d.Changed))
	}
	elements = append(elements, leaf("\n", nil), prose(ruleText(*d)))
	return rich(id, line(elements...))
}

// ruleText says which rule found the cause and how sure that is.
func ruleText(d incident.Diagnosis) redact.Text {
	by := redact.Sprintf("By rule %s", redact.Name(d.Rule))
	if !d.Proven() || d.Rule == "" {
		by = redact.Literal("No rule proves a cause")
	}
	if sure := sureText(d.Confidence); !sure.IsEmpty() {
		return redact.Sprintf("%s · confidence %s", by, sure)
	}
	return by
}

func bestGuess(i incident.Incident) (incident.Hypothesis, bool) {
	if i.Explained == nil || len(i.Explained.Hypotheses) == 0 {
		return incident.Hypothesis{}, false
	}
	return i.Explained.Hypotheses[0], true
}

func contextBlock(i incident.Incident, o Options) slack.Block {
	parts := []redact.Text{redact.Name(i.Subject.String())}
	if i.Subject.Namespace != "" {
		parts = append(parts, redact.Sprintf("namespace %s", redact.Name(i.Subject.Namespace)))
	}
	ready, desired, known := replicas(i)
	if known {
		parts = append(parts, redact.Sprintf("%s of %s ready", count(ready), count(desired)))
	}
	if i.Diagnosis != nil && i.Diagnosis.Severity != "" {
		parts = append(parts, redact.Name(string(i.Diagnosis.Severity)))
	}
	if !o.Cluster.IsEmpty() {
		parts = append(parts, redact.Sprintf("cluster %s", o.Cluster))
	}
	parts = append(parts, redact.Name(string(i.ID)))
	return slack.NewContextBlock(blockID("cs-where", i), plain(redact.Join(" · ", parts...), lineRunes))
}

func replicas(i incident.Incident) (ready, desired int, known bool) {
	if cur := i.Current(); cur != nil && cur.Observed != nil && (cur.Verifying() || cur.Concluded != nil && i.ClearedAt.IsZero() && !cameBack(i, *cur)) {
		return cur.Observed.Ready, cur.Observed.Desired, true
	}
	if i.Diagnosis == nil || i.Diagnosis.Desired == 0 {
		return 0, 0, false
	}
	return i.Diagnosis.Ready, i.Diagnosis.Desired, true
}

func statusBlock(i incident.Incident, o Options, st stage) slack.Block {
	var elements []slack.RichTextElement
	if !st.headline.IsEmpty() {
		elements = append(elements, line(strong(st.headline)))
	}
	for _, l := range statusLines(i, o) {
		elements = append(elements, line(prose(l)))
	}
	if d := i.Diagnosis; d != nil && !st.over {
		if owner := ownerText(d.Owner); !owner.IsEmpty() && i.Current() == nil {
			elements = append(elements, line(prose(owner)))
		}
		if !d.Note.IsEmpty() {
			elements = append(elements, line(prose(d.Note)))
		}
	}
	if o.Shared {
		elements = append(elements, line(prose(sharedText())))
	}
	if len(elements) == 0 {
		return nil
	}
	return rich(blockID("cs-now", i), elements...)
}

func sharedText() redact.Text {
	return redact.Literal("This channel is shared with another organisation: there are no buttons here.")
}

func ownerText(owner redact.Text) redact.Text {
	if owner.IsEmpty() {
		return owner
	}
	return redact.Sprintf("Managed by %s: change it there, a change made here would be reverted.", owner)
}

// gateBlocks are the offer and the buttons.
func gateBlocks(i incident.Incident, o Options) []slack.Block {
	cur := i.Current()
	var blocks []slack.Block
	whole := false
	if cur != nil && cur.Proposed != nil {
		var offer *slack.RichTextBlock
		offer, whole = renderApproval(i, *cur, o.Names)
		blocks = append(blocks, offer)
		if !whole && cur.Open() {
			blocks = append(blocks, paragraph(blockID("cs-hidden", i),
				redact.Literal("A part of this change cannot be shown as it is (it looks like a secret or is too long), so it cannot be approved here.")))
		}
	}
	if buttons := buttonsOf(i, o, cur, whole); len(buttons) > 0 {
		blocks = append(blocks, slack.NewActionBlock(sealPrefix, buttons...))
	}
	return blocks
}
