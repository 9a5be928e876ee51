package respond

import (
	"context"
	"testing"

	"github.com/countersign-dev/countersign/internal/calibrate"
	"github.com/countersign-dev/countersign/internal/incident"
)

// TestAModelsAnswerIsWrittenDownAsItIsWeighed: what the model says of itself does
// not reach the log as if it had been measured, nor above the floor.
func TestAModelsAnswerIsWrittenDownAsItIsWeighed(t *testing.T) {
	answer := incident.Explained{Model: "m", Hypotheses: []incident.Hypothesis{{
		Cause: incident.AppError, Root: web, Confidence: incident.Confidence{Value: 0.99, Lower: 0.9, Measured: true}, SelfReport: 0.99,
	}}}
	fx := &WatcherEffects{
		Explainer: &explainer{answer: answer}, Weigh: calibrate.NewBook(calibrate.Record{}, nil).Weigh,
		Announce: func(context.Context, incident.ID, incident.Body) error { return nil },
	}
	i := incident.Incident{ID: theID, Subject: web, Diagnosis: &incident.Diagnosis{Cause: incident.Unknown, Root: web}}
	got, err := fx.Run(t.Context(), i, incident.Step{Do: incident.DoExplain}, noon)
	if err != nil || len(got) != 1 {
		t.Fatalf("%v %v", got, err)
	}
	h := got[0].(*incident.Explained).Hypotheses[0]
	if c := h.Confidence; c.Measured || c.Lower != 0 || c.Value >= 0.75 || h.SelfReport != 0.99 {
		t.Errorf("%+v, self-report %.2f", c, h.SelfReport)
	}
}
