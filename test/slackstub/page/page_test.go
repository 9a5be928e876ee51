package page_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/slackstub/page"
)

type browser struct {
	t *testing.T
	s *slackstub.Server
	c *http.Client
}

func start(t *testing.T) *slackstub.Server {
	t.Helper()
	s := slackstub.Start(t, slackstub.Config{})
	h, err := page.New(s)
	if err != nil {
		t.Fatal(err)
	}
	s.SetPage(h)
	return s
}

func signIn(t *testing.T, s *slackstub.Server, user string) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := browser{t: t, s: s, c: &http.Client{Jar: jar}}
	res, err := b.c.PostForm(s.Origin()+"/signin", url.Values{"user": {user}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return b
}

func (b browser) get(path string) string {
	b.t.Helper()
	res, err := b.c.Get(b.s.Origin() + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") {
		b.t.Errorf("%s: policy %q", path, csp)
	}
	return string(body)
}

func send(t *testing.T, s *slackstub.Server, opts ...slack.MsgOption) string {
	t.Helper()
	_, ts, err := slack.New(s.BotToken(), slack.OptionAPIURL(s.URL())).PostMessage(slackstub.ChannelAlerts, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

const hostile = `</pre></textarea><script>alert(1)</script>" onload="x`

// Every place of a message that shows text from outside is filled with markup.
func TestTextFromOutsideNeverBecomesHTML(t *testing.T) {
	s := start(t)
	plain := slack.NewTextBlockObject(slack.PlainTextType, hostile, false, false)
	label := slack.NewTextBlockObject(slack.PlainTextType, hostile[:20], false, false)
	escaped := slack.NewTextBlockObject(slack.MarkdownType, "`"+slackstub.Escape(hostile)+"`\n&gt; "+slackstub.Escape(hostile), false, true)
	button := slack.NewButtonBlockElement(hostile, hostile, plain)
	button.URL = "javascript:" + hostile
	button.Confirm = slack.NewConfirmationBlockObject(label, escaped, label, label)
	option := slack.NewOptionBlockObject(hostile, label, nil)
	send(t, s, slack.MsgOptionText(hostile, true), slack.MsgOptionBlocks(
		slack.NewHeaderBlock(plain), slack.NewSectionBlock(escaped, []*slack.TextBlockObject{plain, escaped}, slack.NewAccessory(slack.NewOverflowBlockElement("more", option))),
		slack.NewContextBlock("", plain, escaped, slack.NewImageBlockElement("https://x.example/i.png", hostile)),
		slack.NewActionBlock("act", button, slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, label, "pick", option)),
		slack.NewRichTextBlock("rich", slack.NewRichTextSection(slack.NewRichTextSectionTextElement(hostile, nil), slack.NewRichTextSectionLinkElement("javascript:"+hostile, hostile, nil)))))
	send(t, s, slack.MsgOptionText(hostile, false))
	send(t, s, slack.MsgOptionText("<https://x.example/\"onload=|"+hostile[:12]+">", false))
	if _, _, err := s.Say(slackstub.Alice, slackstub.ChannelAlerts, "", hostile); err != nil {
		t.Fatal(err)
	}
	b := signIn(t, s, slackstub.Alice)
	got := b.get("/c/" + slackstub.ChannelAlerts + "?panel=wire")
	for _, bad := range []string{"<script>alert", `onload="x"`, `" onload=`, "</pre></textarea>", `href="javascript:`} {
		if i := strings.Index(got, bad); i >= 0 {
			t.Errorf("%q came through: …%s…", bad, got[max(0, i-80):min(len(got), i+80)])
		}
	}
	if n := strings.Count(got, "&lt;script&gt;"); n < 10 {
		t.Errorf("the text is shown %d times only", n)
	}
}

func TestEachPersonSeesTheirOwn(t *testing.T) {
	s := start(t)
	api := slack.New(s.BotToken(), slack.OptionAPIURL(s.URL()))
	if _, err := api.PostEphemeral(slackstub.ChannelAlerts, slackstub.Carol, slack.MsgOptionText("for carol", false)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user, path string
		sees, not  string
	}{
		{slackstub.Carol, "/c/" + slackstub.ChannelAlerts, "for carol", ""},
		{slackstub.Alice, "/c/" + slackstub.ChannelAlerts, "alerts", "for carol"},
		{slackstub.Xena, "/", "vendor-shared", "sre-private"},
		{slackstub.Xena, "/c/" + slackstub.ChannelPrivate, "vendor-shared", "sre-private"},
		{slackstub.Dora, "/", "Deactivated", "sre-private"},
	} {
		got := signIn(t, s, c.user).get(c.path)
		if !strings.Contains(got, c.sees) || c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s at %s: sees %q %t, sees %q %t", c.user, c.path, c.sees, strings.Contains(got, c.sees), c.not, strings.Contains(got, c.not))
		}
	}
}

func TestWhatIsLiveIsMarkedAndWhatIsEscapedIsNot(t *testing.T) {
	s := start(t)
	send(t, s, slack.MsgOptionText("<!channel> <@"+slackstub.Bob+"> <https://evil.example|Approve>", false))
	b := signIn(t, s, slackstub.Alice)
	got := b.get("/c/" + slackstub.ChannelAlerts)
	for _, want := range []string{`data-live="broadcast"`, `data-live="user"`, "@Bob Adeyemi", `data-live="link" data-target="https://evil.example"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
	send(t, s, slack.MsgOptionText("&lt;!here&gt;", false))
	if n := strings.Count(b.get("/c/"+slackstub.ChannelAlerts), "data-live="); n != 3 {
		t.Errorf("%d live pieces", n)
	}
}

func TestDoingNeedsASignIn(t *testing.T) {
	s := start(t)
	res, err := http.Post(s.Origin()+"/do/say", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("status = %s", res.Status)
	}
	b := signIn(t, s, slackstub.Carol)
	res, err = b.c.Post(s.Origin()+"/do/say", "application/json", strings.NewReader(`{"channel":"`+slackstub.ChannelAlerts+`","text":"hello there"}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if m := s.Messages(slackstub.ChannelAlerts); len(m) != 1 || m[0].User != slackstub.Carol {
		t.Errorf("messages = %+v", m)
	}
}
