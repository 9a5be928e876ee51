package chat

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// judgeForm is the form of a verdict as it is opened for alice.
func judgeForm(t testing.TB, i incident.Incident) *slack.ModalViewRequest {
	t.Helper()
	c := incident.Clicked{Verb: incident.Judge, Digest: i.Claimed().Digest(), Person: alice, Channel: slackstub.ChannelAlerts, Message: "1.000001"}
	form, _, err := formFor(c, i)
	if err != nil {
		t.Fatal(err)
	}
	meta := formMeta{Incident: i.ID, Digest: c.Digest, Verb: c.Verb, Channel: c.Channel, Message: c.Message, User: alice.ID, Team: alice.Team, Judged: judgedOf(c, i)}
	if err := (seal{key: cardKey(), team: slackstub.TeamID}).signForm(form, meta); err != nil {
		t.Fatal(err)
	}
	return form
}

func TestTheFormOfAVerdictIsTheGoldenOne(t *testing.T) {
	raw := encodeBlocks(t, judgeForm(t, tell(t).looked(diagnosis()).i))
	golden(t, "form-verdict.json", indent(t, raw))
	golden(t, "form-verdict.txt", readableForm(t, raw))
}

func TestPeopleSayWhatItWasByAButtonOrInAForm(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	i := offered(t, 1, true).i
	at := b.card(i)
	for id, right := range map[string]bool{rightButton: true, wrongButton: false} {
		b.press(slackstub.Alice, at, id)
		c := b.click()
		c.Ack(soon(t))
		got := c.Clicked
		if !got.Genuine || got.Verb != incident.Judge || got.Digest != i.Claimed().Digest() || got.Verdict == nil || got.Verdict.Right != right || got.Verdict.Cause != "" {
			t.Errorf("%s: %+v %+v", id, got, got.Verdict)
		}
	}
	press, v := b.form(slackstub.Alice, i, at, wasButton)
	if press.Clicked.Verdict != nil {
		t.Errorf("the press that opens the form says %+v by itself", press.Clicked.Verdict)
	}
	token := "ghp_" + strings.Repeat("a1B2", 9)
	b.submit(slackstub.Alice, v, map[string]string{causeField: "node-not-ready", rootField: " node/n1 ", wordsField: "the node\nwas gone " + token})
	c := b.click()
	c.Ack(soon(t))
	got := c.Clicked
	want := action.Ref{APIVersion: "v1", Kind: "Node", Name: "n1"}
	if !got.Genuine || got.Via != incident.ViaForm || got.Verb != incident.Judge || got.Message != at.TS || got.Params != nil || !got.Reason.IsEmpty() ||
		got.Verdict == nil || got.Verdict.Right || got.Verdict.Cause != incident.NodeNotReady || got.Verdict.Root != want {
		t.Fatalf("%+v %+v", got, got.Verdict)
	}
	if words := got.Verdict.Words.String(); !strings.HasPrefix(words, "the node was gone ") || strings.Contains(words, token) {
		t.Errorf("words %q", words)
	}
}

func TestAVerdictThatIsOutOfFormIsAnsweredInTheForm(t *testing.T) {
	s, i := offline(t), tell(t).looked(diagnosis()).i
	form := judgeForm(t, i)
	for name, c := range map[string]struct{ cause, root, wrong string }{
		"no cause":                {"", "Node/n1", causeField},
		"a cause of nobody":       {"gremlins", "Node/n1", causeField},
		"unknown is no answer":    {"unknown", "Node/n1", causeField},
		"no root":                 {"oom-killed", "", rootField},
		"a kind of nobody":        {"oom-killed", "Gremlin/n1", rootField},
		"markup for a name":       {"oom-killed", "Node/<!channel>", rootField},
		"a name with a blank":     {"oom-killed", "Node/n 1", rootField},
		"too many parts":          {"oom-killed", "Pod/a/b/c", rootField},
		"a namespace for a node":  {"oom-killed", "Node/shop/n1", rootField},
		"no name":                 {"oom-killed", "Node/", rootField},
		"longer than any name is": {"oom-killed", "Node/" + strings.Repeat("a", 254), rootField},
	} {
		_, wrong, ok := s.submitted(judgement(t, form, c.cause, c.root))
		if !ok || len(wrong) != 1 || wrong[c.wrong] == "" {
			t.Errorf("%s: ok %t, wrong %v", name, ok, wrong)
		}
	}
}

