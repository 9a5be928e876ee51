package chat

import (
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestWiderSentencesThatDoNotFitCannotBeAgreedTo(t *testing.T) {
	long, many := widerPolicy(), widerPolicy()
	long.Wider = []redact.Text{redact.Name("a"), filter.Redact(strings.Repeat("and more ", 100))}
	for range maxWider + 1 {
		many.Wider = append(many.Wider, redact.Literal("one thing more"))
	}
	for name, s := range map[string]incident.Steered{"a sentence that is too long": long, "too many sentences": many} {
		blocks, _ := Render(steer(t, s).i, approveMode())
		raw := string(encodeBlocks(t, blocks))
		if strings.Contains(raw, approveButton) || !strings.Contains(raw, rejectButton) || !strings.Contains(raw, "nobody can agree to it here") {
			t.Errorf("%s: the card is\n%s", name, readable(t, []byte(raw)))
		}
	}
}

func TestAPressOnWhatWasSteeredIsGenuineAndAnEditedCardIsNot(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := connected(t, stub)
	i := steer(t, widerPolicy()).i
	at := b.card(i)
	for button, verb := range map[string]incident.Verb{approveButton: incident.Approve, rejectButton: incident.Reject} {
		b.press(slackstub.Bob, at, button)
		c := b.click()
		c.Ack(soon(t))
		if c.Incident != i.ID || c.Clicked.Verb != verb || c.Clicked.Digest != i.Steered.New || !c.Clicked.Genuine || c.Clicked.Message != at.TS {
			t.Errorf("%s: %+v", button, c)
		}
	}
	raw := encodeBlocks(t, b.message(at).Blocks)
	seal := b.message(at).Button(approveButton).BlockID
	value := buttonValue(i.ID, i.Steered.New)
	if !ourSeal().genuine(raw, seal, approveButton, value) {
		t.Error("the card as it was posted is not genuine")
	}
	// A sentence on what becomes easier is sealed to the last sign.
	for from, to := range map[string]string{"3 → 30": "3 → 3", "adds U0000CAROL": "adds U0000CAROL?", "What it makes easier": "What it makes harder", "dddddddddddd": "eeeeeeeeeeee"} {
		if ourSeal().genuine([]byte(strings.ReplaceAll(string(raw), from, to)), seal, approveButton, value) {
			t.Errorf("with %q for %q it is genuine", to, from)
		}
	}
}

func TestAReviewIsAPressOfItsOwnWithTheDigestOfTheChange(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	i := offered(t, 2, true).usedGlass().launched().i
	at := b.card(i)
	b.press(slackstub.Bob, at, reviewButton)
	c := b.click()
	c.Ack(soon(t))
	if c.Clicked.Verb != incident.Review || c.Clicked.Digest != i.GlassUsed || !c.Clicked.Genuine {
		t.Errorf("%+v", c)
	}
}
