package slackstub

import (
	"strings"
	"unicode/utf8"
)

const undisplayable = "This content can't be displayed."

// authTest answers who the bot is; the scopes are in the header.
func (s *Server) authTest(args) (obj, *apiError) {
	return obj{"url": "https://" + TeamDomain + ".slack.example/", "team": "Acme", "user": s.nameOf(BotUserID),
		"team_id": TeamID, "user_id": BotUserID, "bot_id": BotID, "is_enterprise_install": false}, nil
}

// writable finds a channel that the bot may post to.
func (s *Server) writable(id string) (*channel, *apiError) {
	c := s.channels[id]
	switch {
	case id == "" || c == nil:
		return nil, fail("channel_not_found")
	case c.IsArchived:
		return nil, fail("is_archived")
	case !c.has(BotUserID) && c.IsPrivate:
		return nil, fail("channel_not_found") // Slack hides private channels
	case !c.has(BotUserID) && !s.scopes["chat:write.public"]:
		return nil, fail("not_in_channel")
	}
	return c, nil
}

// content is the part that posting, updating and replying share.
type content struct {
	text    string
	blocks  []any
	meta    any
	warning string
}

func (s *Server) content(name string, a args, maxText int) (content, *apiError) {
	c := content{text: a.str("text")}
	if a.has("markdown_text") {
		if a.has("text") || a.has("blocks") {
			return c, fail("markdown_text_conflict")
		}
		if utf8.RuneCountInString(a.str("markdown_text")) > 12000 {
			return c, fail("msg_too_long")
		}
		c.text = a.str("markdown_text")
	}
	if n := utf8.RuneCountInString(c.text); maxText > 0 && n > maxText {
		return c, fail("msg_too_long")
	} else if n > 40000 {
		c.text = string([]rune(c.text)[:40000])
		c.warning = "message_truncated"
	}
	blocks, err := a.array("blocks")
	if err != nil {
		return c, fail("invalid_blocks_format")
	}
	c.blocks = blocks
	if atts, err := a.array("attachments"); err != nil || len(atts) > 100 {
		return c, fail("invalid_attachments")
	} else if len(atts) > 0 {
		s.problem("api.attachments", name+": attachments are legacy and are not kept")
	}
	if c.meta, err = a.value("metadata"); err != nil {
		return c, fail("invalid_metadata_format")
	}
	if e := s.checkBlocks(name, blocks, surfaceMessage); e != nil {
		return c, e
	}
	if a.has("username") || a.has("icon_emoji") || a.has("icon_url") {
		s.problem("api.customize", name+": the sender's name and icon need chat:write.customize")
	}
	return c, nil
}

func (s *Server) thread(c *channel, a args) (string, *apiError) {
	ts := a.str("thread_ts")
	if ts == "" {
		return "", nil
	}
	p := c.find(ts)
	switch {
	case p == nil:
		return "", fail("thread_not_found")
	case p.ThreadTS != "":
		// Slack takes a reply's ts for its parent only by accident.
		s.problem("api.thread_ts_of_reply", ts)
		return p.ThreadTS, nil
	case p.Ephemeral:
		return "", fail("cannot_reply_to_message")
	}
	return ts, nil
}

func (s *Server) postMessage(a args) (obj, *apiError) {
	c, e := s.writable(a.str("channel"))
	if e != nil {
		return nil, e
	}
	body, e := s.content("chat.postMessage", a, 0)
	if e != nil {
		return nil, e
	}
	if strings.TrimSpace(body.text) == "" && len(body.blocks) == 0 {
		return nil, fail("no_text")
	}
	parent, e := s.thread(c, a)
	if e != nil {
		return nil, e
	}
	m := &Message{User: BotUserID, BotID: BotID, Text: body.text, Blocks: s.fillBlockIDs(body.blocks),
		ThreadTS: parent, Metadata: body.meta, Broadcast: a.bool("reply_broadcast"),
		Mrkdwn: !a.has("mrkdwn") || a.bool("mrkdwn"), ParseNone: a.str("parse") == "none"}
	s.put(c, m)
	out := obj{"channel": c.ID, "ts": m.TS, "message": s.messageJSON(m)}
	if body.warning != "" {
		out["warning"] = body.warning
		out["response_metadata"] = obj{"warnings": []string{body.warning}}
	}
	return out, nil
}

