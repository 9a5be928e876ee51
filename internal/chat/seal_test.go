package chat

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// posted is a sealed offer as generic JSON, as it comes back in a press.
func postedBlocks(t testing.TB) (i incident.Incident, blocks []map[string]any) {
	t.Helper()
	i = offered(t, 1, true).i
	rendered, _ := Render(i, approveMode())
	if err := ourSeal().sign(rendered); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encodeBlocks(t, rendered), &blocks); err != nil {
		t.Fatal(err)
	}
	return i, blocks
}

func ourSeal() seal {
	return seal{key: cardKey(), team: slackstub.TeamID, channel: slackstub.ChannelAlerts}
}

func find(t testing.TB, blocks []map[string]any, prefix string) map[string]any {
	t.Helper()
	for _, b := range blocks {
		if strings.HasPrefix(str(b, "block_id"), prefix) {
			return b
		}
	}
	t.Fatalf("no block %s", prefix)
	return nil
}

// replaceText replaces text everywhere in v.
func replaceText(v any, from, to string) any {
	switch t := v.(type) {
	case map[string]any:
		for k, e := range t {
			t[k] = replaceText(e, from, to)
		}
	case []any:
		for k, e := range t {
			t[k] = replaceText(e, from, to)
		}
	case string:
		return strings.ReplaceAll(t, from, to)
	}
	return v
}

func TestOnlyTheBlocksThatWerePostedAreGenuine(t *testing.T) {
	button := func(b []map[string]any, n int) map[string]any {
		return find(t, b, sealPrefix)["elements"].([]any)[n].(map[string]any)
	}
	approvalElements := func(b []map[string]any) []any { return find(t, b, approvalName)["elements"].([]any) }
	for _, c := range []struct {
		name    string
		edit    func(b []map[string]any) []map[string]any
		genuine bool
	}{
		{"as posted", func(b []map[string]any) []map[string]any { return b }, true},
		{"Slack writes emoji as short codes", func(b []map[string]any) []map[string]any {
			replaceText(find(t, b, "cs-head"), "🔴", ":red_circle:")
			return b
		}, true},
		{"Slack escapes the text once more", func(b []map[string]any) []map[string]any {
			for _, x := range b {
				replaceText(x, ">", "&gt;")
			}
			return b
		}, true},
		{"Slack fills in defaults", func(b []map[string]any) []map[string]any {
			button(b, 0)["text"].(map[string]any)["emoji"] = true
			approvalElements(b)[2].(map[string]any)["border"] = 0
			return b
		}, true},
		{"Slack cuts a text into pieces", func(b []map[string]any) []map[string]any {
			section := approvalElements(b)[1].(map[string]any)
			whole := str(section["elements"].([]any)[0].(map[string]any), "text")
			section["elements"] = []any{
				map[string]any{"type": "text", "text": whole[:5]}, map[string]any{"type": "text", "text": whole[5:]},
			}
			return b
		}, true},
		{"another target in the approval block", func(b []map[string]any) []map[string]any {
			replaceText(find(t, b, approvalName), "shop/cart", "shop/card")
			return b
		}, false},
		{"another diff", func(b []map[string]any) []map[string]any {
			replaceText(find(t, b, approvalName), "cart:v1", "cart:v0")
			return b
		}, false},
		{"a sign more in the approval block", func(b []map[string]any) []map[string]any {
			replaceText(find(t, b, approvalName), "Risk medium", "Risk: medium")
			return b
		}, false},
		{"a line struck out", func(b []map[string]any) []map[string]any {
			approvalElements(b)[1].(map[string]any)["elements"].([]any)[0].(map[string]any)["style"] = map[string]any{"strike": true}
			return b
		}, false},
		{"another expiry", func(b []map[string]any) []map[string]any {
			for _, e := range approvalElements(b) {
				for _, l := range e.(map[string]any)["elements"].([]any) {
					if o := l.(map[string]any); str(o, "type") == "date" {
						o["timestamp"] = 1.9e9
					}
				}
			}
			return b
		}, false},
		{"another sentence on why", func(b []map[string]any) []map[string]any {
			replaceText(find(t, b, "cs-why"), "no tag", "new tag")
			return b
		}, false},
		{"a block more", func(b []map[string]any) []map[string]any {
			return append([]map[string]any{{"type": "section", "block_id": "x", "text": map[string]any{"type": "mrkdwn", "text": "Only a restart."}}}, b...)
		}, false},
		{"a picture more", func(b []map[string]any) []map[string]any {
			return append(b, map[string]any{"type": "image", "block_id": "x", "image_url": "https://evil.example/a.png", "alt_text": "–"})
		}, false},
		{"a block less", func(b []map[string]any) []map[string]any { return b[1:] }, false},
		{"blocks in another order", func(b []map[string]any) []map[string]any { b[0], b[1] = b[1], b[0]; return b }, false},
		{"another digest in the buttons", func(b []map[string]any) []map[string]any {
			id, _, _ := parseValue(str(button(b, 0), "value"))
			button(b, 0)["value"] = buttonValue(id, hashOf('d'))
			return b
		}, false},
		{"another word on a button", func(b []map[string]any) []map[string]any {
			replaceText(button(b, 0), "Approve Fix", "Show details")
			return b
		}, false},
		{"another word in the dialog", func(b []map[string]any) []map[string]any {
			replaceText(button(b, 0)["confirm"], "cart:v1", "cart:v9")
			return b
		}, false},
		{"no dialog", func(b []map[string]any) []map[string]any { delete(button(b, 0), "confirm"); return b }, false},
		{"the approve button called reject", func(b []map[string]any) []map[string]any {
			button(b, 0)["text"], button(b, 1)["text"] = button(b, 1)["text"], button(b, 0)["text"]
			return b
		}, false},
		{"a second block of buttons", func(b []map[string]any) []map[string]any {
			return append(b, map[string]any{"type": "actions", "block_id": "y", "elements": []any{map[string]any{"type": "button", "action_id": "z", "text": map[string]any{"type": "plain_text", "text": "Go"}}}})
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			i, blocks := postedBlocks(t)
			value := buttonValue(i.ID, i.Current().Proposed.Digest)
			blocks = c.edit(blocks)
			raw := encodeBlocks(t, blocks)
			pressed := str(find(t, blocks, sealPrefix), "block_id")
			if got := ourSeal().genuine(raw, pressed, approveButton, value) && strings.Contains(string(raw), value); got != c.genuine {
				t.Errorf("genuine is %t", got)
			}
		})
	}
}

