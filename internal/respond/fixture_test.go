package respond

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/remediate"
	"github.com/countersign-dev/countersign/internal/store"
	"github.com/countersign-dev/countersign/policies"
)

var (
	noon   = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	web    = action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "11111111-2222-3333-4444-555555555555"}
	before = action.Hash(strings.Repeat("a", 64))
	after  = action.Hash(strings.Repeat("b", 64))
	sealer = &incident.Sealer{Key: []byte(strings.Repeat("k", 32)), Epoch: 1}
	silent = slog.New(slog.DiscardHandler)
	alice  = incident.Person{ID: "U1", Team: "T1", Name: redact.Literal("Alice")}
	bob    = incident.Person{ID: "U2", Team: "T1", Name: redact.Literal("Bob")}
	carol  = incident.Person{ID: "U3", Team: "T1", Name: redact.Literal("Carol")}
)

const theID incident.ID = "i000000000001"

// thread is the card's place, and Slack's word on who somebody is.
type thread struct {
	err      error
	strange  map[string]redact.Text // why a person is no full member
	whispers []string
	notes    []string
	asked    []chat.Click
	askErr   error
}

func (t *thread) Card(context.Context, incident.Incident, incident.Posted) (incident.Posted, error) {
	return incident.Posted{Channel: "C1", TS: "1.1"}, t.err
}

func (t *thread) Note(_ context.Context, _ incident.Posted, n incident.Note) (string, error) {
	t.notes = append(t.notes, n.Text.String())
	return "1.2", t.err
}

func (t *thread) Whisper(_ context.Context, _ incident.Clicked, text redact.Text) error {
	t.whispers = append(t.whispers, text.String())
	return nil
}

func (t *thread) Ask(_ context.Context, c chat.Click, _ incident.Incident) error {
	t.asked = append(t.asked, c)
	return t.askErr
}

func (t *thread) Identify(_ context.Context, p incident.Person) (incident.Identity, error) {
	why, strange := t.strange[p.ID]
	return incident.Identity{Person: p, Member: !strange, Why: why}, t.err
}

func (t *thread) told() string {
	if len(t.whispers) == 0 {
		return ""
	}
	return t.whispers[len(t.whispers)-1]
}

// launcher holds Jobs in memory; end is what becomes of each.
type launcher struct {
	clock    func() time.Time
	clockErr error
	ends     map[string]jobs.Finished
	jobs     map[string]action.Order
	launches int
	err      error // of the next launches
	lookErr  error
}

func (l *launcher) Launch(_ context.Context, o action.Order) (jobs.Launched, error) {
	l.launches++
	if l.err != nil {
		return jobs.Launched{}, l.err
	}
	l.jobs[o.Execution] = o
	return jobs.Launched{Name: o.Execution}, nil
}

func (l *launcher) Look(_ context.Context, job string) (jobs.Finished, bool, error) {
	if l.lookErr != nil {
		return jobs.Finished{}, false, l.lookErr
	}
	if end, ok := l.ends[job]; ok {
		return end, true, nil
	}
	if _, ok := l.jobs[job]; ok {
		return jobs.Finished{}, false, nil
	}
	return jobs.Finished{}, false, jobs.ErrNoJob
}

func (l *launcher) ServerNow(context.Context) (time.Time, error) { return l.clock(), l.clockErr }

// world is one incident with a gate and a watcher that act only when told to.
type world struct {
	t        *testing.T
	now      time.Time
	store    *store.File
	gate     *Responder
	watcher  *Responder
	effects  *GateEffects
	thread   *thread
	launcher *launcher
	clicks   int
	halt     string // what is in memory
	fresh    string // what the cluster says at that moment

	unvouched error // why the audit log is not anchored
}

func newWorld(t *testing.T, set func(*policy.Settings)) *world {
	t.Helper()
	w := &world{t: t, now: noon, thread: &thread{strange: map[string]redact.Text{}}}
	clock := func() time.Time { return w.now }
	w.store = store.Memory(clock)
	w.launcher = &launcher{clock: clock, ends: map[string]jobs.Finished{}, jobs: map[string]action.Order{}}
	rules := incident.Rules{
		Timing: incident.DefaultTiming(), Mode: func(string) incident.Mode { return incident.ModeApprove },
		Halt: func() string { return w.halt }, Policy: func() action.Hash { return w.effects.Policy.Digest() },
	}
	w.effects = &GateEffects{
		Thread: w.thread, Policy: engine(t, set), Launcher: w.launcher, Rules: rules,
		Key:     action.SigningKey{ID: "k1", Private: ed25519.NewKeyFromSeed(make([]byte, 32))},
		History: func(context.Context) ([]policy.Execution, error) { return nil, nil },
		Fresh:   func(context.Context) (string, error) { return w.fresh, nil },
		Cards:   &Cards{PerHour: 60, Now: clock},
		Gather:  &Gather{Now: clock},
	}
	w.gate = New(Config{Role: incident.Gate, Store: w.store, Effects: w.effects, Rules: rules, Sealer: sealer, Now: clock, Log: silent,
		Vouch: func(ctx context.Context) error { return errors.Join(w.unvouched, ctx.Err()) }})
	w.watcher = New(Config{Role: incident.Watcher, Store: w.store, Rules: rules, Now: clock, Log: silent})
	t.Cleanup(w.gate.queue.ShutDown)
	t.Cleanup(w.watcher.queue.ShutDown)
	return w
}

