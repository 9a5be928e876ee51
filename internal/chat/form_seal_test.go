package chat

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// submission is what Slack sends for a form, as generic JSON.
func submission(t testing.TB, form *slack.ModalViewRequest, user string, values map[string]string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(encodeBlocks(t, form), &v); err != nil {
		t.Fatal(err)
	}
	state := map[string]any{}
	for id, value := range values {
		state[id] = map[string]any{id: map[string]any{"type": "plain_text_input", "value": value}}
	}
	v["id"], v["state"] = "V1", map[string]any{"values": state}
	return map[string]any{"type": "view_submission", "team": map[string]any{"id": slackstub.TeamID},
		"user": map[string]any{"id": user, "team_id": slackstub.TeamID, "name": "x"}, "view": v}
}

func offline(t testing.TB) *Slack {
	t.Helper()
	s, err := New(Config{BotToken: botPrefix + "1", AppToken: appPrefix + "1", Channel: slackstub.ChannelAlerts, Key: cardKey()})
	if err != nil {
		t.Fatal(err)
	}
	s.ws.Store(&Workspace{TeamID: slackstub.TeamID})
	return s
}

func sealedForm(t testing.TB, i incident.Incident, verb incident.Verb) *slack.ModalViewRequest {
	t.Helper()
	c := incident.Clicked{Verb: verb, Digest: i.Current().Proposed.Digest, Person: alice, Channel: slackstub.ChannelAlerts, Message: "1.000001"}
	form, params, err := formFor(c, i)
	if err != nil {
		t.Fatal(err)
	}
	meta := formMeta{Incident: i.ID, Digest: c.Digest, Verb: verb, Channel: c.Channel, Message: c.Message, User: alice.ID, Team: alice.Team, Params: params}
	if err := (seal{key: cardKey(), team: slackstub.TeamID}).signForm(form, meta); err != nil {
		t.Fatal(err)
	}
	return form
}

func TestOnlyTheFormThatWasOpenedSentOffByItsOwnerIsGenuine(t *testing.T) {
	at := func(p map[string]any, keys ...string) map[string]any {
		for _, k := range keys {
			p = p[k].(map[string]any)
		}
		return p
	}
	other := func(from, to string) func(p map[string]any) {
		return func(p map[string]any) {
			v := at(p, "view")
			v["private_metadata"] = strings.Replace(v["private_metadata"].(string), from, to, 1)
		}
	}
	words := func(from, to string) func(p map[string]any) {
		return func(p map[string]any) {
			p["view"].(map[string]any)["blocks"] = replaceText(at(p, "view")["blocks"], from, to)
		}
	}
	i := offered(t, 1, true).needsReason().i
	digest := string(i.Current().Proposed.Digest)
	for _, c := range []struct {
		name    string
		edit    func(p map[string]any)
		genuine bool
	}{
		{"as opened", func(map[string]any) {}, true},
		{"Slack fills in defaults", func(p map[string]any) {
			for _, b := range at(p, "view")["blocks"].([]any) {
				o := b.(map[string]any)
				if str(o, "type") == "input" {
					o["optional"], o["dispatch_action"] = false, false
					o["label"].(map[string]any)["emoji"] = true
					o["element"].(map[string]any)["dispatch_action_config"] = map[string]any{"trigger_actions_on": []any{"on_enter_pressed"}}
				}
			}
			at(p, "view", "title")["emoji"] = true
		}, true},
		{"sent off by another user", func(p map[string]any) { at(p, "user")["id"] = slackstub.Bob }, false},
		{"sent off from another workspace", func(p map[string]any) { at(p, "user")["team_id"] = slackstub.ExternalTeamID }, false},
		{"another installation", func(p map[string]any) { at(p, "team")["id"] = slackstub.ExternalTeamID }, false},
		{"no installation", func(p map[string]any) { p["team"] = nil }, false},
		{"another incident", other(string(fixtureID), "iffffffffffff"), false},
		{"another digest", other(digest, string(hashOf('9'))), false},
		{"another card", other("1.000001", "2.000001"), false},
		{"another channel", other(slackstub.ChannelAlerts, slackstub.ChannelPrivate), false},
		{"another user in the metadata", func(p map[string]any) {
			other(alice.ID, bob.ID)(p)
			at(p, "user")["id"] = bob.ID
		}, false},
		{"another seal", other(".", "x."), false},
		{"another title", func(p map[string]any) { at(p, "view", "title")["text"] = "Show details" }, false},
		{"another word on the button", func(p map[string]any) { at(p, "view", "submit")["text"] = "Show" }, false},
		{"another change", words("cart:v1", "cart:v9"), false},
		{"another label", words("Reason", "Search"), false},
		{"another hint", words("audit log", "list"), false},
		{"a reason filled in already", func(p map[string]any) {
			for _, b := range at(p, "view")["blocks"].([]any) {
				if o := b.(map[string]any); str(o, "type") == "input" {
					o["element"].(map[string]any)["initial_value"] = "urgent"
				}
			}
		}, false},
		{"a block more", func(p map[string]any) {
			v := at(p, "view")
			v["blocks"] = append(v["blocks"].([]any), map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": "Only a restart."}})
		}, false},
		{"a block less", func(p map[string]any) { v := at(p, "view"); v["blocks"] = v["blocks"].([]any)[1:] }, false},
		{"the other form's name", func(p map[string]any) { at(p, "view")["callback_id"] = editForm }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := submission(t, sealedForm(t, i, incident.Approve), alice.ID, map[string]string{reasonField: "it is known to work"})
			c.edit(raw)
			var p press
			if err := json.Unmarshal(encodeBlocks(t, raw), &p); err != nil {
				t.Fatal(err)
			}
			got, wrong, ok := offline(t).submitted(p)
			if !ok || len(wrong) > 0 || got.Clicked.Genuine != c.genuine {
				t.Fatalf("genuine %t, ok %t, wrong %v", got.Clicked.Genuine, ok, wrong)
			}
			if !c.genuine && (!got.Clicked.Reason.IsEmpty() || got.Clicked.Params != nil || got.Clicked.Message != "") {
				t.Errorf("what is not genuine was handed on: %+v", got.Clicked)
			}
		})
	}
}

func TestTheSealOfAnEditIsNoneOfAnApproval(t *testing.T) {
	i := offered(t, 1, true).needsReason().i
	edit, approve := sealedForm(t, i, incident.Edit), sealedForm(t, i, incident.Approve)
	for name, form := range map[string]slack.ModalViewRequest{
		"an approval with an edit's metadata": {Type: approve.Type, CallbackID: approve.CallbackID, Title: approve.Title, Submit: approve.Submit, Close: approve.Close, Blocks: approve.Blocks, PrivateMetadata: edit.PrivateMetadata},
		"an edit with an approval's metadata": {Type: edit.Type, CallbackID: edit.CallbackID, Title: edit.Title, Submit: edit.Submit, Close: edit.Close, Blocks: edit.Blocks, PrivateMetadata: approve.PrivateMetadata},
	} {
		var p press
		if err := json.Unmarshal(encodeBlocks(t, submission(t, &form, alice.ID, map[string]string{reasonField: "x", imageField: "a:b"})), &p); err != nil {
			t.Fatal(err)
		}
		if c, _, ok := offline(t).submitted(p); !ok || c.Clicked.Genuine {
			t.Errorf("%s: %+v", name, c)
		}
	}
}
