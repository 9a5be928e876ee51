package chat

import (
	"errors"
	"strings"
	"testing"

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
			action.Params{SetImage: &action.SetImageParams{Container: "cart", From: "registry.example/cart:v2-typo", To: "registry.example/cart:v1.3", Typed: true}}},
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
