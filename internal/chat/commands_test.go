package chat

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestWhatPeopleTypeIsUnderstoodOrTheySeeWhatWasNot(t *testing.T) {
	for text, want := range map[string]Query{
		"":                                    {Kind: Help},
		"help":                                {Kind: Help},
		"  HELP ":                             {Kind: Help},
		"status":                              {Kind: Status},
		"<@U0000SIGNB> status":                {Kind: Status},
		"<@U0000SIGNB|countersign>: status?":  {Kind: Status},
		"why deploy/cart -n shop":             {Kind: Why, Object: "Deployment/cart", Namespace: "shop"},
		"why -n shop Deployment/cart?":        {Kind: Why, Object: "Deployment/cart", Namespace: "shop"},
		"why po/cart-7d-x --namespace=shop":   {Kind: Why, Object: "Pod/cart-7d-x", Namespace: "shop"},
		"why Certificate/web.example -n=shop": {Kind: Why, Object: "Certificate/web.example", Namespace: "shop"},
		"why sts/db":                          {Kind: Why, Object: "StatefulSet/db"},
		"stop":                                {Kind: Stop},
		"STOP!":                               {Kind: Stop},
		"stop the registry  is moved":         {Kind: Stop, Reason: redact.Literal("the registry is moved")},
		"<@U0000SIGNB> resume":                {Kind: Resume},
		"resume it is over <!channel>":        {Kind: Resume, Reason: redact.Literal("it is over <!channel>")},
		"break-glass i0123456789ab it burns":  {Kind: BreakGlass, Incident: fixtureID, Reason: redact.Literal("it burns")},
	} {
		if got := ParseCommand(text); got != want {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
	for text, says := range map[string]string{
		"why":                           "wants an object",
		"why cart":                      "KIND/NAME",
		"why deploy/--all":              "KIND/NAME",
		"why deploy/cart -n":            "wants a namespace",
		"why deploy/cart -n ;rm":        "not the name of a namespace",
		"why deploy/cart -A":            "do not know the option",
		"why deploy/cart deploy/web":    "one object",
		"why deploy/$(reboot)":          "KIND/NAME",
		"why deploy/CART":               "KIND/NAME",
		"status now":                    "nothing after it",
		"delete deploy/cart":            "“delete”",
		"approve everything":            "“approve”",
		"resume?":                       "“resume?”",
		"stop?!":                        "“stop?”",
		"stopp":                         "“stopp”",
		"break-glass":                   "an incident and a reason",
		"break-glass i0123456789ab":     "a reason after",
		"break-glass because it burns":  "an incident and a reason",
		"break-glass I0123456789AB now": "an incident and a reason",
		strings.Repeat("why ", 1000):    "too long",
		"<@U1> <!channel> drop tables":  "do not know the command",
	} {
		got := ParseCommand(text)
		if got.Kind != Unknown || !strings.Contains(got.Problem.String(), says) || got.Object != "" || got.Namespace != "" || got.Incident != "" || !got.Reason.IsEmpty() {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{"why deploy/cart -n shop", "<@U1> status", "help", "why -n", "why a/b\x00", "why a/b --namespace=\u202ex",
		"stop", "resume it is over", "break-glass i0123456789ab it burns", "break-glass i0123456789ab \u202e", "resume?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q := ParseCommand(text)
		switch q.Kind {
		case Why:
			kind, name, _ := strings.Cut(q.Object, "/")
			if !kindWord.MatchString(kind) || !objectName.MatchString(name) || q.Namespace != "" && !namespaceName.MatchString(q.Namespace) {
				t.Fatalf("%q gives %+v", text, q)
			}
		case Status, Help:
			if q.Object != "" || q.Namespace != "" {
				t.Fatalf("%q gives %+v", text, q)
			}
		case Stop, Resume, BreakGlass:
			if q.Object != "" || (q.Kind == BreakGlass) != incidentID.MatchString(string(q.Incident)) || q.Kind == BreakGlass && q.Reason.IsEmpty() ||
				strings.ContainsAny(q.Reason.String(), "\n\r\x00\u202e") || utf8.RuneCountInString(q.Reason.String()) > reasonRunes {
				t.Fatalf("%q gives %+v", text, q)
			}
		case Unknown:
			if q.Problem.IsEmpty() {
				t.Fatalf("%q is not understood and nobody is told why", text)
			}
			if s := escape(helpText(q.Problem)); strings.ContainsAny(s, "<>") {
				t.Fatalf("%q is answered with markup: %q", text, s)
			}
		default:
			t.Fatalf("%q gives %+v", text, q)
		}
	})
}

func ephemerals(s *slackstub.Server, channel, user string) string {
	var b strings.Builder
	for _, m := range s.Messages(channel) {
		if m.Ephemeral && m.EphemeralTo == user {
			b.WriteString(m.PlainText() + "\n")
		}
	}
	return b.String()
}

func TestASlashCommandIsAnsweredAtOnceAndThenByTheLoop(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := connected(t, stub)
	e, err := stub.Slash(slackstub.Carol, slackstub.ChannelGeneral, "/countersign", "why deploy/cart -n shop")
	if err != nil {
		t.Fatal(err)
	}
	r, err := stub.WaitAck(soon(t), e.ID)
	if err != nil || r.Latency > time.Second {
		t.Errorf("%+v, %v", r, err)
	}
	if said := ephemerals(stub, slackstub.ChannelGeneral, slackstub.Carol); !strings.Contains(said, "Looking at Deployment/cart in namespace shop") {
		t.Errorf("the first line: %q", said)
	}
	c := b.command()
	if c.Kind != Why || c.Object != "Deployment/cart" || c.Namespace != "shop" || c.Person.ID != slackstub.Carol ||
		c.Person.Team != slackstub.TeamID || c.Channel != slackstub.ChannelGeneral || c.Thread != "" || c.Respond == "" {
		t.Errorf("%+v", c)
	}
	if err := c.Reply(soon(t), redact.Literal("It has <no> fault.")); err != nil {
		t.Fatal(err)
	}
	if said := ephemerals(stub, slackstub.ChannelGeneral, slackstub.Carol); !strings.Contains(said, "It has <no> fault.") {
		t.Errorf("the answer: %q", said)
	}
}

func TestHelpAndWhatIsNotUnderstoodAreAnsweredInTheAcknowledgement(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := connected(t, stub)
	for _, text := range []string{"help", "explode @bob <!channel>"} {
		e, err := stub.Slash(slackstub.Carol, slackstub.ChannelAlerts, "/countersign", text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stub.WaitAck(soon(t), e.ID); err != nil {
			t.Fatal(err)
		}
	}
	said := ephemerals(stub, slackstub.ChannelAlerts, slackstub.Carol)
	if strings.Count(said, "I understand:") != 2 || !strings.Contains(said, "“explode”") {
		t.Errorf("said: %q", said)
	}
	select {
	case c := <-b.Commands():
		t.Errorf("the loop was asked for %+v", c)
	default:
	}
}

func TestAMentionIsAnsweredInItsThread(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := connected(t, stub)
	at := b.card(tell(t).looked(diagnosis()).i)
	if _, err := stub.Mention(slackstub.Carol, slackstub.ChannelAlerts, at.TS, "status"); err != nil {
		t.Fatal(err)
	}
	c := b.command()
	if c.Kind != Status || c.Thread != at.TS || c.Channel != slackstub.ChannelAlerts || c.Person.ID != slackstub.Carol || c.Person.Team != slackstub.TeamID {
		t.Errorf("%+v", c)
	}
	if err := c.Reply(soon(t), redact.Literal("One incident is open.")); err != nil {
		t.Fatal(err)
	}
	until(t, "both lines", func() bool {
		all := ""
		for _, m := range stub.Thread(at.Channel, at.TS) {
			all += m.PlainText() + "\n"
		}
		return strings.Contains(all, "One moment") && strings.Contains(all, "One incident is open.")
	})
	// Outside a thread the answer makes one; an event that is sent again is
	// handled once.
	stub.Duplicate(slackstub.Duplication{Type: slackstub.TypeEvents, N: 1, Times: 2})
	if _, err := stub.Mention(slackstub.Bob, slackstub.ChannelAlerts, "", "why deploy/cart -n shop"); err != nil {
		t.Fatal(err)
	}
	if c = b.command(); c.Kind != Why || c.Thread == "" {
		t.Errorf("%+v", c)
	}
	until(t, "the first line", func() bool { return len(stub.Thread(c.Channel, c.Thread)) >= 2 })
	select {
	case again := <-b.Commands():
		t.Errorf("handled twice: %+v", again)
	case <-time.After(100 * time.Millisecond):
	}
}

func TestTheAnswerToAQuestionGoesWhereItWasAsked(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := connected(t, stub)
	root := b.card(tell(t).looked(diagnosis()).i)
	ask := func(channel, thread, respond string) incident.Incident {
		s := &story{t: t, at: noon()}
		return s.add(&incident.Asked{Subject: cart(), Channel: channel, Thread: thread, Respond: respond}).looked(diagnosis()).i
	}
	at := b.card(ask(slackstub.ChannelAlerts, root.TS, ""))
	if m := b.message(at); m.ThreadTS != root.TS || len(m.Elements()) != 0 {
		t.Errorf("the answer: thread %q, %d elements", m.ThreadTS, len(m.Elements()))
	}
	if _, err := stub.Slash(slackstub.Carol, slackstub.ChannelGeneral, "/countersign", "why deploy/cart -n shop"); err != nil {
		t.Fatal(err)
	}
	i := ask(slackstub.ChannelGeneral, "", b.command().Respond)
	at = b.card(i) // the bot is not in that channel
	if at.TS == "" {
		t.Errorf("%+v", at)
	}
	if _, err := b.Card(soon(t), i, at); err != nil {
		t.Errorf("update: %v", err)
	}
	if said := ephemerals(stub, slackstub.ChannelGeneral, slackstub.Carol); strings.Count(said, "image not found") != 2 {
		t.Errorf("said: %q", said)
	}
}

func TestCommandsThatSteerReachTheLoopWithWhoAndWhy(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := connected(t, stub)
	at := b.card(tell(t).looked(diagnosis()).i)
	for text, want := range map[string]Query{
		"stop the registry is moved":         {Kind: Stop, Reason: redact.Literal("the registry is moved")},
		"resume":                             {Kind: Resume},
		"break-glass i0123456789ab it burns": {Kind: BreakGlass, Incident: fixtureID, Reason: redact.Literal("it burns")},
	} {
		if _, err := stub.Slash(slackstub.Carol, slackstub.ChannelAlerts, "/countersign", text); err != nil {
			t.Fatal(err)
		}
		if c := b.command(); c.Query != want || c.Person.ID != slackstub.Carol || c.Person.Team != slackstub.TeamID || c.Respond == "" {
			t.Errorf("/countersign %s: %+v", text, c)
		}
		if _, err := stub.Mention(slackstub.Bob, slackstub.ChannelAlerts, at.TS, text); err != nil {
			t.Fatal(err)
		}
		if c := b.command(); c.Query != want || c.Person.ID != slackstub.Bob || c.Thread != at.TS {
			t.Errorf("a mention with %s: %+v", text, c)
		}
	}
	if help := helpText(redact.Text{}).String(); !strings.Contains(help, "stop [REASON]") || !strings.Contains(help, "resume [REASON]") || !strings.Contains(help, "break-glass INCIDENT REASON") {
		t.Errorf("help does not say it all:\n%s", help)
	}
}
