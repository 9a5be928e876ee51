package app

import (
	"context"
	"fmt"
	"io"
	"sort"
	"text/tabwriter"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// IncidentList writes one line an incident, newest first.
func IncidentList(ctx context.Context, s Settings, w io.Writer) error {
	var cleanup stack
	defer cleanup.unwind()
	st, err := readStore(ctx, s, &cleanup)
	if err != nil {
		return err
	}
	ids, err := st.Live(ctx, 365*24*time.Hour)
	if err != nil {
		return err
	}
	var all []incident.Incident
	for _, id := range ids {
		records, err := st.After(ctx, id, 0)
		if err != nil {
			return err
		}
		i, _ := incident.Replay(records, nil)
		all = append(all, i)
	}
	sort.Slice(all, func(a, b int) bool { return all[a].OpenedAt.After(all[b].OpenedAt) })
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tOPENED\tNAMESPACE\tOBJECT\tCAUSE\tSTATE")
	for _, i := range all {
		object, cause := listed(i)
		state := "open"
		if i.Closed != "" {
			state = "closed: " + i.Closed
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", i.ID, i.OpenedAt.Format(time.RFC3339), i.Subject.Namespace, object, cause, state)
	}
	return out.Flush()
}

// listed is what a stream is about; some are no incident.
func listed(i incident.Incident) (object, cause string) {
	switch {
	case i.Steered != nil:
		return "(steered)", string(i.Steered.What)
	case i.Storm != nil:
		return "(storm)", fmt.Sprintf("%d findings wait for a card", i.Storm.Waiting)
	case i.Diagnosis != nil:
		return i.Subject.String(), string(i.Diagnosis.Cause)
	}
	return i.Subject.String(), string(incident.Unknown)
}

// IncidentExport writes one incident's records as JSON lines.
func IncidentExport(ctx context.Context, s Settings, id string, w io.Writer) error {
	var cleanup stack
	defer cleanup.unwind()
	st, err := readStore(ctx, s, &cleanup)
	if err != nil {
		return err
	}
	records, err := st.After(ctx, incident.ID(id), 0)
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return fmt.Errorf("the store has no incident %q (countersign incident list)", id)
	}
	for _, r := range records {
		if _, err := fmt.Fprintf(w, "%s\n", r.Raw); err != nil {
			return err
		}
	}
	return nil
}
