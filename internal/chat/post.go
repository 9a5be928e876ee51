package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// maxText is the longest top-level text, in runes before escaping. chat.update
// refuses more than 4000 characters, and an escaped rune has up to five.
const maxText = 780

// byReply stands for the ts of a card that could only be shown to the person
// who asked, by response_url.
const byReply = "response_url"

var (
	errNoReply = errors.New("there is no address to reply to")
	errNoUser  = errors.New("Slack answered without a user")
)

// escape writes text for a top-level field, whose markup Slack reads.
func escape(text redact.Text) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text.String())
}

// Card posts the card of an incident, or updates the one that stands at at. The
// answer to a person's question goes where the person asked. A post whose
// answer got lost is an ErrMaybePosted.
func (s *Slack) Card(ctx context.Context, i incident.Incident, at incident.Posted) (incident.Posted, error) {
	ws, err := s.workspace(ctx)
	if err != nil {
		return at, fmt.Errorf("post card: %w", err)
	}
	channel, thread := s.cfg.Channel, ""
	if i.Inquiry != nil && i.Inquiry.Channel != "" {
		channel, thread = i.Inquiry.Channel, i.Inquiry.Thread
	}
	if at.TS != "" && at.TS != byReply {
		channel = at.Channel
	}
	o := Options{
		Cluster: redact.Name(s.cfg.ClusterName), Mode: s.mode(i.Subject.Namespace), Names: s.resolve(ctx, i),
		Shared: s.shared.Load() && i.Inquiry == nil, Now: s.cfg.Now(),
	}
	blocks, text := Render(i, o)
	if err := (seal{key: s.cfg.Key, team: ws.TeamID, channel: channel}).sign(blocks); err != nil {
		return at, err
	}
	if at.TS == byReply {
		return at, s.respond(ctx, i.Inquiry.Respond, text, blocks...)
	}
	if at.TS != "" {
		if err = s.update(ctx, channel, at.TS, text, blocks); !gone(err) {
			return at, err
		}
		s.log.Warn("the card is gone from Slack and is posted again", "incident", i.ID, "code", codeOf(err))
	}
	ts, err := s.post(ctx, channel, thread, text, blocks)
	if err != nil {
		if i.Inquiry != nil && notThere(err) && s.respond(ctx, i.Inquiry.Respond, text, blocks...) == nil {
			return incident.Posted{Slot: at.Slot, Channel: channel, TS: byReply}, nil
		}
		if errors.Is(err, ErrMaybePosted) {
			s.doubtful.lost(i.ID)
		}
		return at, err
	}
	s.doubtful.stands(i.ID, ts)
	return incident.Posted{Slot: at.Slot, Channel: channel, TS: ts}, nil
}

func (s *Slack) mode(namespace string) incident.Mode {
	if s.cfg.Mode == nil {
		return incident.ModeOff
	}
	return s.cfg.Mode(namespace)
}

// notThere reports whether the bot may not post to a channel, which people may
// well ask from.
func notThere(err error) bool {
	switch codeOf(err) {
	case "not_in_channel", "channel_not_found", "is_archived", "restricted_action":
		return true
	}
	return false
}

// gone reports whether the card that should be updated can never be again:
// people with the right delete messages.
func gone(err error) bool {
	switch codeOf(err) {
	case "message_not_found", "cant_update_message", "edit_window_closed":
		return true
	}
	return false
}

// Whisper shows text to the person who pressed and to nobody else. It may get
// lost: Slack does not promise to deliver such messages.
func (s *Slack) Whisper(ctx context.Context, click incident.Clicked, text redact.Text) error {
	block := paragraph("cs-whisper", text)
	if err := s.respond(ctx, click.ReplyURL, text, block); err == nil {
		return nil
	}
	return s.call(ctx, "chat.postEphemeral", func(ctx context.Context) error {
		_, err := s.api.PostEphemeralContext(ctx, click.Channel, click.Person.ID,
			slack.MsgOptionText(escape(text.Truncate(maxText)), false), slack.MsgOptionBlocks(block), slack.MsgOptionParse(false))
		return scrub("answer the person who pressed", err)
	})
}

func (s *Slack) post(ctx context.Context, channel, thread string, text redact.Text, blocks []slack.Block) (ts string, err error) {
	options := []slack.MsgOption{
		slack.MsgOptionText(escape(text.Truncate(maxText)), false), slack.MsgOptionBlocks(blocks...), slack.MsgOptionParse(false),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	if thread != "" {
		options = append(options, slack.MsgOptionTS(thread))
	}
	err = s.call(ctx, "chat.postMessage", func(ctx context.Context) error {
		_, ts, err = s.api.PostMessageContext(ctx, channel, options...)
		return err
	})
	switch {
	case err == nil:
		return ts, nil
	case maybeApplied(err):
		return "", fmt.Errorf("%w (%w)", ErrMaybePosted, scrub("post to "+channel, err))
	case codeOf(err) != "":
		if refused := tokenError(botSetting, err); refused != nil {
			return "", refused
		}
	}
	return "", scrub("post to "+channel, err)
}

// update edits a message in place. parse goes with every update, because an
// update without it falls back to Slack's own, which makes links.
func (s *Slack) update(ctx context.Context, channel, ts string, text redact.Text, blocks []slack.Block) error {
	err := s.call(ctx, "chat.update", func(ctx context.Context) error {
		_, _, _, err := s.api.UpdateMessageContext(ctx, channel, ts,
			slack.MsgOptionText(escape(text.Truncate(maxText)), false), slack.MsgOptionBlocks(blocks...), slack.MsgOptionParse(false))
		return err
	})
	return scrub("update the card", err)
}

// sweep deletes a copy of a card that a lost answer left behind, once a press
// on it makes it known. The gate refuses the press itself.
func (r *session) sweep(c Click) {
	m := c.Clicked
	if !m.Genuine || m.Channel != r.cfg.Channel || !r.doubtful.older(c.Incident, m.Message) {
		return
	}
	r.later(func(ctx context.Context) {
		err := r.call(ctx, "chat.delete", func(ctx context.Context) error {
			_, _, err := r.api.DeleteMessageContext(ctx, m.Channel, m.Message)
			return err
		})
		if err != nil {
			r.log.Warn("an older copy of a card could not be deleted", "incident", c.Incident, "error", scrub("delete", err))
		}
	})
}
