package main

import (
	"context"
	"fmt"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

// expected is what each broken workload's card has to say.
var expected = []struct{ workload, cause string }{
	{"web", "image-not-found"},
	{"cart", "env-var-missing"},
	{"pricing", "configmap-missing"},
	{"payment", "secret-missing"},
	{"report", "oom-killed"},
}

// playAuto plays the person: it waits for the card of the image fault, presses
// Approve as a seeded approver, and waits for the verified result.
func playAuto(ctx context.Context, st *stand.Stand, tell *story) error {
	card, err := st.AwaitCard(ctx, 30*time.Second, namespace, "web", nil)
	if err != nil {
		return fmt.Errorf("no card for the image fault: %w", err)
	}
	tell.say("card: %s", firstLine(card))
	card, err = st.AwaitCard(ctx, 60*time.Second, namespace, "web", stand.HasButton("cs-approve"))
	if err != nil {
		return fmt.Errorf("no Approve button on the card: %w", err)
	}
	tell.say("rehearsed, the card shows the exact change and the button")
	clicked := time.Now()
	result, err := st.Slack.Click(slackstub.Alice, card.Channel, card.TS, "cs-approve", slackstub.ClickOptions{})
	if err != nil {
		return fmt.Errorf("press Approve: %w", err)
	}
	if err := await(ctx, 3*time.Second, func(ctx context.Context) error {
		_, err := st.Slack.WaitAck(ctx, result.ID)
		return err
	}); err != nil {
		return fmt.Errorf("the press was not acknowledged: %w", err)
	}
	tell.say("Alice pressed Approve Fix")
	if _, err := st.AwaitCard(ctx, 150*time.Second, namespace, "web", stand.Says("ecovered")); err != nil {
		return fmt.Errorf("the fix was not verified: %w", err)
	}
	tell.say("recovered, %.0f s after the press", time.Since(clicked).Seconds())
	for _, e := range expected {
		card, err := st.AwaitCard(ctx, 150*time.Second, namespace, e.workload, nil)
		if err != nil {
			return fmt.Errorf("no card for %s (%s): %w", e.workload, e.cause, err)
		}
		tell.say("also announced: %s", firstLine(card))
	}
	return nil
}
