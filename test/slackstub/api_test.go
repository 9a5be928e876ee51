package slackstub_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestAuthTestTellsWhoTheBotIsAndItsScopes(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	r := must[*slack.AuthTestResponse](t)(client(s).AuthTest())
	if r.UserID != slackstub.BotUserID || r.BotID != slackstub.BotID || r.TeamID != slackstub.TeamID {
		t.Errorf("auth.test = %+v", r)
	}
	if got := r.Header.Get("X-OAuth-Scopes"); !strings.Contains(got, "chat:write") {
		t.Errorf("X-OAuth-Scopes = %q", got)
	}
}

func TestTokensAreRefusedAsSlackRefusesThem(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	for _, c := range []struct{ name, token, want string }{
		{"an unknown token", "xo" + "xb-unknown", "invalid_auth"},
		{"no token", "", "not_authed"},
		{"the app token for a bot's method", s.AppToken(), "not_allowed_token_type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := slack.New(c.token, slack.OptionAPIURL(s.URL())).AuthTest()
			if err == nil || err.Error() != c.want {
				t.Errorf("error = %v, want %s", err, c.want)
			}
		})
	}
	t.Run("the bot token for apps.connections.open", func(t *testing.T) {
		_, _, err := slack.New("", slack.OptionAppLevelToken(s.BotToken()), slack.OptionAPIURL(s.URL())).StartSocketModeContext(soon(t))
		if err == nil || err.Error() != "not_allowed_token_type" {
			t.Errorf("error = %v", err)
		}
	})
	t.Run("a scope that the manifest lacks", func(t *testing.T) {
		_, err := client(s).GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: slackstub.ChannelAlerts})
		if err == nil || err.Error() != "missing_scope" {
			t.Errorf("error = %v", err)
		}
	})
}

func TestAPostedCardIsStoredUpdatedAndDeleted(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	api := client(s)
	ch, ts, err := api.PostMessage(slackstub.ChannelAlerts, slack.MsgOptionText("checkout is down", false),
		slack.MsgOptionBlocks(card()...), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	if err != nil || ch != slackstub.ChannelAlerts {
		t.Fatal(ch, err)
	}
	_, reply, err := api.PostMessage(ch, slack.MsgOptionText("a detail", false), slack.MsgOptionTS(ts))
	if err != nil {
		t.Fatal(err)
	}
	if reply <= ts {
		t.Errorf("reply's ts %s does not rise over %s", reply, ts)
	}
	if th := s.Thread(ch, ts); len(th) != 2 || th[1].ThreadTS != ts || th[0].ReplyCount != 1 {
		t.Errorf("thread = %+v", th)
	}
	m, ok := s.Message(ch, ts)
	if !ok || len(m.Blocks) != 3 || m.Button("approve").Text != "Approve fix" {
		t.Fatalf("message = %+v", m)
	}
	if _, _, _, err := api.UpdateMessage(ch, ts, slack.MsgOptionText("done", false)); err != nil {
		t.Fatal(err)
	}
	if m, _ := s.Message(ch, ts); m.Text != "done" || len(m.Blocks) != 0 || m.Version < 2 {
		t.Errorf("text without blocks must remove the blocks: %+v", m)
	}
	if _, _, err := api.DeleteMessage(ch, reply); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Message(ch, reply); ok {
		t.Error("the deleted reply is still there")
	}
}

func TestPostingIsRefusedWhereSlackRefusesIt(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{Allow: []string{"blocks.invalid"}})
	api := client(s)
	text := func(n int) slack.MsgOption { return slack.MsgOptionText(strings.Repeat("x", n), false) }
	section := func(n int) slack.Block {
		return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, strings.Repeat("x", n), false, false), nil, nil)
	}
	for _, c := range []struct {
		name, channel, want string
		opts                []slack.MsgOption
	}{
		{"an unknown channel", "C404", "channel_not_found", []slack.MsgOption{text(1)}},
		{"a channel without the bot", slackstub.ChannelGeneral, "not_in_channel", []slack.MsgOption{text(1)}},
		{"a user's id for a channel", slackstub.Alice, "channel_not_found", []slack.MsgOption{text(1)}},
		{"no text", slackstub.ChannelAlerts, "no_text", nil},
		{"a thread that does not exist", slackstub.ChannelAlerts, "thread_not_found", []slack.MsgOption{text(1), slack.MsgOptionTS("1.000001")}},
		{"51 blocks", slackstub.ChannelAlerts, "invalid_blocks", []slack.MsgOption{slack.MsgOptionBlocks(slices.Repeat([]slack.Block{slack.NewDividerBlock()}, 51)...)}},
		{"a section of 3001 characters", slackstub.ChannelAlerts, "invalid_blocks", []slack.MsgOption{slack.MsgOptionBlocks(section(3001))}},
		{"two blocks of one id", slackstub.ChannelAlerts, "invalid_blocks", []slack.MsgOption{slack.MsgOptionBlocks(
			slack.NewActionBlock("same", card()[2].(*slack.ActionBlock).Elements.ElementSet...), slack.NewActionBlock("same", card()[2].(*slack.ActionBlock).Elements.ElementSet...))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := api.PostMessage(c.channel, c.opts...)
			if err == nil || err.Error() != c.want {
				t.Errorf("error = %v, want %s", err, c.want)
			}
			var se slack.SlackErrorResponse
			if c.want == "invalid_blocks" && (!errors.As(err, &se) || len(se.Errors) == 0) {
				t.Errorf("no list of errors in %#v", err)
			}
		})
	}
}

