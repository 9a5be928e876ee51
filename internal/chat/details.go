package chat

import (
	"strings"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// What a card shows of the details. The whole of it is in the incident's log.
const (
	maxCauses       = 3
	maxSteps        = 6
	maxRuledOut     = 4
	maxCited        = 6
	evidenceLines   = 4
	evidenceRunes   = 320
	maxEvidenceText = 2600
)

// detailBlocks are the causes, the evidence that they cite and the steps.
func detailBlocks(i incident.Incident) []slack.Block {
	var blocks []slack.Block
	if elements := causeElements(i); len(elements) > 0 {
		blocks = append(blocks, rich(blockID("cs-causes", i), elements...))
	}
	if text := evidenceText(i); text != "" {
		blocks = append(blocks, rich(blockID("cs-evidence", i), line(strong(redact.Literal("Evidence"))), preformatted(text)))
	}
	if steps := stepsOf(i); len(steps) > 0 {
		blocks = append(blocks, rich(blockID("cs-steps", i), line(strong(redact.Literal("By hand"))), list(slack.RTEListOrdered, steps)))
	}
	if len(blocks) > 0 {
		divider := slack.NewDividerBlock()
		divider.BlockID = blockID("cs-rule", i)
		blocks = append([]slack.Block{divider}, blocks...)
	}
	return blocks
}

func causeElements(i incident.Incident) []slack.RichTextElement {
	d := i.Diagnosis
	if d == nil {
		return nil
	}
	if d.Proven() {
		if len(d.RuledOut) == 0 {
			return nil
		}
		return []slack.RichTextElement{line(strong(redact.Literal("Ruled out"))), list(slack.RTEListBullet, d.RuledOut[:min(len(d.RuledOut), maxRuledOut)])}
	}
	switch e := i.Explained; {
	case e != nil && len(e.Hypotheses) > 0:
		items := make([]redact.Text, 0, maxCauses)
		for _, h := range e.Hypotheses[:min(len(e.Hypotheses), maxCauses)] {
			items = append(items, hypothesisText(h))
		}
		return []slack.RichTextElement{
			line(strong(redact.Literal("Likely causes")), prose(redact.Sprintf(", by %s", redact.Name(e.Model)))),
			list(slack.RTEListOrdered, items),
		}
	case e != nil && !e.Failure.IsEmpty():
		return []slack.RichTextElement{line(prose(redact.Sprintf("The model gave no answer: %s. What stands here is what the rules know.", e.Failure)))}
	case i.Asking != "":
		return []slack.RichTextElement{line(prose(redact.Literal("The model is asked for likely causes.")))}
	}
	return nil
}

func hypothesisText(h incident.Hypothesis) redact.Text {
	cause := causeText(h.Cause)
	if h.Novel {
		cause = redact.Literal("a cause outside the catalogue")
	}
	text := redact.Sprintf("%s: %s", cause, h.Summary.Truncate(300))
	if sure := sureText(h.Confidence); !sure.IsEmpty() {
		text = redact.Sprintf("%s (%s)", text, sure.Truncate(120))
	}
	if cites := citeText(h.Cites); !cites.IsEmpty() {
		text = redact.Sprintf("%s %s", text, cites)
	}
	return text
}

func citeText(ids []string) redact.Text {
	var out []redact.Text
	for _, id := range ids[:min(len(ids), maxCited)] {
		out = append(out, redact.Sprintf("[%s]", redact.Name(id).Truncate(12)))
	}
	return redact.Join(" ", out...)
}

// evidenceText is what the diagnosis and the best guess cite, in the order of
// the collection; without any citation, what was collected first.
func evidenceText(i incident.Incident) string {
	cited, evidence := map[string]bool{}, i.Evidence
	if i.Diagnosis != nil {
		for _, id := range i.Diagnosis.Cites {
			cited[id] = true
		}
	}
	if i.Diagnosis == nil || !i.Diagnosis.Proven() {
		if best, ok := bestGuess(i); ok {
			if len(i.Weighed) > 0 {
				evidence = i.Weighed // where its ids are from; a later look has others
				if i.Explained.Evidence != i.EvidenceID {
					clear(cited)
				}
			}
			for _, id := range best.Cites {
				cited[id] = true
			}
		}
	}
	var b strings.Builder
	shown := 0
	for _, e := range evidence {
		if len(cited) > 0 && !cited[e.ID] || shown == maxCited {
			continue
		}
		piece := evidencePiece(e)
		if len([]rune(b.String()))+len([]rune(piece)) > maxEvidenceText {
			break
		}
		if shown > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(piece)
		shown++
	}
	return b.String()
}

func evidencePiece(e incident.Evidence) string {
	head := redact.Sprintf("[%s] %s %s", redact.Name(e.ID), redact.Name(e.Kind), redact.Name(e.Source.String()))
	if !e.Where.IsEmpty() {
		head = redact.Sprintf("%s, %s", head, e.Where.Truncate(80))
	}
	lines := e.Text.Truncate(4 * evidenceRunes).Lines()
	if n := len(lines) - evidenceLines; n > 0 {
		lines = lines[n:] // the end of a log says most
	}
	body := redact.Join("\n    ", lines...).Truncate(evidenceRunes)
	return redact.Sprintf("%s:\n    %s", head.Truncate(200), body).String()
}

func stepsOf(i incident.Incident) []redact.Text {
	var steps []redact.Text
	if i.Diagnosis != nil {
		steps = i.Diagnosis.Steps
	}
	if best, ok := bestGuess(i); ok && len(steps) == 0 {
		steps = best.Steps
	}
	return steps[:min(len(steps), maxSteps)]
}
