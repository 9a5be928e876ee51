package chat

import (
	"context"
	"regexp"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
)

// maxPaged bounds how many people and groups one note calls.
const maxPaged = 20

var (
	userID  = regexp.MustCompile(`^[UW][A-Z0-9]{2,20}$`)
	groupID = regexp.MustCompile(`^S[A-Z0-9]{2,20}$`)
)

// Note posts a line into the thread of a card. note.Page are called by name: an
// element for each is all that may ever notify anybody, and what is not the id
// of a person or of a group is left out.
func (s *Slack) Note(ctx context.Context, card incident.Posted, note incident.Note) (string, error) {
	if card.TS == byReply {
		return byReply, nil // there is no thread to post into
	}
	blocks := noteBlocks(note)
	ts, err := s.post(ctx, card.Channel, card.TS, note.Text, blocks)
	switch codeOf(err) {
	case "thread_not_found", "message_not_found", "cannot_reply_to_message":
		return s.post(ctx, card.Channel, "", note.Text, blocks) // the card is gone; people are told all the same
	}
	return ts, err
}

func noteBlocks(note incident.Note) []slack.Block {
	var called []slack.RichTextSectionElement
	for _, id := range note.Page {
		switch {
		case len(called) == 2*maxPaged:
		case userID.MatchString(id):
			called = append(called, slack.NewRichTextSectionUserElement(id, nil), leaf(" ", nil))
		case groupID.MatchString(id):
			called = append(called, slack.NewRichTextSectionUserGroupElement(id), leaf(" ", nil))
		}
	}
	text := leaf(orDash(note.Text.Truncate(leafRunes-1).String()), nil)
	return []slack.Block{rich("cs-note", line(append(called, text)...))}
}