func TestUpdateRefusesLongTextForeignMessagesAndEphemerals(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	api := client(s)
	_, ts, err := api.PostMessage(slackstub.ChannelAlerts, slack.MsgOptionText("short", false))
	if err != nil {
		t.Fatal(err)
	}
	theirs, _, err := s.Say(slackstub.Alice, slackstub.ChannelAlerts, "", "looking at it")
	if err != nil {
		t.Fatal(err)
	}
	eph := must[string](t)(api.PostEphemeral(slackstub.ChannelAlerts, slackstub.Carol, slack.MsgOptionText("only you", false)))
	for _, c := range []struct{ name, ts, text, want string }{
		{"4001 characters", ts, strings.Repeat("x", 4001), "msg_too_long"},
		{"a person's message", theirs.TS, "x", "cant_update_message"},
		{"an ephemeral", eph, "x", "message_not_found"},
		{"nothing there", "1.000001", "x", "message_not_found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, _, err := api.UpdateMessage(slackstub.ChannelAlerts, c.ts, slack.MsgOptionText(c.text, false))
			if err == nil || err.Error() != c.want {
				t.Errorf("error = %v, want %s", err, c.want)
			}
		})
	}
	if _, err := api.PostEphemeral(slackstub.ChannelPrivate, slackstub.Carol, slack.MsgOptionText("x", false)); err == nil || err.Error() != "user_not_in_channel" {
		t.Errorf("ephemeral for somebody who is not there: %v", err)
	}
}

func TestPeopleAndGroupsAreToldAsSlackTellsThem(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	api := client(s)
	for _, c := range []struct {
		id   string
		want func(u *slack.User) bool
	}{
		{slackstub.Alice, func(u *slack.User) bool {
			return u.TeamID == slackstub.TeamID && !u.Deleted && !u.IsBot && !u.IsRestricted
		}},
		{slackstub.Gus, func(u *slack.User) bool { return u.IsRestricted && u.IsUltraRestricted }},
		{slackstub.Dora, func(u *slack.User) bool { return u.Deleted }},
		{slackstub.Robo, func(u *slack.User) bool { return u.IsBot }},
		{slackstub.Xena, func(u *slack.User) bool { return u.TeamID == slackstub.ExternalTeamID }},
	} {
		if u := must[*slack.User](t)(api.GetUserInfo(c.id)); !c.want(u) {
			t.Errorf("%s = %+v", c.id, u)
		}
	}
	if got := must[[]string](t)(api.GetUserGroupMembers(slackstub.ApproverGroup)); !slices.Equal(got, []string{slackstub.Alice, slackstub.Bob}) {
		t.Errorf("group = %v", got)
	}
	if _, err := api.GetUserGroupMembers("S404"); err == nil || err.Error() != "no_such_subteam" {
		t.Errorf("unknown group: %v", err)
	}
	if err := s.EditGroup(slackstub.ApproverGroup, []string{slackstub.Bob}); err != nil {
		t.Fatal(err)
	}
	if got := must[[]string](t)(api.GetUserGroupMembers(slackstub.ApproverGroup)); !slices.Equal(got, []string{slackstub.Bob}) {
		t.Errorf("group after the edit = %v", got)
	}
}