// judgement is the form as alice sends it off.
func judgement(t testing.TB, form *slack.ModalViewRequest, cause, root string) press {
	t.Helper()
	raw := submission(t, form, alice.ID, map[string]string{rootField: root, wordsField: ""})
	state := raw["view"].(map[string]any)["state"].(map[string]any)["values"].(map[string]any)
	state[causeField] = map[string]any{causeField: map[string]any{"type": "static_select", "selected_option": map[string]any{"value": cause}}}
	var p press
	if err := json.Unmarshal(encodeBlocks(t, raw), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAnObjectIsReadAsPeopleWriteIt(t *testing.T) {
	in := judged{Root: action.Ref{Kind: "Gateway", Namespace: "edge", Name: "main"}, Namespace: "shop"}
	for text, want := range map[string]action.Ref{
		"deploy/web":                {APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"},
		"ConfigMap/web-config":      {APIVersion: "v1", Kind: "ConfigMap", Namespace: "shop", Name: "web-config"},
		"configmap/infra/dns":       {APIVersion: "v1", Kind: "ConfigMap", Namespace: "infra", Name: "dns"},
		"STORAGECLASS/fast":         {APIVersion: "storage.k8s.io/v1", Kind: "StorageClass", Name: "fast"},
		"Gateway/main":              in.Root, // as the card has it
		"  pvc/data-db-0  ":         {APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "data-db-0"},
		"Secret/a.b.c":              {APIVersion: "v1", Kind: "Secret", Namespace: "shop", Name: "a.b.c"},
		"horizontalpodautoscaler/x": {APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler", Namespace: "shop", Name: "x"},
	} {
		if got, ok := in.read(text); !ok || got != want {
			t.Errorf("%q: %+v, %t", text, got, ok)
		}
	}
	if _, ok := (judged{}).read("Pod/x"); ok {
		t.Error("an object without a namespace was taken")
	}
}

// A form of a verdict that shows other choices or words is none of ours, and the
// forms of votes and verdicts are not to be mixed up.
func TestAFormOfAVerdictIsSealedWithItsChoices(t *testing.T) {
	s, i := offline(t), offered(t, 1, true).needsReason().i
	ours := judgement(t, judgeForm(t, i), "oom-killed", "Node/n1")
	if c, wrong, ok := s.submitted(ours); !ok || !c.Clicked.Genuine || len(wrong) > 0 {
		t.Fatalf("our own form: %+v, %v, %t", c, wrong, ok)
	}
	other := ours
	other.View.Blocks = []byte(strings.Replace(string(ours.View.Blocks), `"out of memory"`, `"approve everything"`, 1))
	mixed := ours
	mixed.View.PrivateMetadata = sealedForm(t, i, incident.Approve).PrivateMetadata
	stranger := ours
	stranger.User.ID = bob.ID
	for name, p := range map[string]press{"another choice": other, "a vote's metadata": mixed, "another person": stranger} {
		if c, _, ok := s.submitted(p); ok && (c.Clicked.Genuine || c.Clicked.Verdict != nil) {
			t.Errorf("%s: %+v", name, c.Clicked)
		}
	}
	asVote := judgeForm(t, i)
	asVote.CallbackID = reasonForm
	if c, _, ok := s.submitted(judgement(t, asVote, "oom-killed", "Node/n1")); ok && c.Clicked.Genuine {
		t.Error("a verdict's metadata under a vote's name is genuine")
	}
}

func TestEveryCauseCanBeChosenWithinSlacksLimits(t *testing.T) {
	var got []string
	groups := causeChoices()
	if len(groups) > 100 {
		t.Errorf("%d groups", len(groups))
	}
	for _, g := range groups {
		if len(g.Options) == 0 || len(g.Options) > 100 || len(g.Label.Text) > 75 {
			t.Errorf("group %q has %d options", g.Label.Text, len(g.Options))
		}
		for _, o := range g.Options {
			got = append(got, o.Value)
			if n := len([]rune(o.Text.Text)); n == 0 || n > 75 || len(o.Value) > 150 {
				t.Errorf("option %q: %d characters", o.Value, n)
			}
		}
	}
	if len(got) != len(incident.Causes())-1 || slices.Contains(got, string(incident.Unknown)) {
		t.Errorf("%d of %d causes can be chosen", len(got), len(incident.Causes()))
	}
}

// verdict adds what a person says.
func (s *story) verdict(who string, v incident.Verdict) *story {
	s.t.Helper()
	said := v
	v.Click, v.By, v.Of = who+string(rune('0'+s.i.Version%10)), incident.Person{ID: who, Team: "T1"}, s.i.Claimed()
	if v.Right {
		v.Cause, v.Root = v.Of.Cause, v.Of.Root
	}
	return s.add(&incident.Clicked{Click: v.Click, Verb: incident.Judge, Digest: v.Of.Digest(), Person: v.By, Verdict: &said}, &v)
}

func TestTheCardCountsWhatPeopleSay(t *testing.T) {
	was := incident.Verdict{Cause: incident.OOMKilled, Root: cart()}
	for name, c := range map[string]struct {
		story *story
		says  string
	}{
		"nobody":         {tell(t).looked(diagnosis()), ""},
		"one":            {tell(t).looked(diagnosis()).verdict("U1", incident.Verdict{Right: true}), "1 says right"},
		"two and one":    {tell(t).looked(diagnosis()).verdict("U3", was).verdict("U1", incident.Verdict{Right: true}).verdict("U2", incident.Verdict{Right: true}), "2 say right, 1 says it was out of memory (Deployment/cart)"},
		"wrong":          {tell(t).looked(diagnosis()).verdict("U1", incident.Verdict{}), "1 says wrong"},
		"without a root": {tell(t).looked(diagnosis()).verdict("U1", incident.Verdict{Cause: incident.OOMKilled}), "1 says it was out of memory"},
	} {
		blocks, _ := Render(c.story.i, Options{Now: noon()})
		raw := encodeBlocks(t, blocks)
		text := readable(t, raw)
		if got := opinionText(c.story.i).String(); got != c.says || !strings.Contains(text, c.says) {
			t.Errorf("%s: %q, want %q, on the card:\n%s", name, got, c.says, text)
		}
		if !strings.Contains(text, "[It was …]") {
			t.Errorf("%s: nobody is asked:\n%s", name, text)
		}
	}
}

// Where nothing is claimed there is nothing to call right or wrong; a shared
// channel has no buttons at all; what is no incident is not judged.
func TestWhoIsAskedWhat(t *testing.T) {
	unknown := diagnosis()
	unknown.Cause, unknown.Rule, unknown.Candidates = incident.Unknown, "", nil
	for name, c := range map[string]struct {
		i    incident.Incident
		o    Options
		want []string
	}{
		"proven":     {tell(t).looked(diagnosis()).i, Options{}, []string{rightButton, wrongButton, wasButton}},
		"unknown":    {tell(t).looked(unknown).i, Options{}, []string{wasButton}},
		"shared":     {tell(t).looked(diagnosis()).i, Options{Shared: true}, nil},
		"not looked": {tell(t).i, Options{}, nil},
		"closed":     {tell(t).looked(diagnosis()).add(&incident.Cleared{}, &incident.Closed{Why: "cleared"}).i, Options{}, []string{rightButton, wrongButton, wasButton}},
	} {
		var got []string
		for _, b := range verdictBlocks(c.i, c.o) {
			if row, ok := b.(*slack.ActionBlock); ok {
				for _, e := range row.Elements.ElementSet {
					got = append(got, e.(*slack.ButtonBlockElement).ActionID)
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The second row has an id of its own, under the same seal; a row that is not
// ours makes neither genuine.
func TestBothRowsOfButtonsAreSealed(t *testing.T) {
	i := offered(t, 1, true).i
	blocks, _ := Render(i, Options{Mode: incident.ModeApprove, Now: noon()})
	if err := ourSeal().sign(blocks); err != nil {
		t.Fatal(err)
	}
	raw := encodeBlocks(t, blocks)
	var rows []*slack.ActionBlock
	for _, b := range blocks {
		if row, ok := b.(*slack.ActionBlock); ok {
			rows = append(rows, row)
		}
	}
	if len(rows) != 2 || rows[0].BlockID == rows[1].BlockID {
		t.Fatalf("%d rows", len(rows))
	}
	claim, offer := buttonValue(i.ID, i.Claimed().Digest()), buttonValue(i.ID, i.Current().Proposed.Digest)
	for name, c := range map[string]struct {
		raw            []byte
		row, id, value string
		genuine        bool
	}{
		"the first row":         {raw, rows[0].BlockID, approveButton, offer, true},
		"the second row":        {raw, rows[1].BlockID, rightButton, claim, true},
		"a vote in the second":  {raw, rows[1].BlockID, approveButton, offer, false},
		"a third row":           {raw, rows[0].BlockID + ".2", rightButton, claim, false},
		"another value":         {raw, rows[1].BlockID, rightButton, offer, false},
		"rows in another order": {swap(raw, rows[0].BlockID, rows[1].BlockID), rows[1].BlockID, rightButton, claim, false},
		"a row of a stranger":   {[]byte(strings.Replace(string(raw), rows[1].BlockID, "x", 1)), rows[0].BlockID, approveButton, offer, false},
	} {
		if got := ourSeal().genuine(c.raw, c.row, c.id, c.value); got != c.genuine {
			t.Errorf("%s: genuine %t", name, got)
		}
	}
}

func swap(raw []byte, a, b string) []byte {
	return []byte(strings.NewReplacer(`"`+a+`"`, `"`+b+`"`, `"`+b+`"`, `"`+a+`"`).Replace(string(raw)))
}

func FuzzRoot(f *testing.F) {
	for _, s := range []string{"Node/n1", "deploy/shop/web", "a/b/c/d", "//", "Pod/<!here>", "Secret/\u202e"} {
		f.Add(s)
	}
	in := judged{Root: cart(), Namespace: "shop"}
	f.Fuzz(func(t *testing.T, text string) {
		ref, ok := in.read(text)
		if ok && (ref.Kind == "" || ref.Name == "" || redact.Name(ref.Name).String() != ref.Name && len(ref.Name) < 20 && strings.ContainsAny(ref.Name, "<>@! ")) {
			t.Fatalf("%q is read as %+v", text, ref)
		}
	})
}
