package chat

import (
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestACardIsPostedAndThenUpdatedInPlace(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	story := tell(t).looked(diagnosis())
	at := b.card(story.i)
	if m := b.message(at); !strings.Contains(m.PlainText(), "image not found") || m.Button(approveButton).ActionID != "" {
		t.Errorf("the first card reads:\n%s", m.PlainText())
	}
	story.rehearsing(setImage()).rehearsed().proposed(setImage(), 1, true)
	again, err := b.Card(soon(t), story.i, at)
	if err != nil || again.TS != at.TS || again.Channel != at.Channel {
		t.Fatalf("update: %+v, %v", again, err)
	}
	m := b.message(at)
	want := buttonValue(story.i.ID, story.i.Current().Proposed.Digest)
	for _, id := range []string{approveButton, rejectButton, manualButton} {
		if m.Button(id).Value != want {
			t.Errorf("button %s carries %q, want %q", id, m.Button(id).Value, want)
		}
	}
	if !m.Button(approveButton).Confirm || m.Button(approveButton).Style != "primary" {
		t.Errorf("the approve button: %+v", m.Button(approveButton))
	}
	if text := m.PlainText(); !strings.Contains(text, "Alice Moreau (U0000ALICE)") || !strings.Contains(text, "group oncall-approvers") {
		t.Errorf("the card does not name who may press:\n%s", text)
	}
	if n := len(b.stub.Messages(slackstub.ChannelAlerts)); n != 1 {
		t.Errorf("%d messages stand in the channel", n)
	}
}

func TestANoteGoesIntoTheThreadOfTheCard(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	at := b.card(tell(t).looked(diagnosis()).i)
	ts, err := b.Note(soon(t), at, incident.Note{Text: redact.Literal("Rejected by <!channel> & <@U0000ALICE>.")})
	if err != nil {
		t.Fatal(err)
	}
	thread := b.stub.Thread(at.Channel, at.TS)
	if len(thread) == 0 || thread[len(thread)-1].TS != ts {
		t.Fatalf("the thread: %+v", thread)
	}
	note := thread[len(thread)-1]
	if note.Text != "Rejected by &lt;!channel&gt; &amp; &lt;@U0000ALICE&gt;." || note.PlainText() != "Rejected by <!channel> & <@U0000ALICE>." {
		t.Errorf("the note is %q, read as %q", note.Text, note.PlainText())
	}
}

func TestAWhisperReachesOnePersonAlsoWithoutAReplyAddress(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	at := b.card(offered(t, 1, true).i)
	b.press(slackstub.Carol, at, approveButton)
	c := b.click()
	c.Ack(soon(t))
	without := c.Clicked
	without.ReplyURL = "https://evil.example/response/x"
	for _, click := range []incident.Clicked{c.Clicked, without} {
		if err := b.Whisper(soon(t), click, redact.Literal("you are no approver here")); err != nil {
			t.Fatal(err)
		}
	}
	shown := 0
	for _, m := range b.stub.Messages(at.Channel) {
		if m.Ephemeral && m.EphemeralTo == slackstub.Carol && strings.Contains(m.PlainText(), "no approver") {
			shown++
		}
	}
	if shown != 2 {
		t.Errorf("Carol was told %d times", shown)
	}
}

func TestACardThatSomebodyDeletedIsPostedAgain(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	story := offered(t, 1, true)
	at := b.card(story.i)
	if _, _, err := b.api.DeleteMessage(at.Channel, at.TS); err != nil {
		t.Fatal(err)
	}
	again, err := b.Card(soon(t), story.i, at)
	if err != nil || again.TS == "" || again.TS == at.TS || b.message(again).Button(approveButton).Value == "" {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := b.Note(soon(t), at, incident.Note{Text: redact.Literal("told all the same")}); err != nil {
		t.Errorf("a note under a deleted card: %v", err)
	}
}

func TestAChannelThatBecomesSharedGetsNoButtons(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	story := offered(t, 1, true)
	b.stub.Raise(map[string]any{"type": "channel_shared", "channel": slackstub.ChannelAlerts, "connected_team_id": slackstub.ExternalTeamID})
	until(t, "the event", b.shared.Load)
	if m := b.message(b.card(story.i)); len(m.Elements()) != 0 || !strings.Contains(m.PlainText(), "another organisation") {
		t.Errorf("the card reads:\n%s", m.PlainText())
	}
}
