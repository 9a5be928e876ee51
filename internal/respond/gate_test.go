package respond

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/remediate"
)

func TestAJobWithoutAReportHasFailedAsARehearsalAndIsLostAsAnExecution(t *testing.T) {
	const job = "cs-a-11111111-2222-3333-4444-555555555555-aaaaaaaaaaaa"
	other := strings.Replace(job, "aaaaaaaaaaaa", "bbbbbbbbbbbb", 1)
	good := remediate.Result{Execution: job, Mode: action.Apply, State: remediate.Applied, UID: web.UID, Before: before, After: after}
	for name, c := range map[string]struct {
		mode action.Mode
		end  jobs.Finished
		want string
		says string
	}{
		"no message, rehearsal":   {mode: action.Rehearse, end: jobs.Finished{Ending: jobs.NotStarted}, want: incident.StateFailed},
		"no message, execution":   {mode: action.Apply, end: jobs.Finished{Ending: jobs.TimedOut}, want: incident.StateLost},
		"its detail is told":      {mode: action.Apply, end: jobs.Finished{Ending: jobs.Failed, Detail: redact.Literal("deadline exceeded")}, want: incident.StateLost, says: "deadline exceeded"},
		"no result in it":         {mode: action.Apply, end: jobs.Finished{Ending: jobs.Exited, Message: []byte("applied, believe me")}, want: incident.StateLost},
		"of another execution":    {mode: action.Apply, end: ended(remediate.Result{Execution: other, Mode: action.Apply, State: remediate.Applied, UID: web.UID}), want: incident.StateLost},
		"of another mode":         {mode: action.Rehearse, end: ended(good), want: incident.StateFailed},
		"applied":                 {mode: action.Apply, end: ended(good), want: incident.StateApplied},
		"refused":                 {mode: action.Apply, end: ended(remediate.Result{Execution: job, Mode: action.Apply, State: remediate.Refused, Code: "bound-changed"}), want: incident.StateRefused},
		"failed":                  {mode: action.Apply, end: ended(remediate.Result{Execution: job, Mode: action.Apply, State: remediate.Failed, Code: "no-cluster"}), want: incident.StateFailed},
		"its answer got lost":     {mode: action.Apply, end: ended(remediate.Result{Execution: job, Mode: action.Apply, State: remediate.Failed, Code: remediate.CodeUnknown}), want: incident.StateLost},
		"a probe is no rehearsal": {mode: action.Rehearse, end: ended(remediate.Result{Execution: job, Mode: action.Probe, State: remediate.Probed}), want: incident.StateFailed},
	} {
		got := toReport(job, c.mode, c.end)
		if got.State != c.want || !strings.Contains(got.Reason.String(), c.says) {
			t.Errorf("%s: %s %q, want %s %q", name, got.State, got.Reason, c.want, c.says)
		}
	}
}

func TestAReportKeepsEverythingThatTheExecutorSaw(t *testing.T) {
	const job = "cs-r1-11111111-2222-3333-4444-555555555555-aaaaaaaaaaaa"
	got := toReport(job, action.Rehearse, ended(remediate.Result{
		Execution: job, Mode: action.Rehearse, State: remediate.Rehearsed, UID: web.UID, Before: before, After: after,
		Diff: redact.Literal("-a\n+b"), DiffMissing: 2, Took: 30 * time.Millisecond,
		Facts: remediate.Facts{
			NamespaceLabels: []remediate.Label{{Key: "countersign.dev/protected", Value: "true"}}, Owners: []action.Ref{web},
			ManagedBy: redact.Literal("Argo CD"), Helm: redact.Literal("shop"), Autoscaler: redact.Literal("web"),
			Budget: redact.Literal("one"), Ready: 1, Desired: 2, Editors: []redact.Text{redact.Literal("kubectl")},
		},
	}))
	f := got.Facts
	if got.UID != web.UID || got.Before != before || got.After != after || got.DiffMissing != 2 || got.TookMillis != 30 || got.Diff.IsEmpty() {
		t.Errorf("%+v", got)
	}
	if len(f.NamespaceLabels) != 1 || f.NamespaceLabels[0].Value != "true" || len(f.Owners) != 1 || f.ManagedBy.IsEmpty() ||
		f.Helm.IsEmpty() || f.Autoscaler.IsEmpty() || f.Budget.IsEmpty() || f.Ready != 1 || f.Desired != 2 || len(f.Editors) != 1 {
		t.Errorf("%+v", f)
	}
}

