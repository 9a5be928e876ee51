package respond

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/store"
)

type (
	click   = chat.Click
	command = chat.Command
)

// channel is one that nothing comes from; it is closed unless open.
func channel[T any](open bool) chan T {
	c := make(chan T)
	if !open {
		close(c)
	}
	return c
}

// take hands one press over and says whether it was acknowledged and what its
// author was told.
func take(ctx context.Context, r *Responder, id incident.ID, name string) (acks int, told string) {
	c := chat.Click{
		Incident: id, Clicked: incident.Clicked{Click: name, Verb: incident.Manual, Person: alice},
		Ack: func(context.Context) { acks++ },
	}
	desk := &thread{}
	r.takeClick(ctx, c, desk)
	return acks, desk.told()
}

func TestAPressIsWrittenDownOnceAndAcknowledgedHoweverOftenItIsDelivered(t *testing.T) {
	w := newWorld(t, nil)
	w.announced()
	was := w.load().Version
	for range 3 {
		if acks, told := take(t.Context(), w.gate, theID, "k"); acks != 1 || told != "" {
			t.Fatalf("%d acks, told %q", acks, told)
		}
	}
	w.act(incident.DoJudge)
	if acks, _ := take(t.Context(), w.gate, theID, "k"); acks != 1 {
		t.Error("a copy of a judged press is not acknowledged")
	}
	if i := w.load(); i.Version != was+2 || len(i.Clicks) != 0 {
		t.Errorf("version %d after %d, %d clicks wait", i.Version, was, len(i.Clicks))
	}
}

func TestAPressThatCouldBeLostUnnoticedIsNotAcknowledged(t *testing.T) {
	w := newWorld(t, nil)
	w.announced()
	w.unvouched = errors.New("the anchor cannot be written")
	for range 2 { // the second is a copy
		if acks, told := take(t.Context(), w.gate, theID, "k"); acks != 0 || told != "" {
			t.Fatalf("%d acks, told %q", acks, told)
		}
	}
	if len(w.load().Clicks) != 1 {
		t.Error("it is not written down")
	}
	w.unvouched = nil
	if acks, _ := take(t.Context(), w.gate, theID, "k"); acks != 1 {
		t.Error("a copy is not acknowledged when the anchor holds it")
	}
}

func TestAPressOnAClosedOrUnknownIncidentIsAnswered(t *testing.T) {
	w := newWorld(t, nil)
	w.announced()
	w.says(w.watcher, &incident.Closed{Why: "cleared"})
	if acks, told := take(t.Context(), w.gate, theID, "k"); acks != 1 || !strings.Contains(told, "closed; nothing was done") {
		t.Errorf("closed: %d acks, told %q", acks, told)
	}
	if acks, told := take(t.Context(), w.gate, "i00000000000f", "k"); acks != 1 || !strings.Contains(told, "not known") {
		t.Errorf("unknown: %d acks, told %q", acks, told)
	}
}

// stuck is a store that answers only once it is too late.
type stuck struct {
	*store.File
	load bool
}

func (s stuck) After(ctx context.Context, id incident.ID, n int) ([]incident.Record, error) {
	if s.load {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.File.After(ctx, id, n)
}

func (s stuck) Append(ctx context.Context, _ int, _ ...incident.Record) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestAPressThatIsNotWrittenDownWithinASecondIsNotAcknowledged(t *testing.T) {
	for name, load := range map[string]bool{"the read is stuck": true, "the write is stuck": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.announced()
				r := New(Config{Role: incident.Gate, Store: stuck{w.store, load}, Sealer: sealer, Now: time.Now, Log: silent})
				began := time.Now()
				acks, told := take(t.Context(), r, theID, "k")
				if took := time.Since(began); acks != 0 || told != "" || took != ClickDeadline {
					t.Errorf("%d acks, told %q, after %s", acks, told, took)
				}
				for _, r := range []*Responder{r, w.gate, w.watcher} {
					r.queue.ShutDown()
				}
			})
		})
	}
}

func TestAQuestionIsWrittenDownAndNeverAnAction(t *testing.T) {
	w := newWorld(t, nil)
	var replies []string
	ask := func(object string) error {
		return w.gate.takeCommand(t.Context(), chat.Command{
			Query: chat.Query{Kind: chat.Why, Object: object, Namespace: "shop"}, Person: carol, Channel: "C1",
			Reply: func(_ context.Context, text redact.Text) error { replies = append(replies, text.String()); return nil },
		}, nil)
	}
	if err := ask("Deployment/web"); err != nil {
		t.Fatal(err)
	}
	ids, err := w.store.Live(t.Context(), 0)
	if err != nil || len(ids) != 1 {
		t.Fatalf("%v %v", ids, err)
	}
	i, err := w.gate.Load(t.Context(), ids[0])
	if err != nil || i.Inquiry == nil || i.Subject.Name != "web" || i.Inquiry.Person.ID != carol.ID {
		t.Errorf("%+v %v", i.Inquiry, err)
	}
	steps, _ := w.effects.Rules.Due(i, incident.Gate, w.now, func(string) time.Time { return time.Time{} })
	if slices.ContainsFunc(steps, func(s incident.Step) bool { return s.Lane == incident.Act }) {
		t.Errorf("a question leads to %+v", steps)
	}
	if err := ask("web"); err != nil || len(replies) != 1 || !strings.Contains(replies[0], "KIND/NAME") {
		t.Errorf("%q %v", replies, err)
	}
}

func TestStatusCountsWhatIsOpenAndSaysWhenTheStoreDoesNotAnswer(t *testing.T) {
	w := newWorld(t, nil)
	var got string
	var alarm redact.Text
	ask := func(r *Responder) string {
		t.Helper()
		err := r.takeCommand(t.Context(), chat.Command{Query: chat.Query{Kind: chat.Status}, Reply: func(_ context.Context, text redact.Text) error {
			got = text.String()
			return nil
		}}, &Helm{Alarm: func() redact.Text { return alarm }})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := ask(w.gate); got != "No open incidents." {
		t.Errorf("%q", got)
	}
	alarm = redact.Literal("somebody else listens")
	if got := ask(w.gate); !strings.Contains(got, "somebody else listens") {
		t.Errorf("%q", got)
	}
	w.announced()
	if got := ask(w.gate); !strings.Contains(got, "1 open incidents") || !strings.Contains(got, string(theID)) {
		t.Errorf("%q", got)
	}
	broken := New(Config{Role: incident.Gate, Store: &away{w.store, func(string) error { return errors.New("no answer") }}, Sealer: sealer, Now: time.Now, Log: silent})
	t.Cleanup(broken.queue.ShutDown)
	if got := ask(broken); !strings.Contains(got, "does not answer") {
		t.Errorf("%q", got)
	}
}
