package slackstub_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestMrkdwnFindsWhatIsLive(t *testing.T) {
	for _, c := range []struct {
		name, text string
		verbatim   bool
		want       []string
	}{
		{"escaped tokens are text", "&lt;!channel&gt; &lt;https://evil.example|Approve&gt;", true, nil},
		{"a broadcast", "look <!channel>", true, []string{"broadcast channel"}},
		{"a lying link", "<https://evil.example|Approve>", true, []string{"link https://evil.example"}},
		{"a user and a group", "<@U1> <!subteam^S1|@sre>", true, []string{"user U1", "group S1"}},
		{"a token inside code", "`<!here>`", true, []string{"broadcast here"}},
		{"a token inside a fence", "```a\n<!here>```", true, []string{"broadcast here"}},
		{"bare names with verbatim", "@here #general http://x.example", true, nil},
		{"bare names without verbatim", "@here #general http://x.example", false, []string{"broadcast here", "channel general", "link http://x.example"}},
		{"a date is no danger", "<!date^1700000000^{date}|then>", true, nil},
		{"emphasis does not hide a token", "*bold <!everyone>*", true, []string{"broadcast everyone"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := slackstub.Message{Blocks: []any{map[string]any{"type": "section",
				"text": map[string]any{"type": "mrkdwn", "text": c.text, "verbatim": c.verbatim}}}}
			if got := m.LiveMarkup(); !slices.Equal(got, c.want) {
				t.Errorf("live = %v, want %v", got, c.want)
			}
		})
	}
}

func TestTopLevelTextLinksAddressesUnlessParseIsNone(t *testing.T) {
	m := slackstub.Message{Text: "see https://x.example @here", Mrkdwn: true}
	if got := m.LiveMarkup(); !slices.Equal(got, []string{"link https://x.example"}) {
		t.Errorf("live = %v", got)
	}
	if m.ParseNone = true; len(m.LiveMarkup()) != 0 {
		t.Errorf("with parse none: %v", m.LiveMarkup())
	}
}

func TestMrkdwnReadsEmphasisCodeAndQuotes(t *testing.T) {
	lines := slackstub.Mrkdwn("*bold* and _it_ `code*x*`\n&gt; quoted\n```\npre <b>\n```", slackstub.LinkNothing)
	if len(lines) != 3 || !lines[1].Quote || !lines[2].Pre {
		t.Fatalf("lines = %+v", lines)
	}
	s := lines[0].Spans
	if !s[0].Bold || s[0].Text != "bold" || !s[2].Italic || s[len(s)-1].Text != "code*x*" || !s[len(s)-1].Code {
		t.Errorf("spans = %+v", s)
	}
}

func FuzzMrkdwnLosesNoText(f *testing.F) {
	for _, s := range []string{"*a* `b` ```c``` <d|e> &gt; x", "````", "*_~*_~", "<@U1|", "> <!here>", "@here"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		for _, l := range slackstub.Mrkdwn(text, slackstub.LinkNames) {
			for _, s := range l.Spans {
				n += len(s.Text)
			}
		}
		// Plain text, free of markup, must come through whole.
		if !strings.ContainsAny(text, "*_~`<>&\n") && n != len(text) {
			t.Errorf("%q became %d bytes", text, n)
		}
	})
}
