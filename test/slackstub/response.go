package slackstub

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

type responseURL struct {
	channel, user, ts string // ts of the clicked message; empty for a slash command
	uses              int
	until             time.Time
}

func (s *Server) newResponseURL(channel, user, ts string) string {
	id := s.ident(24)
	s.replies[id] = &responseURL{channel: channel, user: user, ts: ts, uses: 5, until: s.clock.Now().Add(s.cfg.Timings.ResponseTTL)}
	return s.Origin() + "/response/" + id
}

var responseArgs = []string{"text", "blocks", "attachments", "response_type", "replace_original", "delete_original",
	"thread_ts", "unfurl_links", "unfurl_media", "mrkdwn", "metadata"}

// serveResponseURL takes at most five messages in thirty minutes. What Slack
// answers afterwards is reported by users only and documented nowhere.
func (s *Server) serveResponseURL(w http.ResponseWriter, r *http.Request) {
	start := s.clock.Now()
	req, err := readRequest(r)
	var a answer
	if err != nil {
		s.problem("response_url.unreadable", err.Error())
		a = answerOf(nil, fail("invalid_payload"))
	} else {
		a = s.respond(strings.TrimPrefix(r.URL.Path, "/response/"), req.args)
	}
	end := s.clock.Now()
	s.log.call(Call{Method: "response_url", Args: req.args, Status: a.status, Error: a.code, Start: start, End: end, Took: end.Sub(start)})
	s.write(w, a)
}

func (s *Server) respond(id string, a args) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := func(code string) answer {
		out := answerOf(nil, fail(code))
		out.status = http.StatusNotFound
		return out
	}
	ru := s.replies[id]
	switch {
	case ru == nil:
		return gone("invalid_url")
	case ru.uses == 0:
		return gone("used_url")
	case s.clock.Now().After(ru.until):
		return gone("expired_url")
	}
	for k := range a {
		if !slices.Contains(responseArgs, k) {
			s.problem("api.unknown_argument", "response_url: "+k)
		}
	}
	if e := s.answerInteraction(ru, a); e != nil {
		return answerOf(nil, e)
	}
	ru.uses--
	return answerOf(nil, nil)
}

// answerInteraction posts, replaces or deletes with a click's or command's
// rights, which are those of the person and not of the bot.
func (s *Server) answerInteraction(ru *responseURL, a args) *apiError {
	c := s.channels[ru.channel]
	if c == nil {
		return fail("channel_not_found")
	}
	original := c.find(ru.ts)
	if a.bool("delete_original") {
		if original == nil {
			return fail("message_not_found")
		}
		original.Deleted = true
		s.touch(original)
		return nil
	}
	body, e := s.content("response_url", a, 0)
	if e != nil {
		return e
	}
	if strings.TrimSpace(body.text) == "" && len(body.blocks) == 0 {
		return fail("no_text")
	}
	if a.bool("replace_original") && original != nil {
		original.Text, original.Blocks = body.text, s.fillBlockIDs(body.blocks)
		s.touch(original)
		return nil
	}
	parent, e := s.thread(c, a)
	if e != nil {
		return e
	}
	m := &Message{User: BotUserID, BotID: BotID, Text: body.text, Blocks: s.fillBlockIDs(body.blocks), ThreadTS: parent, Mrkdwn: true}
	if a.str("response_type") != "in_channel" {
		m.Ephemeral, m.EphemeralTo = true, ru.user
	}
	s.put(c, m)
	return nil
}
