package chat

import (
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// What a form says is as harmless as the card, and Slack takes it.
func TestNoOfferMakesAFormThatSlackRefusesOrThatIsLive(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rounds := 1000
	if *long {
		rounds = 100_000
	}
	d, opened := roll(seed), 0
	for n := range rounds {
		i := offerOf(t, d.action(), d.hash())
		if p := i.Current().Proposed.Terms.Action.Params.SetImage; p != nil && d.IntN(3) == 0 {
			p.From = d.junk()
		}
		verb := pick(d, incident.Approve, incident.Edit)
		digest := i.Current().Proposed.Digest
		form, params, err := formFor(incident.Clicked{Verb: verb, Digest: digest}, i)
		if err != nil {
			continue
		}
		meta := formMeta{Incident: i.ID, Digest: digest, Verb: verb, Channel: "C0000ALERT", Message: "1.1", User: "U1", Team: "T1", Params: params}
		if err := (seal{key: cardKey(), team: "T1"}).signForm(form, meta); err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, n, err)
		}
		opened++
		if err := validForm(encodeBlocks(t, form)); err != nil {
			t.Fatalf("seed %d, round %d: %v", seed, n, err)
		}
	}
	t.Logf("%d offers, %d forms, seed %d", rounds, opened, seed)
	if opened < rounds/3 {
		t.Errorf("only %d of %d offers had a form", opened, rounds)
	}
}