func TestAnOrderWhoseJobIsGoneIsLaunchedAgainUntilItExpires(t *testing.T) {
	w := newWorld(t, nil)
	w.announced()
	w.act(incident.DoPlan)
	w.act(incident.DoRehearsal)
	clear(w.launcher.jobs)
	w.act(incident.DoRehearsal)
	if w.launcher.launches != 2 || w.load().Current().Report != nil {
		t.Fatalf("%d launches, %+v", w.launcher.launches, w.load().Current().Report)
	}
	clear(w.launcher.jobs)
	w.now = w.now.Add(action.OrderLife)
	w.act(incident.DoRehearsal)
	got := w.load().Current().Report
	if w.launcher.launches != 2 || got == nil || got.State != incident.StateFailed || got.Code != "lost" {
		t.Errorf("%d launches, %+v", w.launcher.launches, got)
	}
}

func TestAnExecutionWithoutAJobAfterItsExpiryIsLostAndKeepsWhatTheRehearsalMeasured(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.press(alice, incident.Approve, nil)
	w.act(incident.DoLaunch)
	w.act(incident.DoReport)
	clear(w.launcher.jobs)
	w.now = w.now.Add(action.OrderLife)
	w.act(incident.DoReport)
	got := w.load().Current().Executed
	if got == nil || got.Report.State != incident.StateLost || got.Report.Before != before || got.Report.After != after {
		t.Errorf("%+v", got)
	}
}

func TestWhatTheLauncherAnswersDecidesWhatIsReported(t *testing.T) {
	for name, c := range map[string]struct {
		err       error
		state     string
		code      string
		rehearsal string // state of a rehearsal, where it differs
	}{
		"refused by a policy":      {err: &jobs.RefusedError{Name: "x", Reason: redact.Literal("no")}, state: incident.StateRefused, code: "job-refused"},
		"another order's Job":      {err: &jobs.ConflictError{Name: "x"}, state: incident.StateRefused, code: "job-conflict"},
		"a Job that went meantime": {err: &jobs.ConflictError{Name: "x", Gone: true}, state: incident.StateLost, code: "lost", rehearsal: incident.StateFailed},
		"expired on the way":       {err: jobs.ErrExpired, state: incident.StateLost, code: "lost", rehearsal: incident.StateFailed},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.announced()
			w.act(incident.DoPlan)
			w.launcher.err = c.err
			w.act(incident.DoRehearsal)
			want := c.state
			if c.rehearsal != "" {
				want = c.rehearsal
			}
			if got := w.load().Current().Report; got == nil || got.State != want || got.Code != c.code {
				t.Errorf("rehearsal: %+v", got)
			}
			w.act(incident.DoPropose)
			if cur := w.load().Current(); cur.Proposed != nil || len(cur.Reasons) == 0 {
				t.Errorf("offered although it was not rehearsed: %+v", cur.Proposed)
			}

			w = newWorld(t, nil)
			w.offered()
			w.press(alice, incident.Approve, nil)
			w.act(incident.DoLaunch)
			w.launcher.err = c.err
			w.act(incident.DoReport)
			if got := w.load().Current().Executed; got == nil || got.Report.State != c.state || got.Report.Code != c.code {
				t.Errorf("execution: %+v", got)
			}
		})
	}
}

