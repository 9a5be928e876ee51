package chat

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Command is what a person asked for by slash command or mention. Slack has its
// acknowledgement and the person a first line by the time it is handed out.
type Command struct {
	Query
	Person  incident.Person
	Channel string
	// Thread is where a mention is answered; empty for a slash command.
	Thread string
	// Respond is where a slash command is answered, for half an hour and five
	// times; empty for a mention. It is a secret: who has it can post.
	Respond string
	// Reply answers, in the thread or to the person alone.
	Reply func(ctx context.Context, text redact.Text) error
}

// slash answers a slash command. The acknowledgement carries the first line, so
// that it is there within Slack's three seconds whatever the cluster does.
func (r *session) slash(e envelope) {
	var c slashed
	if err := json.Unmarshal(e.Payload, &c); err != nil {
		r.log.Warn("Slack sent a slash command that cannot be read", "error", err)
		r.ack(r.link, e.ID, nil)
		return
	}
	key := c.TriggerID
	if key == "" {
		key = e.ID
	}
	if !r.seen.first("slash:" + key) {
		r.ack(r.link, e.ID, nil)
		return
	}
	cmd := Command{
		Query: ParseCommand(c.Text), Channel: c.ChannelID, Respond: r.replyURL(c.ResponseURL),
		Person: incident.Person{ID: c.UserID, Team: c.TeamID, Enterprise: c.EnterpriseID, Name: r.nameText(c.UserName)},
	}
	cmd.Reply = func(ctx context.Context, text redact.Text) error { return r.respond(ctx, cmd.Respond, text) }
	r.ack(r.link, e.ID, map[string]any{"response_type": "ephemeral", "text": escape(r.firstLine(cmd))})
}

// happened handles an event of the Events API, which is acknowledged already.
// Slack sends an event up to four times, later ones under new envelope ids.
func (r *session) happened(e envelope) {
	var ev event
	if err := json.Unmarshal(e.Payload, &ev); err != nil {
		r.log.Warn("Slack sent an event that cannot be read", "error", err)
		return
	}
	if ev.EventID != "" && !r.seen.first("event:"+ev.EventID) {
		return
	}
	r.missed(e, ev)
	switch ev.Event.Type {
	case "app_mention":
		r.mentioned(ev)
	case "channel_shared":
		if ev.channel() == r.cfg.Channel {
			r.shared.Store(true)
			r.log.Error("the channel was shared with another organisation: cards get no buttons until it is not", "channel", r.cfg.Channel)
		}
	case "channel_id_changed":
		r.log.Error("Slack gave a channel a new id: set SLACK_CHANNEL_ID to it if it is the one of the cards")
	case "app_uninstalled":
		r.end(&TokenError{Setting: botSetting, Code: "app_uninstalled", Remedy: "install the app again and copy the new token"})
	case "tokens_revoked":
		if len(ev.Event.Tokens.Bot) > 0 {
			r.end(&TokenError{Setting: botSetting, Code: "token_revoked", Remedy: "install the app again and copy the new token"})
		}
	}
}

func (r *session) mentioned(ev event) {
	m := ev.Event
	if m.BotID != "" || m.User == "" || m.TS == "" {
		return // a bot that answers a bot answers for ever
	}
	team := m.UserTeam
	if team == "" {
		team = m.Team
	}
	cmd := Command{
		Query: ParseCommand(m.Text), Channel: ev.channel(), Thread: m.ThreadTS,
		Person: incident.Person{ID: m.User, Team: team, Enterprise: ev.EnterpriseID},
	}
	if cmd.Thread == "" {
		cmd.Thread = m.TS
	}
	cmd.Reply = func(ctx context.Context, text redact.Text) error {
		_, err := r.Note(ctx, incident.Posted{Channel: cmd.Channel, TS: cmd.Thread}, incident.Note{Text: text})
		return err
	}
	line := r.firstLine(cmd)
	r.later(func(ctx context.Context) {
		if err := cmd.Reply(ctx, line); err != nil {
			r.log.Warn("a mention could not be answered", "error", err)
		}
	})
}

// firstLine hands the command on, where it is one for the loop, and says what
// the person reads at once.
func (r *session) firstLine(cmd Command) redact.Text {
	line := redact.Literal("One moment: reading what is open.")
	switch cmd.Kind {
	case Why:
		line = redact.Sprintf("Looking at %s%s. The answer follows.", redact.Name(cmd.Object), inNamespace(cmd.Namespace))
	case Stop:
		line = redact.Literal("Stopping. The answer follows.")
	case Resume, BreakGlass:
		line = redact.Literal("One moment: looking whether you may.")
	case Status:
	case Help, Unknown:
		return helpText(cmd.Problem)
	}
	select {
	case r.commands <- cmd:
		return line
	default:
		r.log.Warn("the queue of commands is full: one was dropped")
		return redact.Literal("Too many questions at once. Ask again in a minute.")
	}
}

func inNamespace(ns string) redact.Text {
	if ns == "" {
		return redact.Text{}
	}
	return redact.Sprintf(" in namespace %s", redact.Name(ns))
}

// replyURL keeps an address to reply to only where it is Slack's own: it comes
// with the payload, and requests go nowhere else.
func (s *Slack) replyURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil {
		return ""
	}
	base, err := url.Parse(s.cfg.APIURL)
	if err != nil {
		return ""
	}
	own := u.Scheme == base.Scheme && u.Host == base.Host
	if s.cfg.APIURL == slackURL {
		own = u.Scheme == "https" && strings.HasSuffix(u.Host, ".slack.com")
	}
	if !own {
		return ""
	}
	return raw
}

// respond answers by a response_url, to the one person who pressed or typed.
func (s *Slack) respond(ctx context.Context, address string, text redact.Text, blocks ...slack.Block) error {
	if address = s.replyURL(address); address == "" {
		return errNoReply
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	no := false
	msg := &slack.WebhookMessage{Text: escape(text.Truncate(maxText)), ResponseType: "ephemeral", UnfurlLinks: &no, UnfurlMedia: &no}
	if len(blocks) > 0 {
		msg.Blocks = &slack.Blocks{BlockSet: blocks}
	}
	err := slack.PostWebhookCustomHTTPContext(ctx, address, s.http, msg)
	return scrub("answer by response_url", err)
}

// keepSeen is longer than Slack goes on sending an event again, but for the
// app setting “Delayed Events”, which the manifest leaves off.
const keepSeen = 15 * time.Minute