// engine is the real policy with alice and bob as approvers.
func engine(t *testing.T, set func(*policy.Settings)) *policy.Engine {
	t.Helper()
	s := policy.DefaultSettings()
	s.Approvers["*"] = []string{"U1", "U2"}
	if set != nil {
		set(&s)
	}
	e, err := policy.New(t.Context(), policies.Source, s, redact.New(redact.Config{}))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (w *world) load() incident.Incident {
	w.t.Helper()
	i, err := w.gate.Load(w.t.Context(), theID)
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

func (w *world) says(r *Responder, bodies ...incident.Body) {
	w.t.Helper()
	if err := r.Append(w.t.Context(), theID, bodies...); err != nil {
		w.t.Fatal(err)
	}
}

// act does the step that is due in the gate's lane Act, and fails unless it is
// the one that is expected.
func (w *world) act(want incident.Do) {
	w.t.Helper()
	if err := w.try(want); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) try(want incident.Do) error {
	w.t.Helper()
	i := w.load()
	steps, _ := w.effects.Rules.Due(i, incident.Gate, w.now, func(string) time.Time { return time.Time{} })
	for _, step := range steps {
		if step.Lane == incident.Act && step.Do == want {
			return w.gate.run(w.t.Context(), i, step, w.now)
		}
	}
	w.t.Fatalf("step %d is not due, but %+v", want, steps)
	return nil
}

func fixImage() incident.Candidate {
	return incident.Candidate{Action: action.Action{Kind: action.SetImage, Target: web, Params: action.Params{
		SetImage: &action.SetImageParams{Container: "web", From: "shop/web:2", To: "shop/web:1"},
	}}}
}

func signal() incident.Signal {
	return incident.Signal{Symptom: incident.SymptomImagePull, Object: web, Subject: web}
}

func (w *world) opened() {
	w.t.Helper()
	if _, _, err := w.watcher.Open(w.t.Context(), theID, "f", &incident.Opened{Fingerprint: "f", Signal: signal()}); err != nil {
		w.t.Fatal(err)
	}
}

// announced is an incident whose card stands.
func (w *world) announced() {
	w.t.Helper()
	w.opened()
	w.says(w.watcher, &incident.Collected{Digest: before, Diagnosis: incident.Diagnosis{
		Cause: incident.ImageNotFound, Root: web, Object: web, Candidates: []incident.Candidate{fixImage()}, Desired: 2,
		Confidence: incident.Confidence{Value: 0.95, Lower: 0.9, Measured: true},
	}})
	w.says(w.gate, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1", Revision: 1})
}

// ended is what a Job leaves behind that reports r.
func ended(r remediate.Result) jobs.Finished {
	r.Version = remediate.Version
	return jobs.Finished{Name: r.Execution, Ending: jobs.Exited, Message: r.Encode()}
}

// offered goes through planning, rehearsal and proposal.
func (w *world) offered() action.Hash {
	w.t.Helper()
	w.announced()
	w.rehearsed(before, after)
	w.act(incident.DoPropose)
	cur := w.load().Current()
	if cur.Proposed == nil {
		w.t.Fatalf("withheld: %v", cur.Reasons)
	}
	return cur.Proposed.Digest
}

func (w *world) rehearsed(from, to action.Hash) {
	w.t.Helper()
	w.act(incident.DoPlan)
	w.act(incident.DoRehearsal) // creates the Job
	job := w.load().Current().Rehearsal.Job
	w.launcher.ends[job] = ended(remediate.Result{
		Execution: job, Mode: action.Rehearse, State: remediate.Rehearsed, UID: web.UID, Before: from, After: to,
	})
	w.act(incident.DoRehearsal)
}

// press writes a click down and judges it.
func (w *world) press(p incident.Person, verb incident.Verb, change func(*incident.Clicked)) {
	w.t.Helper()
	w.clicks++
	c := &incident.Clicked{
		Click: p.ID + string(verb) + strings.Repeat("x", w.clicks), Verb: verb, Person: p,
		Channel: "C1", Message: "1.1", Genuine: true, PressedAt: w.now,
	}
	if cur := w.load().Current(); cur != nil && cur.Proposed != nil {
		c.Digest = cur.Proposed.Digest
	}
	if change != nil {
		change(c)
	}
	w.says(w.gate, c)
	w.act(incident.DoJudge)
}

// applied carries an approved fix out.
func (w *world) applied() {
	w.t.Helper()
	w.press(alice, incident.Approve, nil)
	w.act(incident.DoLaunch)
	w.act(incident.DoReport)
	job := w.load().Current().Launched.Job
	w.launcher.ends[job] = ended(remediate.Result{
		Execution: job, Mode: action.Apply, State: remediate.Applied, UID: web.UID, Before: before, After: after,
	})
	w.act(incident.DoReport)
}
