package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/calibrate"
	"github.com/countersign-dev/countersign/internal/incident"
)

// learnPace is how often a running watcher reads what became of incidents.
const learnPace = time.Minute

// learner keeps the book of confidence up to date with the store.
type learner struct {
	store   storage
	shipped calibrate.Record
	log     *slog.Logger
	now     atomic.Pointer[calibrate.Book]

	read     int // records of the store's log
	outcomes map[incident.ID][]calibrate.Outcome
}

// newLearner knows the shipped record alone until it has run.
func newLearner(st storage, log *slog.Logger) (*learner, error) {
	shipped, err := calibrate.Shipped()
	if err != nil {
		return nil, err
	}
	l := &learner{store: st, shipped: shipped, log: log, outcomes: map[incident.ID][]calibrate.Outcome{}}
	l.now.Store(calibrate.NewBook(shipped, nil))
	return l, nil
}

func (l *learner) book() *calibrate.Book { return l.now.Load() }

// rule is the confidence in a rule as of now.
func (l *learner) rule(id string) incident.Confidence { return l.book().Rule(id) }

// weigh gives a model's hypotheses their confidence as of now.
func (l *learner) weigh(d incident.Diagnosis, evidence []incident.Evidence, e *incident.Explained) {
	l.book().Weigh(d, evidence, e)
}

// run learns at once and then every minute, until ctx ends. A store that cannot
// be read leaves the book as it was.
func (l *learner) run(ctx context.Context) error {
	tick := time.NewTicker(learnPace)
	defer tick.Stop()
	for {
		if err := l.learn(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("what became of incidents could not be read; confidence stays as it was", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// learn reads on in the store's log, and anew the incidents that ended or were
// judged since the last time.
func (l *learner) learn(ctx context.Context) error {
	const batch = 500
	touched := map[incident.ID]bool{}
	read := l.read
	for {
		records, err := l.store.Log(ctx, read, batch)
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		for _, r := range records {
			if r.Type == incident.TypeClosed || r.Type == (&incident.Verdict{}).Type() {
				touched[r.Incident] = true
			}
		}
		if read += len(records); len(records) < batch {
			break
		}
	}
	for id := range touched {
		records, err := l.store.After(ctx, id, 0)
		if err != nil {
			return fmt.Errorf("read incident %s: %w", id, err)
		}
		if l.outcomes[id] = calibrate.Outcomes(records); len(l.outcomes[id]) == 0 {
			delete(l.outcomes, id)
		}
	}
	l.read = read
	if len(touched) > 0 {
		l.now.Store(calibrate.NewBook(l.shipped, l.all()))
	}
	return nil
}

// all is every outcome, in one order whatever the order of reading was.
func (l *learner) all() []calibrate.Outcome {
	ids := make([]incident.ID, 0, len(l.outcomes))
	for id := range l.outcomes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var out []calibrate.Outcome
	for _, id := range ids {
		out = append(out, l.outcomes[id]...)
	}
	return out
}

// Calibration is what the outcomes of an export file or, without one, of the
// store that the settings name say about every rule and model.
func Calibration(ctx context.Context, s Settings, file string) (calibrate.Report, error) {
	var cleanup stack
	defer cleanup.unwind()
	l, err := newLearner(nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return calibrate.Report{}, err
	}
	if file != "" {
		err = l.learnExport(ctx, file)
	} else {
		if l.store, err = readStore(ctx, s, &cleanup); err == nil {
			err = l.learn(ctx)
		}
	}
	if err != nil {
		return calibrate.Report{}, err
	}
	all := l.all()
	return calibrate.NewBook(l.shipped, all).Report(all), nil
}

// learnExport reads an export of the audit log. One that is not whole is refused:
// what is missing from it might be what was wrong.
func (l *learner) learnExport(ctx context.Context, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("open the export: %w", err)
	}
	defer f.Close()
	replayed, err := audit.Replay(ctx, f, nil, nil)
	if err != nil {
		return err
	}
	if len(replayed.Problems) > 0 {
		return fmt.Errorf("%s is not whole: %s (countersign audit replay %s names all of it)", file, replayed.Problems[0], file)
	}
	for _, b := range replayed.Incidents {
		if outcomes := calibrate.Outcomes(b.Trail); len(outcomes) > 0 {
			l.outcomes[b.ID] = outcomes
		}
	}
	return nil
}

// PrintCalibration writes a report as text or JSON, and the reliability of the
// model with the most outcomes to the file plot, where one is named.
func PrintCalibration(r calibrate.Report, output, plot string, w io.Writer) error {
	if plot != "" {
		if err := drawCalibration(r, plot); err != nil {
			return err
		}
	}
	if output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.Text(w)
}

func drawCalibration(r calibrate.Report, file string) error {
	series := []calibrate.Series{{Name: "figures on cards", Scores: r.Shown}}
	note := "what stood on cards, and how often it was right"
	most := 0
	for _, m := range r.Models {
		if s := m.Series(); s != nil && m.Outcomes > most {
			most, series, note = m.Outcomes, s, m.Model.String()
		}
	}
	if err := os.WriteFile(file, calibrate.Plot("Reliability", note, series...), 0o644); err != nil {
		return fmt.Errorf("--svg: %w", err)
	}
	return nil
}
