package respond

import (
	"context"
	"fmt"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

func (g *GateEffects) card(ctx context.Context, i incident.Incident) ([]incident.Body, error) {
	_, posted := i.Thread()
	switch {
	case posted:
		g.Gather.See(i)
	case g.Gather.Joins(i), !g.Cards.Admit(i):
		return nil, nil // it asks again in a while; another card names or counts it
	}
	at, err := g.Thread.Card(ctx, i, i.Slots[incident.CardSlot])
	if err != nil {
		return nil, fmt.Errorf("card: %w", err)
	}
	g.Gather.Told(i.ID)
	at.Slot, at.Revision = incident.CardSlot, i.Revision
	return []incident.Body{&at}, nil
}

func (g *GateEffects) note(ctx context.Context, i incident.Incident, slot string) ([]incident.Body, error) {
	card, ok := i.Thread()
	if !ok {
		return nil, nil
	}
	for _, n := range i.Notes {
		if n.Slot != slot {
			continue
		}
		ts, err := g.Thread.Note(ctx, card, n)
		if err != nil {
			return nil, fmt.Errorf("note: %w", err)
		}
		return []incident.Body{&incident.Posted{Slot: slot, Channel: card.Channel, TS: ts}}, nil
	}
	return nil, fmt.Errorf("the incident has no note %s", slot)
}

// Distrust says in the thread that nothing more is done about an incident.
func (g *GateEffects) Distrust(ctx context.Context, i incident.Incident) error {
	card, posted := i.Thread()
	if !posted {
		return nil // nobody has heard of it
	}
	_, err := g.Thread.Note(ctx, card, incident.Note{Slot: "distrust", Text: distrusted})
	return err
}

var distrusted = redact.Literal("The store's records of this incident are not those that were written or read before: they were lost or changed. " +
	"The card above may be wrong. Nothing is done and no press counts here until an operator has read the gate's log.")
