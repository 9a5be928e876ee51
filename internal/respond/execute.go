package respond

import (
	"context"
	"errors"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/redact"
)

// undoes reports whether the object is still what the execution to be undone
// left behind.
func undoes(i incident.Incident, cur *incident.Attempt) bool {
	for _, a := range i.Attempts {
		if a.Launched != nil && a.Launched.Job == cur.Rehearsal.Undo {
			return a.Executed != nil && a.Executed.Report.After != "" && a.Executed.Report.After == cur.Report.Before
		}
	}
	return false
}

// launch writes the order down. report creates the Job from what is written.
func (g *GateEffects) launch(ctx context.Context, i incident.Incident) ([]incident.Body, error) {
	cur := i.Current()
	clock, err := g.Launcher.ServerNow(ctx)
	if err != nil {
		return nil, err
	}
	if !clock.Before(cur.Proposed.Terms.ExpiresAt) {
		// Approved in time, but a crash or an outage kept the order back.
		return []incident.Body{&incident.Lapsed{Digest: cur.Proposed.Digest, Why: "expired"}}, nil
	}
	name, err := action.JobName(action.Apply, cur.Proposed.Terms, 0)
	if err != nil {
		return nil, err
	}
	order := action.Order{
		Execution: name, Incident: string(i.ID), Mode: action.Apply, Terms: cur.Proposed.Terms,
		Decision: cur.Decided.Decision.InputDigest, After: cur.Report.After,
		ExpiresAt: clock.Add(action.OrderLife).UTC().Truncate(time.Second),
	}
	if order.Terms.Stamped {
		order.Stamps = &action.Stamps{Incident: string(i.ID), At: clock.UTC().Truncate(time.Second), ApprovedBy: approvedBy(cur)}
	}
	for _, v := range cur.Approvals() {
		if v.Signature != nil {
			order.Signatures = append(order.Signatures, *v.Signature)
		}
	}
	if len(order.Signatures) > 0 && order.Stamps == nil {
		order.ApprovedBy = approvedBy(cur)
	}
	if order, err = order.Sign(g.Key); err != nil {
		return nil, err
	}
	text, err := order.Encode()
	if err != nil {
		return nil, err
	}
	return []incident.Body{&incident.Launched{Digest: cur.Proposed.Digest, Job: name, Order: text, ExpiresAt: order.ExpiresAt}}, nil
}

func approvedBy(cur *incident.Attempt) (ids []string) {
	for _, v := range cur.Approvals() {
		ids = append(ids, v.Person.ID)
	}
	return ids
}

// report makes sure that the execution's Job exists and reads its end.
func (g *GateEffects) report(ctx context.Context, i incident.Incident) ([]incident.Body, error) {
	cur := i.Current()
	report, done, err := g.follow(ctx, action.Apply, cur.Launched.Job, cur.Launched.Order, cur.Launched.ExpiresAt)
	if err != nil || !done {
		return nil, err
	}
	if report.State == incident.StateLost {
		report.Before, report.After = cur.Report.Before, cur.Report.After
	}
	return []incident.Body{&incident.Executed{Job: cur.Launched.Job, Report: report}}, nil
}

// follow creates the Job of an order that was written down, as often as it is
// asked until the order expires (the Job's name makes it one), and reads how it
// ended. A Job that is gone without a report is lost.
func (g *GateEffects) follow(ctx context.Context, mode action.Mode, job, text string, expires time.Time) (incident.ExecutorReport, bool, error) {
	end, done, err := g.Launcher.Look(ctx, job)
	switch {
	case err == nil && done:
		return toReport(job, mode, end), true, nil
	case err == nil:
		return incident.ExecutorReport{}, false, nil
	case !errors.Is(err, jobs.ErrNoJob):
		return incident.ExecutorReport{}, false, err
	}
	clock, err := g.Launcher.ServerNow(ctx)
	if err != nil {
		return incident.ExecutorReport{}, false, err
	}
	if !clock.Before(expires) {
		return lost(mode), true, nil
	}
	halt := g.Rules.Halted()
	if halt == "" {
		if halt, err = g.Fresh(ctx); err != nil {
			return incident.ExecutorReport{}, false, err
		}
	}
	if halt != "" {
		// No Job is created during a halt. Another gate may have created this
		// one before: its end, or the order's expiry, tells.
		return incident.ExecutorReport{}, false, nil
	}
	order, err := action.DecodeOrder(text)
	if err != nil {
		return incident.ExecutorReport{}, false, err
	}
	_, err = g.Launcher.Launch(ctx, order)
	var (
		refused  *jobs.RefusedError
		conflict *jobs.ConflictError
	)
	switch {
	case errors.As(err, &refused):
		return incident.ExecutorReport{State: incident.StateRefused, Code: "job-refused", Reason: refused.Reason}, true, nil
	case errors.As(err, &conflict) && !conflict.Gone:
		return incident.ExecutorReport{State: incident.StateRefused, Code: "job-conflict", Reason: redact.Literal("a Job of this name exists with another order")}, true, nil
	case errors.Is(err, jobs.ErrExpired), errors.As(err, &conflict):
		return lost(mode), true, nil
	}
	return incident.ExecutorReport{}, false, err
}

// lost is the report of an order that expired without a Job to tell of it. A
// rehearsal cannot have changed anything.
func lost(mode action.Mode) incident.ExecutorReport {
	reason := redact.Literal("the order expired and no Job tells what became of it")
	if mode == action.Apply {
		return incident.ExecutorReport{State: incident.StateLost, Code: "lost", Reason: reason}
	}
	return incident.ExecutorReport{State: incident.StateFailed, Code: "lost", Reason: reason}
}
