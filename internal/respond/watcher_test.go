package respond

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/llm"
	"github.com/countersign-dev/countersign/internal/watch"
)

// collector sees an empty cluster.
type collector struct {
	err      error
	resolved error
	bound    action.Hash
	boundErr error
}

func (c *collector) Subject(context.Context, action.Ref) (*kube.Snapshot, error) {
	return &kube.Snapshot{Taken: noon}, c.err
}

func (c *collector) Resolve(context.Context, string, string, string) (action.Ref, error) {
	return web, c.resolved
}

func (c *collector) Bound(context.Context, action.Kind, action.Ref) (action.Hash, error) {
	return c.bound, c.boundErr
}

type explainer struct {
	answer incident.Explained
	err    error
	asked  int
}

func (e *explainer) Model() string { return "m" }

func (e *explainer) Spared() {}

func (e *explainer) Explain(context.Context, incident.Diagnosis, []incident.Evidence, llm.Collector) (incident.Explained, error) {
	e.asked++
	return e.answer, e.err
}

func TestAnObjectThatIsGoneIsClearedOnce(t *testing.T) {
	fx := &WatcherEffects{Collector: &collector{}}
	i := incident.Incident{ID: theID, Subject: web}
	got, err := fx.Run(t.Context(), i, incident.Step{Do: incident.DoLook}, noon)
	if err != nil || len(got) != 1 || got[0].Type() != "cleared" {
		t.Fatalf("%v %v", got, err)
	}
	i.ClearedAt = noon
	if got, err := fx.Run(t.Context(), i, incident.Step{Do: incident.DoLook}, noon); err != nil || len(got) != 0 {
		t.Errorf("said twice: %v %v", got, err)
	}
}

func TestALookThatFailsIsNotAnAllClear(t *testing.T) {
	fx := &WatcherEffects{Collector: &collector{err: errors.New("no answer")}}
	if got, err := fx.Run(t.Context(), incident.Incident{ID: theID, Subject: web}, incident.Step{Do: incident.DoLook}, noon); err == nil || got != nil {
		t.Errorf("%v %v", got, err)
	}
}

func TestAQuestionAboutNothingIsAnsweredWithWhatIsNear(t *testing.T) {
	asked := action.Ref{Kind: "Deployment", Namespace: "shop", Name: "wbe"}
	fx := &WatcherEffects{Collector: &collector{resolved: &watch.NotFoundError{Kind: "Deployment", Namespace: "shop", Name: "wbe", Near: []string{"web"}}}}
	i := incident.Incident{ID: theID, Subject: asked, Inquiry: &incident.Asked{Subject: asked}}
	got, err := fx.Run(t.Context(), i, incident.Step{Do: incident.DoLook}, noon)
	if err != nil || len(got) != 1 {
		t.Fatalf("%v %v", got, err)
	}
	said, ok := got[0].(*incident.Collected)
	if !ok || !strings.Contains(said.Diagnosis.Summary.String(), "Did you mean web?") || len(said.Diagnosis.Candidates) != 0 {
		t.Errorf("%+v", got[0])
	}
}

func TestTheModelIsAskedOnlyOnceItIsWrittenDown(t *testing.T) {
	model := &explainer{}
	var announced []incident.Body
	var refusal error
	fx := &WatcherEffects{Explainer: model, Announce: func(_ context.Context, _ incident.ID, b incident.Body) error {
		announced = append(announced, b)
		return refusal
	}}
	i := incident.Incident{ID: theID, Subject: web, EvidenceID: before, Diagnosis: &incident.Diagnosis{Cause: incident.Unknown}}
	step := incident.Step{Do: incident.DoExplain}

	refusal = errors.New("the store is away")
	if _, err := fx.Run(t.Context(), i, step, noon); err == nil || model.asked != 0 {
		t.Errorf("asked %d times, %v", model.asked, err)
	}
	refusal = nil
	got, err := fx.Run(t.Context(), i, step, noon)
	if err != nil || model.asked != 1 || len(announced) != 2 {
		t.Fatalf("asked %d times, %v", model.asked, err)
	}
	if a, ok := got[0].(*incident.Explained); !ok || a.Evidence != before || a.Key != announced[1].(*incident.Explaining).Key {
		t.Errorf("%+v", got[0])
	}
}

func TestAModelThatFailsIsAnAnswerThatSaysSo(t *testing.T) {
	fx := &WatcherEffects{
		Explainer: &explainer{err: errors.New("a secret detail")},
		Announce:  func(context.Context, incident.ID, incident.Body) error { return nil },
	}
	i := incident.Incident{ID: theID, EvidenceID: before, Diagnosis: &incident.Diagnosis{Cause: incident.Unknown}}
	got, err := fx.Run(t.Context(), i, incident.Step{Do: incident.DoExplain}, noon)
	if err != nil || len(got) != 1 {
		t.Fatalf("%v %v", got, err)
	}
	a, ok := got[0].(*incident.Explained)
	if !ok || a.Failure.IsEmpty() || strings.Contains(a.Failure.String(), "secret detail") {
		t.Errorf("%+v", got[0])
	}
}

func TestWithoutAModelNobodyIsAsked(t *testing.T) {
	if got, err := (&WatcherEffects{}).Run(t.Context(), incident.Incident{}, incident.Step{Do: incident.DoExplain}, noon); got != nil || err != nil {
		t.Errorf("%v %v", got, err)
	}
}

func TestALostExecutionIsSettledByLookingAtItsTarget(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.press(alice, incident.Approve, nil)
	w.act(incident.DoLaunch)
	w.act(incident.DoReport)
	clear(w.launcher.jobs)
	w.now = w.now.Add(action.OrderLife)
	w.act(incident.DoReport)

	look := &collector{bound: before}
	fx := &WatcherEffects{Collector: look, Rules: w.effects.Rules}
	step := incident.Step{Do: incident.DoObserve}
	got, err := fx.Run(t.Context(), w.load(), step, w.now)
	if err != nil || len(got) != 1 {
		t.Fatalf("%v %v", got, err)
	}
	if seen := got[0].(*incident.Observed); seen.Bound != before || seen.Healthy {
		t.Errorf("%+v", seen)
	}
	w.says(w.watcher, got...)
	if again, err := fx.Run(t.Context(), w.load(), step, w.now); err != nil || len(again) != 0 {
		t.Errorf("said twice: %v %v", again, err)
	}
	look.boundErr = errors.New("no answer")
	if got, err := fx.Run(t.Context(), w.load(), step, w.now); err == nil {
		t.Errorf("%v", got)
	}
}
