package chat

import (
	"strings"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The buttons by which people say what an incident was. They stand in a row of
// their own, last on the card, and ask for nothing.
const (
	rightButton = "cs-right"
	wrongButton = "cs-wrong"
	wasButton   = "cs-was" // opens a form
)

// pressedVerdict is what a button says by itself; nil where it opens a form or
// is none of these.
func pressedVerdict(actionID string) *incident.Verdict {
	switch actionID {
	case rightButton:
		return &incident.Verdict{Right: true}
	case wrongButton:
		return &incident.Verdict{}
	}
	return nil
}

// verdictBlocks are what people say that it was, and the row that asks them.
func verdictBlocks(i incident.Incident, o Options) []slack.Block {
	if !i.Judgeable() {
		return nil
	}
	var blocks []slack.Block
	if said := opinionText(i); !said.IsEmpty() {
		blocks = append(blocks, slack.NewContextBlock(blockID("cs-said", i), plain(said, lineRunes)))
	}
	if o.Shared {
		return blocks
	}
	claim := i.Claimed()
	value := buttonValue(i.ID, claim.Digest())
	var row []slack.BlockElement
	if claim.Cause != "" {
		row = append(row, button(rightButton, value, "Right"), button(wrongButton, value, "Wrong"))
	}
	row = append(row, button(wasButton, value, "It was …"))
	return append(blocks, slack.NewActionBlock(sealPrefix, row...))
}

// maxOpinions bounds how many different ones a card lists.
const maxOpinions = 4

// opinionText counts the verdicts: "2 say right, 1 says it was node not ready
// (Node/n1)". It is empty while nobody has said anything.
func opinionText(i incident.Incident) redact.Text {
	opinions := i.Opinions()
	var out []redact.Text
	for n, o := range opinions {
		if n == maxOpinions {
			rest := 0
			for _, more := range opinions[n:] {
				rest += len(more.By)
			}
			out = append(out, redact.Sprintf("%s more say something else", count(rest)))
			break
		}
		who := redact.Sprintf("%s say", count(len(o.By)))
		if len(o.By) == 1 {
			who = redact.Literal("1 says")
		}
		out = append(out, redact.Sprintf("%s %s", who, saidText(o)))
	}
	return redact.Join(", ", out...)
}

func saidText(o incident.Opinion) redact.Text {
	switch {
	case o.Right:
		return redact.Literal("right")
	case o.Cause == "":
		return redact.Literal("wrong")
	case o.Root.Name == "":
		return redact.Sprintf("it was %s", causeText(o.Cause))
	}
	return redact.Sprintf("it was %s (%s)", causeText(o.Cause), redact.Name(o.Root.String()))
}

// causeChoices are the vocabulary as the options of a select, by their words.
// Unknown is no answer to what it was.
func causeChoices() []*slack.OptionGroupBlockObject {
	label := func(s string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
	}
	var options []*slack.OptionBlockObject
	for _, c := range sortedCauses() {
		options = append(options, slack.NewOptionBlockObject(string(c), label(causeText(c).Truncate(maxOption).String()), nil))
	}
	var groups []*slack.OptionGroupBlockObject
	for len(options) > 0 {
		n := min(len(options), perGroup)
		first, last := options[0].Text.Text, options[n-1].Text.Text
		title := strings.ToUpper(first[:1]) + " to " + strings.ToUpper(last[:1])
		groups = append(groups, slack.NewOptionGroupBlockElement(label(title), options[:n]...))
		options = options[n:]
	}
	return groups
}

// Slack's limits of a select: options in a group, characters of one.
const (
	perGroup  = 40 // of 100 allowed; headings help who scrolls
	maxOption = 75
)
