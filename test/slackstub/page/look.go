package page

import (
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// sight is everything the page shows to one person.
type sight struct {
	Me       slackstub.User
	Channels []channelItem
	Channel  slackstub.Channel
	Icon     string
	Messages []messageItem
	Thread   []messageItem
	ThreadTS string
	Modals   []modalItem
	Commands []string
	Panel    string // "", "wire" or "knobs"
	Wire     []wireItem
	Links    int
	Problems []slackstub.Problem
	Knobs    []knob
	Uses     []string
}

type channelItem struct {
	ID, Name, Icon string
	Current        bool
	Shared         bool
}

type messageItem struct {
	Channel, TS, ThreadTS, Key string
	Name, Initials, Color      string
	IsApp, Grouped             bool
	Time, ISO                  string
	Body                       template.HTML
	Edited, Ephemeral          bool
	Replies                    int
	Faces                      []face
	LastReply                  string
	Badges                     []badge
	Reactions                  []reaction
	Day                        string
}

type face struct{ Initials, Color string }

type reaction struct {
	Name  string
	Count int
}

// badge tells how an envelope fared.
type badge struct{ Who, What, State, Text string }

type modalItem struct {
	slackstub.View
	Body template.HTML
	Top  bool
}

func (p *page) look(u slackstub.User, channel, thread, panel string) (sight, bool) {
	v := sight{Me: u, ThreadTS: thread, Panel: panel, Links: len(p.s.Connections())}
	found := false
	for _, c := range p.s.Channels() {
		if !member(c, u.ID) {
			continue
		}
		item := channelItem{ID: c.ID, Name: c.Name, Icon: "#", Current: c.ID == channel, Shared: c.IsExtShared}
		switch {
		case c.IsIM:
			item.Icon, item.Name = "@", "Countersign"
			c.Name = item.Name
		case c.IsPrivate:
			item.Icon = "🔒"
		}
		v.Channels = append(v.Channels, item)
		if item.Current {
			v.Channel, v.Icon, found = c, item.Icon, true
		}
	}
	if !found {
		return v, false
	}
	p.fillMessages(&v, u)
	for _, m := range p.s.Views(u.ID) {
		v.Modals = append(v.Modals, modalItem{View: m, Body: p.viewBody(m)})
	}
	if n := len(v.Modals); n > 0 {
		v.Modals[n-1].Top = true
	}
	if panel != "" {
		v.Wire, v.Problems, v.Knobs = p.wire(), p.s.Problems(), knobPanel()
		for k, n := range p.s.KnobUses() {
			v.Uses = append(v.Uses, fmt.Sprintf("%s ×%d", k, n))
		}
		slices.Sort(v.Uses)
	}
	return v, true
}

func (p *page) fillMessages(v *sight, u slackstub.User) {
	all := p.s.Messages(v.Channel.ID)
	badges := p.badges(v.Channel.ID)
	replies := map[string][]slackstub.Message{}
	for _, m := range all {
		if m.ThreadTS != "" && !m.Ephemeral {
			replies[m.ThreadTS] = append(replies[m.ThreadTS], m)
		}
	}
	var lastMain, lastThread slackstub.Message
	day := ""
	for _, m := range all {
		if m.Ephemeral && m.EphemeralTo != u.ID {
			continue
		}
		if m.ThreadTS == "" || m.Broadcast {
			item := p.item(m, lastMain, replies[m.TS], badges[m.TS])
			if d := tsTime(m.TS).Format("Monday, January 2"); d != day {
				day, item.Day, item.Grouped = d, d, false
			}
			v.Messages = append(v.Messages, item)
			lastMain = m
		}
		if v.ThreadTS != "" && (m.TS == v.ThreadTS || m.ThreadTS == v.ThreadTS) {
			item := p.item(m, lastThread, nil, badges[m.TS])
			item.Replies = 0
			if m.TS == v.ThreadTS {
				item.Replies = m.ReplyCount
				lastThread = slackstub.Message{}
			} else {
				lastThread = m
			}
			v.Thread = append(v.Thread, item)
		}
	}
}

const groupWithin = 5 * time.Minute

func (p *page) item(m, before slackstub.Message, replies []slackstub.Message, badges []badge) messageItem {
	u, _ := p.s.User(m.User)
	at := tsTime(m.TS)
	it := messageItem{Channel: m.Channel, TS: m.TS, ThreadTS: m.ThreadTS, Name: displayName(u), Initials: initials(displayName(u)),
		Color: avatar(u), IsApp: u.IsBot, Time: at.Format("15:04"), ISO: at.Format(time.RFC3339), Body: p.body(m),
		Edited: m.Edited, Ephemeral: m.Ephemeral, Replies: m.ReplyCount, Badges: badges}
	it.Grouped = before.User == m.User && before.Ephemeral == m.Ephemeral && at.Sub(tsTime(before.TS)) < groupWithin && before.ReplyCount == 0
	seen := map[string]bool{}
	for _, r := range replies {
		if ru, ok := p.s.User(r.User); ok && !seen[r.User] && len(it.Faces) < 3 {
			seen[r.User] = true
			it.Faces = append(it.Faces, face{Initials: initials(displayName(ru)), Color: avatar(ru)})
		}
		it.LastReply = tsTime(r.TS).Format("15:04")
	}
	for name, who := range m.Reactions {
		it.Reactions = append(it.Reactions, reaction{Name: emoji(name), Count: len(who)})
	}
	slices.SortFunc(it.Reactions, func(a, b reaction) int { return strings.Compare(a.Name, b.Name) })
	// The script leaves an element alone whose key has not changed.
	it.Key = fmt.Sprint(m.Version, "/", len(replies), "/", it.Grouped, badges)
	return it
}

// avatar is a class of the style sheet: the app's own, or one of eight colours.
func avatar(u slackstub.User) string {
	if u.BotUser {
		return "av-app"
	}
	n := 0
	for _, c := range u.ID {
		n = n*31 + int(c)
	}
	return fmt.Sprintf("av-%d", (n&0xffff)%8)
}

func displayName(u slackstub.User) string {
	if u.RealName != "" {
		return u.RealName
	}
	return u.Name
}

// badges are the last three envelopes of each message.
func (p *page) badges(channel string) map[string][]badge {
	out := map[string][]badge{}
	for _, e := range p.s.Envelopes() {
		if e.Channel != channel || e.TS == "" {
			continue
		}
		u, _ := p.s.User(e.User)
		b := badge{Who: u.Name, What: e.What, State: string(e.State)}
		switch e.State {
		case slackstub.StateAcked:
			b.Text = "ack " + milliseconds(e.Latency)
		case slackstub.StateFailed:
			b.Text = "no ack"
			if e.Latency > 0 {
				b.Text = "ack too late, " + milliseconds(e.Latency)
			}
		default:
			b.Text = "waiting"
		}
		out[e.TS] = append(out[e.TS], b)
		out[e.TS] = out[e.TS][max(0, len(out[e.TS])-3):]
	}
	return out
}

func milliseconds(d time.Duration) string {
	if d < 10*time.Millisecond {
		return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
}

func tsTime(ts string) time.Time {
	f, err := strconv.ParseFloat(ts, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(f * 1000))
}