func TestASealIsOfOneKeyWorkspaceAndChannel(t *testing.T) {
	i, blocks := postedBlocks(t)
	raw := encodeBlocks(t, blocks)
	id, value := str(find(t, blocks, sealPrefix), "block_id"), buttonValue(i.ID, i.Current().Proposed.Digest)
	other := cardKey()
	other[0]++
	for name, s := range map[string]seal{
		"another key": {other, slackstub.TeamID, slackstub.ChannelAlerts}, "another workspace": {cardKey(), "T9", slackstub.ChannelAlerts},
		"another channel": {cardKey(), slackstub.TeamID, "C9"}, "no key": {nil, slackstub.TeamID, slackstub.ChannelAlerts},
	} {
		if s.genuine(raw, id, approveButton, value) {
			t.Errorf("%s: genuine", name)
		}
	}
	for name, press := range map[string][3]string{
		"another button's name": {id, undoButton, value}, "another value": {id, approveButton, buttonValue(i.ID, "")},
		"another block": {sealPrefix + "x", approveButton, value}, "no block": {"", approveButton, value},
	} {
		if ourSeal().genuine(raw, press[0], press[1], press[2]) {
			t.Errorf("%s: genuine", name)
		}
	}
}

func TestACardThatAThiefEditsInPlaceGivesNoGenuinePress(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := connected(t, stub)
	at := b.card(offered(t, 1, true).i)
	m := b.message(at)
	thief := slack.New(stub.BotToken(), slack.OptionAPIURL(stub.URL()))
	var blocks slack.Blocks
	raw := encodeBlocks(t, m.Blocks)
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(raw), "registry.example/cart:v2-typo", "registry.example/cart:v0")), &blocks); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := thief.UpdateMessage(at.Channel, at.TS, slack.MsgOptionBlocks(blocks.BlockSet...), slack.MsgOptionText("x", false)); err != nil {
		t.Fatal(err)
	}
	b.press(slackstub.Alice, at, approveButton)
	c := b.click()
	c.Ack(soon(t))
	if c.Clicked.Genuine {
		t.Error("a press on an edited card is genuine")
	}
	if !strings.Contains(b.log.String(), "not the one we posted") {
		t.Error("nothing was logged")
	}
	// The same blocks, in another channel and as we posted them.
	if err := json.Unmarshal(raw, &blocks); err != nil {
		t.Fatal(err)
	}
	_, ts, err := thief.PostMessage(slackstub.ChannelPrivate, slack.MsgOptionBlocks(blocks.BlockSet...), slack.MsgOptionText("x", false))
	if err != nil {
		t.Fatal(err)
	}
	b.press(slackstub.Alice, incident.Posted{Channel: slackstub.ChannelPrivate, TS: ts}, approveButton)
	if c := b.click(); c.Clicked.Genuine {
		t.Error("a press on a copy in another channel is genuine")
	} else {
		c.Ack(soon(t))
	}
}

func TestAPressIsGenuineAfterARestart(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	first := connected(t, stub)
	at := first.card(offered(t, 1, true).i)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := connected(t, stub)
	second.press(slackstub.Alice, at, approveButton)
	c := second.click()
	c.Ack(soon(t))
	if !c.Clicked.Genuine {
		t.Error("a press on a card from before the restart is not genuine")
	}
}
