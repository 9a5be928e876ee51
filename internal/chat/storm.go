package chat

import (
	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// renderStorm is the one card that counts the findings which wait for a card of
// their own. It has no buttons.
func renderStorm(i incident.Incident, o Options) ([]slack.Block, redact.Text) {
	s := i.Storm
	title := redact.Sprintf("🌪️ Storm: %s findings wait for a card", count(s.Waiting))
	if s.Over {
		title = redact.Literal("✅ The storm is over: no finding waits for a card")
	}
	blocks := []slack.Block{
		slack.NewHeaderBlock(plain(title, headerRunes), slack.HeaderBlockOptionBlockID(blockID("cs-head", i))),
		steeredContext(i, o),
	}
	if s.Over {
		return blocks, title
	}
	lines := []slack.RichTextElement{
		line(prose(redact.Sprintf("More broke at once than %s cards an hour (CARDS_PER_HOUR) can tell. Nothing is dropped: the oldest get their cards first, as the hour allows, and what heals before its turn stays silent.", count(s.Budget)))),
		line(prose(redact.Literal("Nothing is offered before its card is there. To look at one now: /countersign why KIND/NAME -n NAMESPACE"))),
	}
	lines = append(lines, tallied(redact.Literal("Causes"), s.Causes, func(name string) redact.Text { return causeText(incident.Cause(name)) })...)
	lines = append(lines, tallied(redact.Literal("Namespaces"), s.Namespaces, redact.Name)...)
	return append(blocks, rich(blockID("cs-now", i), lines...)), title
}

// tallied is a title and a list of counts; nothing where there are none.
func tallied(title redact.Text, tallies []incident.Tally, word func(name string) redact.Text) []slack.RichTextElement {
	if len(tallies) == 0 {
		return nil // Slack refuses a list without items
	}
	var items []slack.RichTextElement
	for _, t := range tallies {
		name := redact.Literal("others")
		if t.Name != "" {
			name = word(t.Name)
		}
		items = append(items, line(prose(redact.Sprintf("%s: %s", name, count(t.Count)))))
	}
	return []slack.RichTextElement{line(strong(title)), slack.NewRichTextList(slack.RTEListBullet, 0, items...)}
}
