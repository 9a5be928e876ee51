package respond

import (
	"context"
	"errors"
	"fmt"

	"github.com/countersign-dev/countersign/internal/incident"
)

// Load reads an incident and folds its records. What is not authentic is left
// out and said in the log.
func (r *Responder) Load(ctx context.Context, id incident.ID) (incident.Incident, error) {
	// In this order: what is known must never be younger than what is read.
	r.mu.Lock()
	known := r.known[id]
	r.mu.Unlock()
	// The last one again: it has to be the same still.
	records, err := r.cfg.Store.After(ctx, id, max(known.Version-1, 0))
	if err != nil {
		return incident.Incident{}, err
	}
	i, bad := known.Follow(records, r.cfg.Sealer)
	if i.ID != "" && i.ID != id {
		// Every record of it may be authentic, in the place where it belongs.
		bad = []incident.Untrusted{{Version: 1, Reason: "the records are another incident's"}}
	}
	if len(bad) > 0 {
		return incident.Incident{}, &UntrustedError{Incident: id, Records: bad}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case i.Closed != "":
		delete(r.known, id) // nobody would forget it later
	case i.Version > r.known[id].Version:
		r.known[id] = i
	}
	return i, nil
}

// UntrustedError says that an incident's records are not what their authors
// wrote. Nothing is executed on such an incident.
type UntrustedError struct {
	Incident incident.ID
	Records  []incident.Untrusted
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("incident %s: record %d is not trusted: %s", e.Incident, e.Records[0].Version, e.Records[0].Reason)
}

// appendTries bounds how often a lost race is run again; each loss means that
// another lane has made progress.
const appendTries = 16

// Append adds the bodies to the incident, in their order, all or none. When
// another append wins the race, the incident is read again and the bodies are
// tried on what it has become; what no longer fits is an error.
func (r *Responder) Append(ctx context.Context, id incident.ID, bodies ...incident.Body) error {
	for range appendTries {
		i, err := r.Load(ctx, id)
		if err != nil {
			return err
		}
		records, err := r.records(i, bodies)
		if err != nil {
			return err
		}
		err = r.cfg.Store.Append(ctx, i.Version, records...)
		if !errors.Is(err, incident.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("incident %s: %w", id, incident.ErrConflict)
}

// records seals the bodies as the events that follow i, after trying them.
func (r *Responder) records(i incident.Incident, bodies []incident.Body) ([]incident.Record, error) {
	now := r.cfg.Now()
	records := make([]incident.Record, 0, len(bodies))
	for _, b := range bodies {
		rec, err := incident.Next(i.ID, i.Version, i.Head, r.cfg.Role, b, now, r.cfg.Sealer)
		if err != nil {
			return nil, err
		}
		event, err := incident.Decode(rec.Raw)
		if err != nil {
			return nil, err
		}
		next, err := i.Apply(event)
		if err != nil {
			return nil, fmt.Errorf("incident %s: %w", i.ID, err)
		}
		next.Version, next.Head = rec.Version, rec.Hash()
		i = next
		records = append(records, rec)
	}
	return records, nil
}

// Open starts an incident with its first event, unless fingerprint has an open
// one, whose id is returned.
func (r *Responder) Open(ctx context.Context, id incident.ID, fingerprint string, body incident.Body) (incident.ID, bool, error) {
	first, err := incident.Next(id, 0, "", r.cfg.Role, body, r.cfg.Now(), r.cfg.Sealer)
	if err != nil {
		return "", false, err
	}
	existing, opened, err := r.cfg.Store.Open(ctx, fingerprint, first)
	if err != nil {
		return "", false, fmt.Errorf("open incident: %w", err)
	}
	if opened {
		return id, true, nil
	}
	return existing, false, nil
}
