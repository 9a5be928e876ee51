package respond

import (
	"context"
	"errors"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/triage"
)

// SignalConfig is what TakeSignals goes by.
type SignalConfig struct {
	Cluster string // tells one cluster's objects from another's
	Scope   triage.Scope
	Quiet   time.Duration
}

// TakeSignals opens and merges incidents from what the watcher sees, until ctx
// ends or the channel closes. A signal is a state that stands, so it is not
// dropped while the store is away.
func (r *Responder) TakeSignals(ctx context.Context, cfg SignalConfig, signals <-chan incident.Signal) {
	priors := r.recall(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case s, ok := <-signals:
			if !ok {
				return
			}
			for try := 0; ctx.Err() == nil; try++ {
				err := r.take(ctx, cfg, s, priors)
				var forged *UntrustedError
				if errors.As(err, &forged) {
					// Waiting would hold up every other signal.
					r.cfg.Log.Error("a signal was dropped: its incident is not trusted", "subject", s.Subject.String(), "err", err)
					break
				}
				if err == nil {
					break
				}
				r.cfg.Log.Warn("a signal could not be taken, will be tried again", "subject", s.Subject.String(), "err", err)
				pause(ctx, min(time.Duration(1<<min(try, 5))*250*time.Millisecond, 5*time.Second))
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// priors remembers the last incident of each subject. It is a hint: the store
// decides whether a fingerprint has an open incident.
type priors map[string]incident.ID

func (r *Responder) recall(ctx context.Context) priors {
	known := priors{}
	ids, err := r.cfg.Store.Live(ctx, time.Hour)
	if err != nil {
		r.cfg.Log.Warn("earlier incidents could not be listed", "err", err)
		return known
	}
	latest := map[string]time.Time{}
	for _, id := range ids {
		i, err := r.Load(ctx, id)
		if err != nil || i.Fingerprint == "" || i.OpenedAt.Before(latest[i.Fingerprint]) {
			continue
		}
		known[i.Fingerprint], latest[i.Fingerprint] = id, i.OpenedAt
	}
	return known
}

func (r *Responder) take(ctx context.Context, cfg SignalConfig, s incident.Signal, known priors) error {
	fingerprint, now := triage.Fingerprint(cfg.Cluster, s.Subject), r.cfg.Now()
	view := triage.View{Quiet: cfg.Quiet, Scope: cfg.Scope}
	if id, ok := known[fingerprint]; ok {
		i, err := r.Load(ctx, id)
		var forged *UntrustedError
		switch {
		case errors.As(err, &forged), err == nil && i.ID == "":
			delete(known, fingerprint) // lost or forged: ask the store what is open
		case err != nil:
			return err
		case i.Closed == "":
			view.Open = triage.PriorOf(i)
		default:
			view.Last = triage.PriorOf(i)
		}
	}
	d := triage.Decide(s, view, now)
	r.cfg.Log.Debug("signal", "verdict", d.Verdict.String(), "reason", d.Reason, "symptom", s.Symptom, "subject", s.Subject.String())
	switch d.Verdict {
	case triage.Ignore:
		return nil
	case triage.Merge:
		return r.Append(ctx, d.Into, &incident.Signalled{Signal: s})
	case triage.Open:
		id, opened, err := r.Open(ctx, triage.NewID(fingerprint, now), fingerprint,
			&incident.Opened{Fingerprint: fingerprint, Signal: s, QuietUntil: d.QuietUntil})
		if err != nil {
			return err
		}
		known[fingerprint] = id
		if !opened { // another replica was first: merge what it does not have
			if _, err := r.Load(ctx, id); err != nil {
				return err
			}
			return r.take(ctx, cfg, s, known)
		}
	}
	return nil
}
