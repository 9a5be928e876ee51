package chat

import (
	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// gatheredBlock names who else fails for the same cause and has no card of its
// own; nil where nobody does.
func gatheredBlock(i incident.Incident) slack.Block {
	g := i.Gathered
	if len(g.Subjects) == 0 {
		return nil
	}
	names := make([]redact.Text, 0, len(g.Subjects))
	for _, s := range g.Subjects {
		names = append(names, refText(s).Truncate(80))
	}
	said := redact.Sprintf("Also failing for this cause: %s", redact.Join(", ", names...))
	if g.More > 0 {
		said = redact.Sprintf("%s and %s more", said, count(g.More))
	}
	return slack.NewContextBlock(blockID("cs-also", i), plain(said, lineRunes))
}
