package slackstub

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Escape escapes text the way Slack documents: these three characters and
// nothing else.
func Escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// Slash runs a slash command in a channel; Slack has none inside threads. The
// text is escaped with should_escape, so "@bob" arrives as "<@U…|bob>". What
// the acknowledgement carries is posted.
func (s *Server) Slash(user, channel, command, text string) (EnvelopeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c := s.users[user], s.channels[channel]
	switch {
	case u == nil || c == nil:
		return EnvelopeResult{}, fmt.Errorf("slack stand-in: no user %s or no channel %s", user, channel)
	case !slices.Contains(s.cfg.Commands, command):
		return EnvelopeResult{}, fmt.Errorf("slack stand-in: %s is not a valid command", command)
	case u.TeamID != TeamID:
		return EnvelopeResult{}, errors.New("slack stand-in: only the installing workspace's users may run commands")
	case !c.has(user):
		return EnvelopeResult{}, fmt.Errorf("slack stand-in: %s is not in %s", user, channel)
	}
	p := obj{"token": "deprecated-verification", "team_id": TeamID, "team_domain": TeamDomain, "channel_id": c.ID,
		"channel_name": c.displayName(), "user_id": u.ID, "user_name": u.Name, "command": command,
		"text": s.escapeTyped(text), "api_app_id": AppID, "is_enterprise_install": "false",
		"response_url": s.newResponseURL(c.ID, user, ""), "trigger_id": s.newTrigger(user, c.ID)}
	e := s.newEnvelope(TypeSlash, strings.TrimSpace(command+" "+text), p)
	e.User, e.Channel, e.accepts = user, c.ID, true
	e.onAck = func(payload obj) { s.commandAnswer(c, user, payload) }
	return s.launch(e)
}

func (s *Server) commandAnswer(c *channel, user string, payload obj) {
	if len(payload) == 0 {
		return
	}
	a := args(payload)
	for k := range a {
		if !slices.Contains(responseArgs, k) {
			s.problem("ack.unknown_field", "slash command: "+k)
		}
	}
	if e := s.answerInteraction(&responseURL{channel: c.ID, user: user}, a); e != nil {
		s.problem("ack.message", e.code)
	}
}

var typedMention = regexp.MustCompile(`(^|\s)([@#])([a-z0-9][a-z0-9._-]*)`)

// escapeTyped is what Slack's composer makes of typed text.
func (s *Server) escapeTyped(text string) string {
	return typedMention.ReplaceAllStringFunc(Escape(text), func(m string) string {
		p := typedMention.FindStringSubmatch(m)
		for _, id := range s.userIDs {
			if p[2] == "@" && s.users[id].Name == p[3] {
				return p[1] + "<@" + id + "|" + p[3] + ">"
			}
		}
		for _, id := range s.chanIDs {
			if c := s.channels[id]; p[2] == "#" && c.Name == p[3] && !c.IsIM {
				return p[1] + "<#" + id + "|" + p[3] + ">"
			}
		}
		return m
	})
}

// Mention posts a person's message that names the bot, in a thread where
// threadTS is not empty, and raises app_mention.
func (s *Server) Mention(user, channel, threadTS, text string) (EnvelopeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, c, err := s.say(user, channel, threadTS, "<@"+BotUserID+"> "+s.plainMentions(text))
	if err != nil {
		return EnvelopeResult{}, err
	}
	return s.raiseMention(m, c)
}

// Say posts a person's message. Where it names the bot, as "@countersign" or
// in Slack's form, app_mention is raised and its envelope returned.
func (s *Server) Say(user, channel, threadTS, text string) (Message, EnvelopeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, c, err := s.say(user, channel, threadTS, s.plainMentions(text))
	if err != nil {
		return Message{}, EnvelopeResult{}, err
	}
	if !strings.Contains(m.Text, "<@"+BotUserID+">") {
		return *m, EnvelopeResult{}, nil
	}
	e, err := s.raiseMention(m, c)
	return *m, e, err
}

// plainMentions is escapeTyped without the names, as messages have it.
func (s *Server) plainMentions(text string) string {
	return regexp.MustCompile(`<([@#][A-Z0-9]+)\|[^>]*>`).ReplaceAllString(s.escapeTyped(text), "<$1>")
}

func (s *Server) say(user, channel, threadTS, text string) (*Message, *channel, error) {
	c := s.channels[channel]
	if s.users[user] == nil || c == nil || !c.has(user) {
		return nil, nil, fmt.Errorf("slack stand-in: %s is not in %s", user, channel)
	}
	if threadTS != "" {
		parent := c.find(threadTS)
		if parent == nil {
			return nil, nil, fmt.Errorf("slack stand-in: no thread %s in %s", threadTS, channel)
		}
		if parent.ThreadTS != "" {
			threadTS = parent.ThreadTS
		}
	}
	m := &Message{User: user, Text: text, ThreadTS: threadTS, Mrkdwn: true}
	s.put(c, m)
	return m, c, nil
}

func (s *Server) raiseMention(m *Message, c *channel) (EnvelopeResult, error) {
	if !c.has(BotUserID) {
		return EnvelopeResult{}, nil
	}
	u := s.users[m.User]
	ev := obj{"type": "app_mention", "user": m.User, "text": m.Text, "ts": m.TS, "channel": c.ID, "event_ts": m.TS,
		"team": u.TeamID, "client_msg_id": s.uuid(), "blocks": []any{obj{"type": "rich_text", "block_id": s.ident(5),
			"elements": []any{obj{"type": "rich_text_section", "elements": []any{obj{"type": "text", "text": m.Text}}}}}}}
	if m.ThreadTS != "" {
		ev["thread_ts"] = m.ThreadTS
	}
	if u.TeamID != TeamID {
		ev["user_team"], ev["source_team"] = u.TeamID, u.TeamID
	}
	return s.raise(ev, c, m.User), nil
}

// raise sends an event if the app subscribed to it.
func (s *Server) raise(ev obj, c *channel, user string) EnvelopeResult {
	kind, _ := ev["type"].(string)
	if !slices.Contains(s.cfg.BotEvents, kind) {
		return EnvelopeResult{}
	}
	id := "Ev" + strings.ToUpper(s.ident(9))
	shared := c != nil && c.IsExtShared
	e := s.newEnvelope(TypeEvents, kind, obj{"token": "deprecated-verification", "team_id": TeamID, "context_team_id": TeamID,
		"api_app_id": AppID, "event": ev, "type": "event_callback", "event_id": id, "event_time": s.clock.Now().Unix(),
		"authorizations":        []any{obj{"enterprise_id": nil, "team_id": TeamID, "user_id": BotUserID, "is_bot": true, "is_enterprise_install": false}},
		"is_ext_shared_channel": shared, "event_context": "4-" + s.ident(40)})
	e.EventID, e.User, e.retry = id, user, true
	if c != nil {
		e.Channel = c.ID
	}
	e.TS, _ = ev["ts"].(string)
	s.clockOrNow(s.cfg.EventDelay, func() { s.deliver(e) })
	return e.EnvelopeResult
}

// Raise sends any event of the Events API to the app.
func (s *Server) Raise(event map[string]any) EnvelopeResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raise(event, nil, "")
}
