package chat

import (
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// live are texts that are live in Slack where they are read as markup.
var live = []string{
	"<!channel>", "<!here>", "<!everyone>", "<!here|here>", "<!channel|@channel>", "<@U0000ALICE>", "<@U0000ALICE|alice>", "<@W0000WENDY>",
	"<#C0000ALERT>", "<#C0000ALERT|alerts>", "<!subteam^S0000ONCALL>", "<!subteam^S0000ONCALL|@oncall-approvers>",
	"<https://evil.example>", "<https://evil.example|Approve>", "<mailto:a@evil.example|mail>", "<tel:+15550100|call>", "<slack://user?team=T1&id=U1>",
	"<!date^1392734382^{date}^https://evil.example|today>", "https://evil.example/a?b=c&d=e", "http://evil.example", "www.evil.example", "evil.example/x",
	"@here", "@channel", "@everyone", "@alice", "#general", "[Approve](https://evil.example)", "![x](https://evil.example/x.png)",
	"&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;", "&#60;!channel&#62;", "%3C!channel%3E", "\\u003c!channel\\u003e", "＜!channel＞", "<\u200b!channel>",
	"<!chan\u00adnel>", "\u202e>lennahc!<", "<!channel", "!channel>", "<<!channel>>", "<!channel><!here>", "`<!channel>`", "```<!here>```", "```\n<!here>\n```",
}

var around = []string{
	"", " ", "\n", "\t", "```", "`", "\n```\n", "> ", ">>> ", "*", "_", "~", "• ", "1. ", "\"", "'", "(", "[", "{", "<", ">", "&", "|", ":", "\\",
	"\u200b", "\u2028", "\x00", "\x1b[1m", "a", "9", "…", "–", "é", "🔴",
}

// payloads are a thousand texts made of these, each once.
func payloads(d dice) []string {
	seen := map[string]bool{}
	var out []string
	for len(out) < 1000 {
		s := pick(d, around...) + pick(d, live...) + pick(d, around...)
		if d.IntN(3) == 0 {
			s += pick(d, around...) + pick(d, live...)
		}
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// everywhere is an incident that says text wherever foreign text may stand.
func everywhere(t testing.TB, text redact.Text) incident.Incident {
	t.Helper()
	d := diagnosis()
	d.Summary, d.Note, d.RuledOut, d.Steps, d.Confidence.Basis = text, text, []redact.Text{text}, []redact.Text{text}, text
	mallory := incident.Person{ID: "U0000MALLO", Team: "T0000ACME", Name: text}
	s := tell(t).looked(d).rehearsing(setImage()).rehearsed().proposed(setImage(), 2, true)
	cur := s.i.Current()
	cur.Rehearsal.Candidate.Why, cur.Rehearsal.Requester, cur.Rehearsal.Edited = text, mallory, true
	cur.Report.Facts = incident.Facts{Editors: []redact.Text{text}, ManagedBy: text, NamespaceLabels: signedFacts().NamespaceLabels}
	cur.Report.Diff = text
	p := *cur.Proposed
	p.Decision.Reasons, p.Approvers = []redact.Text{text}, []redact.Text{text}
	cur.Proposed = &p
	s.said(mallory, incident.Said{Via: incident.ViaForm, Reason: text})
	for n := range s.i.Evidence {
		s.i.Evidence[n].Text, s.i.Evidence[n].Where = text, text
	}
	g := glass()
	g.Person, g.Reason = mallory, text
	s.i.Glass = g
	return s.i
}

// TestAThousandInjectionsMakeNoMentionAndNoLink posts each to the stand-in in a
// card and in a note, and some in a card of what was steered and in a whisper,
// and counts what Slack would make live of them.
func TestAThousandInjectionsMakeNoMentionAndNoLink(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{Limits: slackstub.Limits{Off: true}})
	b := unconnected(t, stub)
	seed := uint64(time.Now().UnixNano())
	all := payloads(roll(seed))
	at := b.card(tell(t).looked(diagnosis()).i)
	for n, payload := range all {
		text := filter.Redact(payload)
		b.card(everywhere(t, text))
		if _, err := b.Note(soon(t), at, incident.Note{Text: text, Page: []string{payload, "U0000ALICE>", "here"}}); err != nil {
			t.Fatal(err)
		}
		if n%5 > 0 {
			continue
		}
		steered := widerPolicy()
		steered.Person, steered.Reason, steered.Wider = incident.Person{ID: "U1", Name: text}, text, []redact.Text{text}
		b.card(steer(t, steered).i)
		if err := b.Whisper(soon(t), incident.Clicked{Channel: at.Channel, Person: incident.Person{ID: slackstub.Carol}}, text); err != nil {
			t.Fatal(err)
		}
	}
	var mentions, links, messages, hidden int
	for _, m := range stub.Messages(at.Channel) {
		messages++
		for _, what := range m.LiveMarkup() {
			if strings.HasPrefix(what, "link") {
				links++
			} else {
				mentions++
			}
		}
		if !m.ParseNone && m.Text != "" && m.Version == 1 {
			hidden++ // nothing says that names and addresses are to be left alone
		}
	}
	t.Logf("%d payloads in %d messages, seed %d: %d mentions, %d links", len(all), messages, seed, mentions, links)
	if mentions+links+hidden > 0 || messages < 2*len(all) {
		t.Errorf("%d mentions, %d links, %d texts that Slack may parse", mentions, links, hidden)
	}
}

func TestANoteCallsThoseItNamesAndNobodyElse(t *testing.T) {
	t.Parallel()
	b := unconnected(t, slackstub.Start(t, slackstub.Config{}))
	at := b.card(tell(t).looked(diagnosis()).i)
	page := []string{"U0000ALICE", "S0000ONCALL", "W0000WENDY", "here", "C0000ALERT", "", "u0000alice", "U0000ALICE>", "<!channel>", "T0000ACME", "U0000ALICE\n"}
	ts, err := b.Note(soon(t), at, incident.Note{Text: redact.Literal("BREAK-GLASS by <!channel> <@U00000BOB0>"), Page: page})
	if err != nil {
		t.Fatal(err)
	}
	m, _ := b.stub.Message(at.Channel, ts)
	if got := strings.Join(m.LiveMarkup(), ", "); got != "user U0000ALICE, usergroup S0000ONCALL, user W0000WENDY" {
		t.Errorf("the note calls %s", got)
	}
	if !strings.Contains(m.PlainText(), "BREAK-GLASS by <!channel> <@U00000BOB0>") {
		t.Errorf("the note reads %q", m.PlainText())
	}
	many := incident.Note{Text: redact.Literal("x")}
	for range 3 * maxPaged {
		many.Page = append(many.Page, "U0000ALICE")
	}
	if n := strings.Count(string(encodeBlocks(t, noteBlocks(many))), `"user_id"`); n != maxPaged {
		t.Errorf("one note calls %d", n)
	}
}
