package app

import (
	"context"
	"fmt"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// IncidentCase reads one incident out of the store as a case.
func IncidentCase(ctx context.Context, s Settings, id string) (Case, error) {
	var cleanup stack
	defer cleanup.unwind()
	st, err := readStore(ctx, s, &cleanup)
	if err != nil {
		return Case{}, err
	}
	i, records, err := readIncident(ctx, st, s, id)
	if err != nil {
		return Case{}, err
	}
	if !i.Judgeable() {
		return Case{}, fmt.Errorf("%s is no incident that was looked into, so that there is nothing to make a case of", id)
	}
	return caseOf(i, records)
}

// readIncident rebuilds an incident. Its seals are checked where the settings
// name the gate's keys.
func readIncident(ctx context.Context, st storage, s Settings, id string) (incident.Incident, []incident.Record, error) {
	records, err := st.After(ctx, incident.ID(id), 0)
	if err != nil {
		return incident.Incident{}, nil, err
	}
	if len(records) == 0 {
		return incident.Incident{}, nil, fmt.Errorf("the store has no incident %q (countersign incident list)", id)
	}
	var sealer *incident.Sealer
	if keys, err := LoadKeys(s.KeysDir); err == nil {
		sealer = &incident.Sealer{Key: keys.Seal}
	}
	i, bad := incident.Replay(records, sealer)
	if len(bad) > 0 {
		return incident.Incident{}, nil, fmt.Errorf("incident %s: record %d is not trusted: %s", id, bad[0].Version, bad[0].Reason)
	}
	return i, records, nil
}

func caseOf(i incident.Incident, records []incident.Record) (Case, error) {
	d := i.Diagnosis
	c := Case{
		Version: caseVersion, Incident: i.ID, Subject: i.Subject, OpenedAt: i.OpenedAt, Evidence: i.Evidence, Expected: expected(i),
		Diagnosis: Diagnosed{Cause: d.Cause, Root: d.Root, Rule: d.Rule, Summary: d.Summary},
		Missing:   redact.Literal("nothing was kept: it was over before its card stood, or it is of a release before there were verdicts"),
	}
	kept, err := keptOf(i, records)
	if err != nil || kept == nil {
		return c, err
	}
	c.Subject, c.Snapshot, c.Missing = kept.Subject, kept.Snapshot, kept.Missing
	if kept.Cause != d.Cause || !kept.Root.Same(d.Root) {
		c.Diagnosis = Diagnosed{Cause: kept.Cause, Root: kept.Root, Rule: kept.Rule}
	}
	return c, nil
}

// keptOf is what was kept for the claim that the last verdict on any is about:
// while a fault goes away there is often a moment in which nothing is claimed.
// Without verdicts it is that of what the rules say now, and the last where
// nothing fits.
func keptOf(i incident.Incident, records []incident.Record) (*incident.Kept, error) {
	if len(i.Kept) == 0 {
		return nil, nil
	}
	want := incident.Claim{Cause: i.Diagnosis.Cause, Root: i.Diagnosis.Root}
	for _, v := range i.Verdicts {
		if v.Of.Cause != "" {
			want = v.Of
		}
	}
	version := i.Kept[len(i.Kept)-1].Version
	for _, k := range i.Kept {
		if k.Of.Names(want.Cause, want.Root) {
			version = k.Version
		}
	}
	event, err := incident.Decode(records[version-1].Raw)
	if err != nil {
		return nil, err
	}
	kept, ok := event.Body.(*incident.Kept)
	if !ok {
		return nil, fmt.Errorf("incident %s: record %d holds no snapshot", i.ID, version)
	}
	return kept, nil
}
