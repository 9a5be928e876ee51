package respond

import (
	"context"
	"log/slog"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// Store keeps incidents' records.
type Store interface {
	// Open appends the first record of an incident, unless fingerprint has an
	// open one, whose id it then returns. An empty fingerprint always opens.
	Open(ctx context.Context, fingerprint string, first incident.Record) (existing incident.ID, opened bool, err error)
	// Append adds records after the given version, all or none;
	// incident.ErrConflict when the incident has moved on.
	Append(ctx context.Context, after int, records ...incident.Record) error
	// After returns the incident's records after the first n; none for an
	// unknown one.
	After(ctx context.Context, id incident.ID, n int) ([]incident.Record, error)
	// Live lists the incidents that are open or were closed within keep.
	Live(ctx context.Context, keep time.Duration) ([]incident.ID, error)
	// Changes delivers the ids of incidents that somebody appended to, until
	// ctx ends. Ids may repeat and coalesce; none is lost.
	Changes(ctx context.Context) (<-chan incident.ID, error)
}

// Effects runs the steps of one role. It returns the bodies of the events to
// append, in their order; none when there is nothing to say yet.
type Effects interface {
	Run(ctx context.Context, i incident.Incident, step incident.Step, now time.Time) ([]incident.Body, error)
}

// Config of a Responder.
type Config struct {
	Role    incident.Role
	Store   Store
	Effects Effects
	Rules   incident.Rules
	Sealer  *incident.Sealer // the gate's; nil for the watcher
	// Vouch waits until what was appended cannot be lost unnoticed any more. The
	// gate acknowledges no press before.
	Vouch func(ctx context.Context) error
	// Distrust tells people once that the records of an incident are not to be
	// trusted any more. i is what it was when they were. Nil tells nobody.
	Distrust func(ctx context.Context, i incident.Incident) error
	Now      func() time.Time
	Log      *slog.Logger
	Workers  int           // concurrent steps; 8 when zero
	Timeout  time.Duration // of one step; 300 s when zero
}