func TestTroubleOnTheWayToTheAPIServerReportsNothing(t *testing.T) {
	for name, spoil := range map[string]func(*launcher){
		"the Job cannot be read":   func(l *launcher) { l.lookErr = errors.New("no answer") },
		"the clock is not known":   func(l *launcher) { l.clockErr = errors.New("no answer") },
		"the create has no answer": func(l *launcher) { l.err = errors.New("no answer") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			w.offered()
			w.press(alice, incident.Approve, nil)
			w.act(incident.DoLaunch)
			was := w.load().Version
			spoil(w.launcher)
			if err := w.try(incident.DoReport); err == nil {
				t.Fatal("no error")
			}
			if i := w.load(); i.Version != was || i.Current().Executed != nil {
				t.Errorf("something was written: %+v", i.Current().Executed)
			}
		})
	}
}

func TestAnOrderIsNotSignedOnceItsApprovalHasExpired(t *testing.T) {
	w := newWorld(t, nil)
	w.offered()
	w.press(alice, incident.Approve, nil)
	w.now = w.now.Add(15 * time.Minute)
	if err := w.try(incident.DoLaunch); err != nil {
		t.Fatal(err)
	}
	if cur := w.load().Current(); cur.Launched != nil || cur.Lapsed != "expired" {
		t.Errorf("launched %v, lapsed %q", cur.Launched, cur.Lapsed)
	}
}

func TestWhatMayNotBeChangedIsWithheldWithAReasonAndNeverRehearsed(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*policy.Settings)
		d    func(*incident.Diagnosis)
		says string
	}{
		"a protected namespace": {set: func(s *policy.Settings) { s.Protected = append(s.Protected, "shop") }, says: "protected"},
		"a kind that is off":    {set: func(s *policy.Settings) { s.Kinds = nil }, says: "not enabled"},
		"another owner":         {d: func(d *incident.Diagnosis) { d.Owner = redact.Literal("Argo CD application shop") }, says: "change it at the source"},
		"no candidate":          {d: func(d *incident.Diagnosis) { d.Candidates = nil }, says: "follow the steps"},
		"a figure of no weight": {d: func(d *incident.Diagnosis) { d.Confidence.Measured = false }, says: "not measured"},
		"too low a confidence":  {d: func(d *incident.Diagnosis) { d.Confidence.Lower = 0.74 }, says: "below the floor"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.set)
			w.announced()
			if c.d != nil {
				d := *w.load().Diagnosis
				c.d(&d)
				w.says(w.watcher, &incident.Collected{Digest: after, Diagnosis: d})
			}
			w.act(incident.DoPlan)
			cur := w.load().Current()
			if w.launcher.launches != 0 || cur.Proposed != nil || len(cur.Reasons) != 1 || !strings.Contains(cur.Reasons[0].String(), c.says) {
				t.Errorf("%v after %d launches, want %q", cur.Reasons, w.launcher.launches, c.says)
			}
		})
	}
}

func TestWhatTheRehearsalSawIsAskedAboutAgainBeforeTheOffer(t *testing.T) {
	w := newWorld(t, nil)
	w.announced()
	w.act(incident.DoPlan)
	w.act(incident.DoRehearsal)
	job := w.load().Current().Rehearsal.Job
	w.launcher.ends[job] = ended(remediate.Result{
		Execution: job, Mode: action.Rehearse, State: remediate.Rehearsed, UID: web.UID, Before: before, After: after,
		Facts: remediate.Facts{NamespaceLabels: []remediate.Label{{Key: "countersign.dev/protected", Value: "true"}}},
	})
	w.act(incident.DoRehearsal)
	w.act(incident.DoPropose)
	if cur := w.load().Current(); cur.Proposed != nil || len(cur.Reasons) != 1 || !strings.Contains(cur.Reasons[0].String(), "protected=true") {
		t.Errorf("%+v %v", cur.Proposed, cur.Reasons)
	}
}

func TestAStepThatTheRoleDoesNotHaveIsAnError(t *testing.T) {
	w := newWorld(t, nil)
	if _, err := w.effects.Run(t.Context(), incident.Incident{}, incident.Step{Do: incident.DoLook}, noon); err == nil {
		t.Error("the gate looks")
	}
	if _, err := (&WatcherEffects{}).Run(t.Context(), incident.Incident{}, incident.Step{Do: incident.DoLaunch}, noon); err == nil {
		t.Error("the watcher launches")
	}
}
