package diagnose

import (
	"slices"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Options are what a diagnosis depends on besides the snapshot.
type Options struct {
	Now time.Time
	// Confidence tells how often a rule was right. Nil means that nobody
	// counts: then a confidence is not measured.
	Confidence func(rule string) incident.Confidence
	// Holds decide from when on a finding counts as settled. The zero value
	// means the default holds.
	Holds incident.Holds
}

// Finding is what a look at one subject says.
type Finding struct {
	Subject   action.Ref
	Diagnosis incident.Diagnosis
	Evidence  []incident.Evidence
	// Hypotheses hold the proven cause alone, or, where none is proven, what
	// the evidence suggests.
	Hypotheses []incident.Hypothesis
	// Healthy means that nothing wrong was seen. Missing means that the
	// subject is not in the snapshot; then nothing is known about it.
	Healthy bool
	Missing bool
	// Settling marks a fault younger than the hold of its cause: it may pass.
	Settling bool
	// Rolling means that a rollout of the subject is under way: what is healthy
	// now may be the old revision only.
	Rolling bool
	Since   time.Time
	// Victims are further subjects that fail for the same cause, sorted.
	Victims []action.Ref
}

// Diagnose says what is wrong with subject: a workload, or anything below one,
// which stands for the workload on top of it; or a node.
func Diagnose(s *kube.Snapshot, subject action.Ref, opts Options) Finding {
	return DiagnoseIndexed(s.Index(), subject, opts)
}

// DiagnoseIndexed is Diagnose for callers with many subjects in one snapshot.
func DiagnoseIndexed(x *kube.Index, subject action.Ref, opts Options) Finding {
	l := newLook(x, subject, opts)
	f := Finding{Subject: l.subject}
	f.Diagnosis.Ready, f.Diagnosis.Desired = l.replicas()
	f.Diagnosis.Object, f.Diagnosis.Root = l.subject, l.subject
	if l.top == nil {
		f.Missing = true
		f.Diagnosis.Summary = redact.Sprintf("%s was not found in namespace %s", refText(l.subject), text(l.subject.Namespace))
		return f
	}
	f.Rolling = rolling(x, l.subject)
	faults := l.faults()
	if len(faults) == 0 {
		f.Healthy = true
		f.Diagnosis.Summary = redact.Sprintf("nothing wrong with %s was seen", refText(l.subject))
		return f
	}
	p, proven := l.prove(faults)
	if !proven && l.early(faults) {
		f.Healthy, f.Rolling = true, true // what waits so shortly is on its way
		f.Diagnosis.Summary = redact.Sprintf("%s is starting", refText(l.subject))
		return f
	}
	if !proven {
		p = l.unknown(faults)
	}
	l.recent = l.lookBack(p, faults)
	p.cites = append(p.cites, l.changes(&f.Diagnosis)...)
	l.context(faults)
	p.cites = append(p.cites, l.uses(p)...)
	f.Since = since(faults, p.fault)
	d := &f.Diagnosis
	d.Cause, d.Root, d.Object, d.Rule = p.cause, p.root, p.fault.object, p.rule
	d.Summary, d.Cites, d.RuledOut, d.Thing = p.summary, p.cites, p.ruledOut, text(p.thing)
	d.Confidence = confidence(opts, p.rule)
	d.Severity = l.severity(p.cause)
	l.remedy(p, d)
	d.Edit = p.textEdit()
	f.Evidence = l.evidence.list
	f.Hypotheses = l.hypotheses(p, d)
	holds := opts.Holds
	if holds == (incident.Holds{}) {
		holds = incident.DefaultHolds()
	}
	f.Settling = opts.Now.Sub(f.Since) < holds.For(d.Cause)
	return f
}

// early reports faults that may pass and count only where they are proven.
func (l *look) early(faults []fault) bool {
	return !slices.ContainsFunc(faults, func(f fault) bool {
		return f.symptom.Kind != kube.Pending || l.now.Sub(f.symptom.Since) >= kube.PendingAfter
	})
}

// rolling reports whether the Deployment controller still has work to do.
func rolling(x *kube.Index, subject action.Ref) bool {
	d := x.Deployment(subject)
	if d == nil {
		return false
	}
	want := int32(1)
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	s := d.Status
	return s.ObservedGeneration < d.Generation || s.UpdatedReplicas < want || s.Replicas > s.UpdatedReplicas
}

func confidence(opts Options, rule string) incident.Confidence {
	if opts.Confidence != nil && rule != "" {
		return opts.Confidence(rule)
	}
	return incident.Confidence{Basis: redact.Literal("not measured")}
}

// since is when the fault began: the oldest fault of the same symptom, because
// later pods repeat it.
func since(faults []fault, proven fault) time.Time {
	t := proven.symptom.Since
	for _, f := range faults {
		if f.symptom.Kind == proven.symptom.Kind && f.symptom.Since.Before(t) {
			t = f.symptom.Since
		}
	}
	return t
}

// hypotheses are the proven cause, or what the logs suggest.
func (l *look) hypotheses(p proof, d *incident.Diagnosis) []incident.Hypothesis {
	candidate := -1
	if len(d.Candidates) > 0 {
		candidate = 0
	}
	if d.Proven() {
		return []incident.Hypothesis{{
			Cause: d.Cause, Root: d.Root, Summary: d.Summary, Confidence: d.Confidence,
			Cites: d.Cites, Candidate: candidate, Steps: d.Steps,
		}}
	}
	var out []incident.Hypothesis
	for _, s := range p.suspicions {
		out = append(out, incident.Hypothesis{
			Cause: s.cause, Root: l.subject, Summary: s.summary, Confidence: confidence(Options{}, ""),
			Cites: s.cites, Candidate: -1,
		})
	}
	return out
}
