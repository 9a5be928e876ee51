package chat

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/test/slackstub"
)

func setResources(request string) action.Action {
	return action.Action{Kind: action.SetResources, Target: cart(), Bound: hashOf('b'), Params: action.Params{
		SetResources: &action.SetResourcesParams{Container: "cart", FromMemoryLimit: "128Mi", ToMemoryLimit: "256Mi", FromMemoryRequest: request, ToMemoryRequest: request},
	}}
}

// form lets a person press a button and opens the form for it.
func (b *bot) form(user string, i incident.Incident, at incident.Posted, button string) (Click, slackstub.View) {
	b.t.Helper()
	b.press(user, at, button)
	c := b.click()
	c.Ack(soon(b.t))
	if err := b.Ask(soon(b.t), c, i); err != nil {
		b.t.Fatal(err)
	}
	views := b.stub.Views(user)
	if len(views) != 1 {
		b.t.Fatalf("%d forms are open", len(views))
	}
	return c, views[0]
}

func (b *bot) submit(user string, v slackstub.View, values map[string]string) slackstub.EnvelopeResult {
	b.t.Helper()
	e, err := b.stub.Submit(user, v.ID, values)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

func TestAnEditGoesThroughAFormWithTheFieldsOfItsKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		act    action.Action
		shows  []string
		values map[string]string
		want   action.Params
	}{
		{"an image", setImage(), []string{"shop/cart", "registry.example/cart:v2-typo", "New image"},
			map[string]string{imageField: " registry.example/cart:v1.3 "},
			action.Params{SetImage: &action.SetImageParams{Container: "cart", From: "registry.example/cart:v2-typo", To: "registry.example/cart:v1.3"}}},
		{"a limit with a request", setResources("64Mi"), []string{"128Mi", "New memory limit", "New memory request"},
			map[string]string{limitField: "200Mi", requestField: "100Mi"},
			action.Params{SetResources: &action.SetResourcesParams{Container: "cart", FromMemoryLimit: "128Mi", ToMemoryLimit: "200Mi", FromMemoryRequest: "64Mi", ToMemoryRequest: "100Mi"}}},
		{"a limit without a request", setResources(""), []string{"New memory limit"},
			map[string]string{limitField: "192Mi"},
			action.Params{SetResources: &action.SetResourcesParams{Container: "cart", FromMemoryLimit: "128Mi", ToMemoryLimit: "192Mi"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := connected(t, slackstub.Start(t, slackstub.Config{}))
			i := tell(t).looked(diagnosis()).rehearsing(c.act).rehearsed().proposed(c.act, 1, true).i
			at := b.card(i)
			press, v := b.form(slackstub.Alice, i, at, editButton)
			text := (slackstub.Message{Blocks: v.Blocks}).PlainText() + b.labels(v)
			for _, s := range append(c.shows, i.Current().Proposed.Digest.Short()) {
				if !strings.Contains(text, s) {
					t.Errorf("the form does not show %q:\n%s", s, text)
				}
			}
			e := b.submit(slackstub.Alice, v, c.values)
			got := b.click()
			said := got.Clicked
			if press.Trigger == "" || press.Clicked.Verb != incident.Edit || press.Clicked.Via != incident.ViaButton || press.Clicked.Params != nil {
				t.Errorf("the press: %+v", press)
			}
			if !said.Genuine || said.Via != incident.ViaForm || said.Verb != incident.Edit || said.Digest != i.Current().Proposed.Digest || said.Channel != at.Channel ||
				said.Message != at.TS || said.Person.ID != slackstub.Alice || said.Person.Team != slackstub.TeamID || got.Incident != i.ID || got.Trigger != "" ||
				said.Click == "" || said.Click == press.Clicked.Click {
				t.Errorf("the form: %+v", got)
			}
			if w, g := encodeBlocks(t, c.want), encodeBlocks(t, said.Params); string(w) != string(g) {
				t.Errorf("it asks for %s, want %s", g, w)
			}
			for _, r := range b.stub.Envelopes() {
				if r.ID == e.ID && r.State == slackstub.StateAcked {
					t.Error("the form was acknowledged before it was written down")
				}
			}
			got.Ack(soon(t))
			if r, err := b.stub.WaitAck(soon(t), e.ID); err != nil || r.State != slackstub.StateAcked || len(b.stub.Views(slackstub.Alice)) != 0 {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func (b *bot) labels(v slackstub.View) string {
	raw := encodeBlocks(b.t, v.Blocks)
	return string(raw)
}

func TestAnApprovalThatNeedsAReasonAsksForItInAForm(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	i := offered(t, 1, true).needsReason().i
	at := b.card(i)
	if m := b.message(at).Button(approveButton); m.Confirm {
		t.Error("a dialog and a form both say the change")
	}
	_, v := b.form(slackstub.Alice, i, at, approveButton)
	text := (slackstub.Message{Blocks: v.Blocks}).PlainText()
	for _, s := range []string{"registry.example/cart:v1", "shop/cart", i.Current().Proposed.Digest.Short()} {
		if !strings.Contains(text, s) {
			t.Errorf("the form does not show %q:\n%s", s, text)
		}
	}
	b.submit(slackstub.Alice, v, map[string]string{reasonField: "v1 ran for a month\n<!channel>  and held"})
	got := b.click()
	got.Ack(soon(t))
	if c := got.Clicked; !c.Genuine || c.Verb != incident.Approve || c.Via != incident.ViaForm || c.Reason.String() != "v1 ran for a month <!channel> and held" || c.Params != nil {
		t.Errorf("%+v", c)
	}
}

func TestAFieldThatIsOutOfFormIsAnsweredInTheFormAndNothingIsHandedOn(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	i := offered(t, 1, true).i
	at := b.card(i)
	for _, bad := range []string{"two words", "-v", "<!channel>", "a;b", "a$(b)", strings.Repeat("a", imageRunes) + "\u202e"} {
		_, v := b.form(slackstub.Alice, i, at, editButton)
		e, err := b.stub.Submit(slackstub.Alice, v.ID, map[string]string{imageField: bad})
		if err != nil {
			continue // Slack's own client refuses it
		}
		if _, err := b.stub.WaitAck(soon(t), e.ID); err != nil {
			t.Fatal(err)
		}
		if open := b.stub.Views(slackstub.Alice); len(open) != 1 || open[0].Errors[imageField] == "" {
			t.Errorf("%q: the form says %+v", bad, open)
		}
	}
	select {
	case c := <-b.Clicks():
		t.Errorf("handed on: %+v", c)
	default:
	}
}

func TestOnlyAnOpenOfferAndAGenuinePressGetAForm(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	open := offered(t, 1, true)
	press := Click{Incident: open.i.ID, Trigger: "1.2.3", Clicked: incident.Clicked{Verb: incident.Edit, Digest: open.i.Current().Proposed.Digest, Person: alice,
		Channel: slackstub.ChannelAlerts, Message: "1.000001", Genuine: true}}
	over := offered(t, 1, true).vote(bob, incident.Reject).i
	restarted := tell(t).looked(diagnosis()).rehearsing(restart()).rehearsed().proposed(restart(), 1, true).i
	for _, c := range []struct {
		name   string
		i      incident.Incident
		change func(*Click)
		want   error
	}{
		{"a press that is not genuine", open.i, func(c *Click) { c.Clicked.Genuine = false }, errNoTrigger},
		{"a press without a trigger", open.i, func(c *Click) { c.Trigger = "" }, errNoTrigger},
		{"an offer that is over", over, func(*Click) {}, errNotOffered},
		{"another offer", open.i, func(c *Click) { c.Clicked.Digest = hashOf('9') }, errNotOffered},
		{"a kind without fields", restarted, func(c *Click) { c.Clicked.Digest = restarted.Current().Proposed.Digest }, errNoForm},
		{"a verb without a form", open.i, func(c *Click) { c.Clicked.Verb = incident.Reject }, errNoForm},
	} {
		click := press
		c.change(&click)
		if err := b.Ask(soon(t), click, c.i); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if n := len(b.stub.CallsOf("views.open")); n != 0 {
		t.Errorf("%d forms were opened", n)
	}
	if err := b.Ask(soon(t), press, open.i); err == nil {
		t.Error("a trigger that Slack does not know opens a form")
	}
}

func TestAFormThatSlackDeliversTwiceIsOneAndOneThatWasChangedIsAnother(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{Allow: []string{"ack.*"}}))
	i := offered(t, 1, true).i
	at := b.card(i)
	_, v := b.form(slackstub.Alice, i, at, editButton)
	seen := map[string]bool{}
	for _, image := range []string{"registry.example/cart:v3", "registry.example/cart:v4"} {
		b.stub.Duplicate(slackstub.Duplication{Type: slackstub.TypeInteractive, N: 1, Times: 1})
		b.submit(slackstub.Alice, v, map[string]string{imageField: image})
		first, second := b.click(), b.click()
		if first.Clicked.Click != second.Clicked.Click {
			t.Error("one form has two names")
		}
		seen[first.Clicked.Click] = true
	}
	if len(seen) != 2 {
		t.Errorf("the forms are called %v", seen)
	}
}

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
