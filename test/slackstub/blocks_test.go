package slackstub_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/test/slackstub"
)

type m = map[string]any

func plain(n int) m  { return m{"type": "plain_text", "text": strings.Repeat("x", n)} }
func mrkdwn(n int) m { return m{"type": "mrkdwn", "text": strings.Repeat("x", n)} }
func times(n int, v any) []any {
	return slices.Repeat([]any{v}, n)
}

func button(changes m) m {
	b := m{"type": "button", "action_id": "a", "text": plain(1)}
	for k, v := range changes {
		b[k] = v
	}
	return m{"type": "actions", "elements": []any{b}}
}

func buttons(n int) m {
	var list []any
	for i := range n {
		list = append(list, m{"type": "button", "action_id": fmt.Sprint("a", i), "text": plain(1)})
	}
	return m{"type": "actions", "elements": list}
}

func selectOf(n, text int) m {
	return m{"type": "actions", "elements": []any{m{"type": "static_select", "action_id": "a",
		"options": times(n, m{"text": plain(text), "value": "v"})}}}
}

// Each limit is tried at its edge and one beyond.
func TestBlockLimitsHoldAtTheirEdge(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{Limits: slackstub.Limits{Off: true}, Allow: []string{"blocks.invalid"}})
	for _, c := range []struct {
		name string
		fits m
		over m
		at   string // where the error points
	}{
		{"header text", m{"type": "header", "text": plain(150)}, m{"type": "header", "text": plain(151)}, "/blocks/0/text/text"},
		{"header must be plain", m{"type": "header", "text": plain(1)}, m{"type": "header", "text": mrkdwn(1)}, "/blocks/0/text/type"},
		{"section text", m{"type": "section", "text": mrkdwn(3000)}, m{"type": "section", "text": mrkdwn(3001)}, "/blocks/0/text/text"},
		{"empty section text", m{"type": "section", "text": mrkdwn(1)}, m{"type": "section", "text": mrkdwn(0)}, "/blocks/0/text/text"},
		{"section fields", m{"type": "section", "fields": times(10, mrkdwn(2000))}, m{"type": "section", "fields": times(11, mrkdwn(1))}, "/blocks/0/fields"},
		{"field text", m{"type": "section", "fields": times(1, mrkdwn(2000))}, m{"type": "section", "fields": times(1, mrkdwn(2001))}, "/blocks/0/fields/0/text"},
		{"context elements", m{"type": "context", "elements": times(10, mrkdwn(1))}, m{"type": "context", "elements": times(11, mrkdwn(1))}, "/blocks/0/elements"},
		{"actions elements", buttons(25), buttons(26), "/blocks/0/elements"},
		{"block id", m{"type": "divider", "block_id": strings.Repeat("b", 255)}, m{"type": "divider", "block_id": strings.Repeat("b", 256)}, "/blocks/0/block_id"},
		{"button text", button(m{"text": plain(75)}), button(m{"text": plain(76)}), "/blocks/0/elements/0/text/text"},
		{"button value", button(m{"value": strings.Repeat("v", 2000)}), button(m{"value": strings.Repeat("v", 2001)}), "/blocks/0/elements/0/value"},
		{"action id", button(m{"action_id": strings.Repeat("a", 255)}), button(m{"action_id": strings.Repeat("a", 256)}), "/blocks/0/elements/0/action_id"},
		{"accessibility label", button(m{"accessibility_label": strings.Repeat("a", 75)}), button(m{"accessibility_label": strings.Repeat("a", 76)}), "/accessibility_label"},
		{"button style", button(m{"style": "danger"}), button(m{"style": "loud"}), "/blocks/0/elements/0/style"},
		{"confirm title", button(m{"confirm": confirm(100, 300, 30)}), button(m{"confirm": confirm(101, 300, 30)}), "/confirm/title/text"},
		{"confirm text", button(m{"confirm": confirm(1, 300, 30)}), button(m{"confirm": confirm(1, 301, 30)}), "/confirm/text/text"},
		{"confirm button", button(m{"confirm": confirm(1, 1, 30)}), button(m{"confirm": confirm(1, 1, 31)}), "/confirm/confirm/text"},
		{"select options", selectOf(100, 75), selectOf(101, 1), "/blocks/0/elements/0/options"},
		{"option text", selectOf(1, 75), selectOf(1, 76), "/options/0/text/text"},
		{"an unknown block", m{"type": "divider"}, m{"type": "hologram"}, "/blocks/0/type"},
		{"styled text in preformatted is known", rich("rich_text_preformatted", m{"type": "text", "text": "x"}), rich("rich_text_preformatted", m{"type": "user", "user_id": "U1"}), "/elements/0/type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			send := func(b m) m {
				return post(t, s, "chat.postMessage", m{"channel": slackstub.ChannelAlerts, "text": "x", "blocks": []any{b}})
			}
			if out := send(c.fits); out["ok"] != true {
				t.Errorf("at the edge: %v", out)
			}
			out := send(c.over)
			if out["error"] != "invalid_blocks" || !strings.Contains(fmt.Sprint(out["errors"]), c.at) {
				t.Errorf("beyond the edge: %v", out)
			}
		})
	}
}

func confirm(title, text, press int) m {
	return m{"title": plain(title), "text": mrkdwn(text), "confirm": plain(press), "deny": plain(press)}
}

func rich(kind string, leaf m) m {
	return m{"type": "rich_text", "elements": []any{m{"type": kind, "elements": []any{leaf}}}}
}

func TestMessagesAreTruncatedAt40000WithAWarning(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	out := post(t, s, "chat.postMessage", m{"channel": slackstub.ChannelAlerts, "text": strings.Repeat("é", 40001)})
	if out["warning"] != "message_truncated" || len([]rune(s.Messages(slackstub.ChannelAlerts)[0].Text)) != 40000 {
		t.Errorf("warning = %v", out["warning"])
	}
}

func FuzzBlocksNeverPanic(f *testing.F) {
	s, err := slackstub.New(slackstub.Config{Limits: slackstub.Limits{Off: true}, Allow: []string{"*"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	for _, b := range []string{`[]`, `[{"type":"section","text":{"type":"mrkdwn","text":"x"}}]`, `[null]`, `[{"type":"actions","elements":[{"type":"static_select","options":3}]}]`,
		`[{"type":"rich_text","elements":[{"type":"rich_text_list","style":"bullet","elements":[{}]}]}]`, `{}`, `[{"type":7}]`, `[{"type":"input"}]`} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, blocks string) {
		out := post(t, s, "chat.postMessage", m{"channel": slackstub.ChannelAlerts, "text": "x", "blocks": blocks})
		if out["_status"] != 200.0 {
			t.Errorf("%v", out)
		}
		for _, msg := range s.Messages(slackstub.ChannelAlerts) {
			msg.PlainText()
			msg.LiveMarkup()
		}
	})
}