func (s *Server) postEphemeral(a args) (obj, *apiError) {
	c, e := s.writable(a.str("channel"))
	if e != nil {
		return nil, e
	}
	user := a.str("user")
	if s.users[user] == nil {
		return nil, fail("user_not_found")
	}
	if !c.has(user) {
		return nil, fail("user_not_in_channel")
	}
	body, e := s.content("chat.postEphemeral", a, 0)
	if e != nil {
		return nil, e
	}
	if strings.TrimSpace(body.text) == "" && len(body.blocks) == 0 {
		return nil, fail("no_text")
	}
	parent, e := s.thread(c, a)
	if e != nil {
		return nil, e
	}
	m := &Message{User: BotUserID, BotID: BotID, Text: body.text, Blocks: s.fillBlockIDs(body.blocks),
		ThreadTS: parent, Ephemeral: true, EphemeralTo: user, Mrkdwn: true, ParseNone: a.str("parse") == "none"}
	s.put(c, m)
	return obj{"message_ts": m.TS}, nil
}

func (s *Server) own(a args, tsArg string) (*channel, *Message, *apiError) {
	c := s.channels[a.str("channel")]
	if c == nil {
		return nil, nil, fail("channel_not_found")
	}
	m := c.find(a.str(tsArg))
	if m == nil || m.Ephemeral {
		return nil, nil, fail("message_not_found")
	}
	return c, m, nil
}

func (s *Server) updateMessage(a args) (obj, *apiError) {
	c, m, e := s.own(a, "ts")
	if e != nil {
		return nil, e
	}
	if m.BotID != BotID {
		return nil, fail("cant_update_message")
	}
	body, e := s.content("chat.update", a, 4000)
	if e != nil {
		return nil, e
	}
	if strings.TrimSpace(body.text) == "" && len(body.blocks) == 0 {
		return nil, fail("no_text")
	}
	m.Text = body.text
	m.ParseNone = a.str("parse") == "none" // not kept from the post
	m.Blocks = s.fillBlockIDs(body.blocks) // text alone removes the blocks
	// A change of blocks alone shows no "edited" mark.
	m.Edited = m.Edited || (a.has("text") && len(body.blocks) == 0)
	if body.meta != nil {
		m.Metadata = body.meta
	}
	s.touch(m)
	return obj{"channel": c.ID, "ts": m.TS, "text": m.Text, "message": s.messageJSON(m)}, nil
}

func (s *Server) deleteMessage(a args) (obj, *apiError) {
	c, m, e := s.own(a, "ts")
	if e != nil {
		return nil, e
	}
	if m.BotID != BotID {
		return nil, fail("cant_delete_message")
	}
	m.Deleted = true
	if p := c.find(m.ThreadTS); p != nil {
		p.ReplyCount--
	}
	s.touch(m)
	return obj{"channel": c.ID, "ts": m.TS}, nil
}

func (s *Server) permalink(a args) (obj, *apiError) {
	c := s.channels[a.str("channel")]
	if c == nil {
		return nil, fail("channel_not_found")
	}
	m := c.find(a.str("message_ts"))
	if m == nil {
		return nil, fail("message_not_found")
	}
	return obj{"channel": c.ID, "permalink": s.Origin() + "/archives/" + c.ID + "/p" + strings.Replace(m.TS, ".", "", 1)}, nil
}

func (s *Server) addReaction(a args) (obj, *apiError) {
	c := s.channels[a.str("channel")]
	if c == nil {
		return nil, fail("channel_not_found")
	}
	m := c.find(a.str("timestamp"))
	if m == nil || m.Ephemeral {
		return nil, fail("message_not_found")
	}
	name := strings.Trim(a.str("name"), ":")
	if name == "" {
		return nil, fail("invalid_name")
	}
	next := map[string][]string{}
	for k, v := range m.Reactions {
		next[k] = v
	}
	for _, u := range next[name] {
		if u == BotUserID {
			return nil, fail("already_reacted")
		}
	}
	next[name] = append(append([]string(nil), next[name]...), BotUserID)
	m.Reactions = next
	s.touch(m)
	return nil, nil
}

// messageJSON is a message as conversations.history and payloads show it.
func (s *Server) messageJSON(m *Message) obj {
	text := m.Text
	if text == "" && len(m.Blocks) > 0 {
		text = undisplayable
	}
	o := obj{"type": "message", "user": m.User, "ts": m.TS, "text": text, "team": TeamID}
	if m.BotID != "" {
		o["bot_id"] = m.BotID
		o["app_id"] = AppID
		o["bot_profile"] = obj{"id": m.BotID, "deleted": false, "name": s.nameOf(m.User), "updated": int64(1700000000), "app_id": AppID, "team_id": TeamID}
	}
	if len(m.Blocks) > 0 {
		o["blocks"] = m.Blocks
	}
	if m.ThreadTS != "" {
		o["thread_ts"] = m.ThreadTS
	} else if m.ReplyCount > 0 {
		o["thread_ts"] = m.TS
		o["reply_count"] = m.ReplyCount
	}
	if m.Edited {
		o["edited"] = obj{"user": m.User, "ts": m.TS}
	}
	if len(m.Files) > 0 {
		o["files"] = m.Files
	}
	if m.Metadata != nil {
		o["metadata"] = m.Metadata
	}
	return o
}