func TestConversationsTellSharingMembersAndDirectMessages(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	api := client(s)
	c := must[*slack.Channel](t)(api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: slackstub.ChannelShared}))
	if !c.IsExtShared || !c.IsMember {
		t.Errorf("shared channel = %+v", c)
	}
	members, _, err := api.GetUsersInConversation(&slack.GetUsersInConversationParameters{ChannelID: slackstub.ChannelShared, Limit: 200})
	if err != nil || !slices.Contains(members, slackstub.Xena) {
		t.Errorf("members = %v, %v", members, err)
	}
	dm, _, _, err := api.OpenConversation(&slack.OpenConversationParameters{Users: []string{slackstub.Alice}})
	if err != nil || dm.ID[0] != 'D' {
		t.Fatalf("open = %+v, %v", dm, err)
	}
	if _, _, err := api.PostMessage(dm.ID, slack.MsgOptionText("hello", false)); err != nil {
		t.Error(err)
	}
}

func TestHistoryAndRepliesNeedTheirScopeAndLeaveEphemeralsOut(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{Scopes: []string{"chat:write", "channels:history"}})
	api := client(s)
	_, ts, _ := api.PostMessage(slackstub.ChannelAlerts, slack.MsgOptionText("one", false))
	api.PostMessage(slackstub.ChannelAlerts, slack.MsgOptionText("two", false), slack.MsgOptionTS(ts))
	api.PostEphemeral(slackstub.ChannelAlerts, slackstub.Carol, slack.MsgOptionText("secret", false))
	h := must[*slack.GetConversationHistoryResponse](t)(api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: slackstub.ChannelAlerts}))
	if len(h.Messages) != 1 || h.Messages[0].Text != "one" {
		t.Errorf("history = %+v", h.Messages)
	}
	msgs, more, _, err := api.GetConversationReplies(&slack.GetConversationRepliesParameters{ChannelID: slackstub.ChannelAlerts, Timestamp: ts, Limit: 1})
	if err != nil || len(msgs) != 1 || !more {
		t.Errorf("first page = %v more %t err %v", msgs, more, err)
	}
}

func TestAFileGoesUpInThreeStepsIntoAThread(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	api := client(s)
	_, ts, err := api.PostMessage(slackstub.ChannelAlerts, slack.MsgOptionText("card", false))
	if err != nil {
		t.Fatal(err)
	}
	f := must[*slack.FileSummary](t)(api.UploadFile(slack.UploadFileParameters{Filename: "log.txt", FileSize: 11, Content: "panic: boom",
		Channel: slackstub.ChannelAlerts, ThreadTimestamp: ts, Title: "pod log"}))
	if b, ok := s.FileContent(f.ID); !ok || string(b) != "panic: boom" {
		t.Errorf("content = %q", b)
	}
	if th := s.Thread(slackstub.ChannelAlerts, ts); len(th) != 2 || len(th[1].Files) != 1 {
		t.Errorf("thread = %+v", th)
	}
}

func TestUnknownMethodsArgumentsAndBlockFieldsAreProblems(t *testing.T) {
	s := must[*slackstub.Server](t)(slackstub.New(slackstub.Config{}))
	post(t, s, "chat.postMessage", map[string]any{"channel": slackstub.ChannelAlerts, "text": "x", "colour": "red",
		"blocks": []any{map[string]any{"type": "divider", "thickness": 2}}})
	post(t, s, "chat.sing", nil)
	var names []string
	for _, p := range s.Problems() {
		names = append(names, p.Name)
	}
	want := []string{"api.unknown_argument", "blocks.unknown", "api.unknown_method"}
	if !slices.Equal(names, want) {
		t.Errorf("problems = %v, want %v", names, want)
	}
	s.Allow("api.unknown_*")
	if err := s.Close(); err == nil || strings.Contains(err.Error(), "api.") || !strings.Contains(err.Error(), "thickness") {
		t.Errorf("Close() = %v", err)
	}
}

func TestASubscriberLearnsOfAPostBeforeThePosterHasItsAnswer(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	events, cancel := s.Subscribe()
	defer cancel()
	if _, _, err := client(s).PostMessage(slackstub.ChannelAlerts, slack.MsgOptionText("now", false)); err != nil {
		t.Fatal(err)
	}
	answered := time.Now()
	e := take(t, events)
	if e.Kind != slackstub.MessagePosted || e.Message.Text != "now" || e.At.After(answered) {
		t.Errorf("event = %+v, answered at %v", e, answered)
	}
	if c := s.CallsOf("chat.postMessage"); len(c) != 1 || c[0].Took <= 0 || c[0].Args["token"] != nil {
		t.Errorf("calls = %+v", c)
	}
}
