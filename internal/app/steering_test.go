package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/respond"
	"github.com/countersign-dev/countersign/internal/store"
	"github.com/countersign-dev/countersign/policies"
)

// ruled is steering over a real loop and a store in memory.
type ruled struct {
	*steering
	t    *testing.T
	gate *respond.Responder
}

func newRuled(t *testing.T, st *store.File, approvers ...string) *ruled {
	t.Helper()
	base := policy.DefaultSettings()
	base.Approvers = map[string][]string{"*": approvers}
	sealer := &incident.Sealer{Key: []byte(strings.Repeat("k", 32)), Epoch: 1}
	gate := respond.New(respond.Config{Role: incident.Gate, Store: st, Sealer: sealer, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	r := &ruled{t: t, gate: gate, steering: &steering{
		base: base, source: policies.Source, redactor: redact.New(redact.Config{}), log: slog.New(slog.DiscardHandler),
		announce: gate.Steer, load: gate.Load,
	}}
	if _, err := r.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// says is what both ConfigMaps hold now.
func (r *ruled) says(settings, signers string) error {
	r.t.Helper()
	if err := r.Consider(r.t.Context(), action.SignersName, map[string]string{action.SignersKey: signers}); err != nil {
		return err
	}
	return r.Consider(r.t.Context(), action.PolicyName, map[string]string{policySettings: settings})
}

func (r *ruled) must(settings, signers string) {
	r.t.Helper()
	if err := r.says(settings, signers); err != nil {
		r.t.Fatal(err)
	}
}

func (r *ruled) stream(n int) incident.Incident {
	r.t.Helper()
	i, err := r.load(r.t.Context(), policyStream(n))
	if err != nil {
		r.t.Fatal(err)
	}
	return i
}

// agree lets people agree to stream n, and adopts it.
func (r *ruled) agree(n int, people ...string) error {
	r.t.Helper()
	digest := r.stream(n).Steered.New
	for _, id := range people {
		p := incident.Person{ID: id, Team: "T1"}
		for _, b := range []incident.Body{
			&incident.Clicked{Click: "c" + id, Verb: incident.Approve, Digest: digest, Person: p},
			&incident.Voted{Click: "c" + id, Verb: incident.Approve, Digest: digest, Person: p},
		} {
			if err := r.gate.Append(r.t.Context(), policyStream(n), b); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	if err := r.Adopt(r.t.Context(), digest); err != nil {
		return err
	}
	return r.gate.Append(r.t.Context(), policyStream(n), &incident.Adopted{})
}

func memory() *store.File { return store.Memory(time.Now) }

const aKey = "U1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"

func TestWhatNarrowsIsInForceAtOnceAndWhatWidensWaitsForTwo(t *testing.T) {
	r := newRuled(t, memory(), "U1", "U2")
	r.must("", "")
	first := r.live.Digest()
	r.must("perHour: 3", "")
	if r.live.Digest() == first || r.stream(2).Steered.Agree != 0 {
		t.Fatalf("a lower quota waits: %+v", r.stream(2).Steered)
	}
	strict := r.live.Digest()
	r.must("perHour: 5", "")
	said := r.stream(3).Steered
	if r.live.Digest() != strict || said.Agree != 2 || len(said.Wider) != 1 {
		t.Fatalf("a higher quota: %+v", said)
	}
	r.must("perHour: 5", "") // seen again
	if i := r.stream(4); i.ID != "" {
		t.Fatal("announced twice")
	}
	if err := r.agree(3, "U1", "U2"); err != nil || r.live.Engine().Settings().PerHour != 5 {
		t.Fatalf("%v, %d an hour", err, r.live.Engine().Settings().PerHour)
	}
}

func TestARestartKeepsWhatWasAdoptedAndNotWhatWasOnlyWritten(t *testing.T) {
	st := memory()
	r := newRuled(t, st, "U1", "U2")
	r.must("perHour: 3", "")
	r.must("perHour: 9", "")
	again := newRuled(t, st, "U1", "U2")
	if n := again.live.Engine().Settings().PerHour; n != 3 {
		t.Fatalf("%d changes an hour after a restart", n)
	}
	again.must("perHour: 9", "")
	if i := again.stream(3); i.ID != "" {
		t.Error("what waits is announced again after a restart")
	}
	if err := again.agree(2, "U1", "U2"); err != nil || again.live.Engine().Settings().PerHour != 9 {
		t.Errorf("%v", err)
	}
	// The environment is no way around it.
	wider := newRuled(t, st, "U1", "U2", "U3")
	if got := wider.live.ApproversFor("shop", nil); len(got) != 2 {
		t.Errorf("approvers %v after a restart with another environment", got)
	}
	wider.must("perHour: 9", "")
	if said := wider.stream(3).Steered; said == nil || said.Agree != 2 {
		t.Errorf("%+v", said)
	}
}

func TestAKeyThatNobodyAgreedToSignsNothing(t *testing.T) {
	r := newRuled(t, memory(), "U1", "U2")
	r.must("", "")
	r.must("", aKey)
	said := r.stream(2).Steered
	if said == nil || said.What != incident.Signers || said.Agree != 2 || !strings.Contains(said.Wider[0].String(), "may sign as U1") {
		t.Fatalf("%+v", said)
	}
	if sentences := r.Signers().Beyond(action.AllowedSigners{}); len(sentences) != 0 {
		t.Fatalf("in force already: %v", sentences)
	}
	if err := r.agree(2, "U1", "U2"); err != nil || len(r.Signers().Beyond(action.AllowedSigners{})) != 1 {
		t.Errorf("%v", err)
	}
	r.must("", "")
	if said := r.stream(3).Steered; said == nil || said.Agree != 0 || len(r.Signers().Beyond(action.AllowedSigners{})) != 0 {
		t.Errorf("a key that is taken away waits: %+v", said)
	}
}

func TestWhatIsNoLongerInTheClusterIsNotAdopted(t *testing.T) {
	for name, since := range map[string]string{"changed again": "perHour: 30", "taken back": ""} {
		t.Run(name, func(t *testing.T) {
			r := newRuled(t, memory(), "U1", "U2")
			r.must("", "")
			r.must("perHour: 20", "")
			r.must(since, "")
			if err := r.agree(2, "U1", "U2"); !errors.Is(err, respond.ErrGone) {
				t.Errorf("%v", err)
			}
			if n := r.live.Engine().Settings().PerHour; n != 10 {
				t.Errorf("%d changes an hour", n)
			}
		})
	}
}

func TestWhatCannotBeReadChangesNothingAndIsSaid(t *testing.T) {
	for name, c := range map[string]struct{ settings, signers, says string }{
		"unknown key": {settings: "perHuor: 3", says: "perHuor"},
		"bad value":   {settings: "floor: 2", says: "floor"},
		"bad signers": {signers: "U1 not-a-key", says: "line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRuled(t, memory(), "U1", "U2")
			r.must("", "")
			was := r.live.Digest()
			var told []incident.Steered
			r.announce = func(_ context.Context, _ incident.ID, s incident.Steered) error {
				told = append(told, s)
				return nil
			}
			r.must(c.settings, c.signers)
			if len(told) == 0 || !strings.Contains(told[0].Reason.String(), c.says) || told[0].Policy != nil {
				t.Errorf("%+v", told)
			}
			if r.live.Digest() != was {
				t.Error("something changed")
			}
		})
	}
}

func TestHowManyMustAgree(t *testing.T) {
	for _, c := range []struct {
		approvers []string
		want      int
	}{{nil, 0}, {[]string{"U1"}, 1}, {[]string{"U1", "U2"}, 2}, {[]string{"U1", "U2", "U3"}, 2}, {[]string{"S1"}, 2}} {
		if got := needed(c.approvers); got != c.want {
			t.Errorf("%v: %d, want %d", c.approvers, got, c.want)
		}
	}
}
