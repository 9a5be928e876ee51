package diagnose

import (
	"slices"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proof is what a rule says when it is sure.
type proof struct {
	rule    string
	cause   incident.Cause
	root    action.Ref // empty: the subject
	summary redact.Text
	cites   []string
	fault   fault
	key     string // the missing key of a ConfigMap or Secret, or the variable
	// hung marks a fault that a fresh start would remove although its cause
	// stays unknown.
	hung       bool
	ruledOut   []redact.Text
	suspicions []suspicion
}

// suspicion is a cause that the evidence suggests and does not prove.
type suspicion struct {
	cause   incident.Cause
	summary redact.Text
	cites   []string
}

// rule proves one family of causes. Its name is stable: outcomes are counted
// under it.
type rule struct {
	name  string
	kinds []kube.SymptomKind
	prove func(*look, fault) (proof, bool)
}

// rules lists the rules, deepest cause first.
func rules() []rule {
	started := []kube.SymptomKind{kube.CrashLoop, kube.StartFailure, kube.OOMKill}
	return []rule{
		{"node.not-ready", []kube.SymptomKind{kube.NodeNotReady, kube.ProbeFailing, kube.Pending}, proveNode},
		{"node.pressure", []kube.SymptomKind{kube.NodePressure}, provePressure},
		{"image.pull", []kube.SymptomKind{kube.ImagePull}, proveImage},
		{"config.missing", []kube.SymptomKind{kube.ConfigError, kube.Pending}, proveConfig},
		{"start.run-as-root", []kube.SymptomKind{kube.ConfigError, kube.StartFailure}, proveRunAsRoot},
		{"start.command", started, proveCommand},
		{"run.oom", []kube.SymptomKind{kube.OOMKill}, proveOOM},
		{"probe.killed", []kube.SymptomKind{kube.ProbeFailing}, proveKilledByProbe},
		{"crash.env-var", []kube.SymptomKind{kube.CrashLoop}, proveEnvVar},
		{"crash.dependency", []kube.SymptomKind{kube.CrashLoop}, proveDependency},
		{"crash.init", []kube.SymptomKind{kube.CrashLoop}, proveInit},
		{"crash.trace", []kube.SymptomKind{kube.CrashLoop}, proveTrace},
		{"crash.error-line", []kube.SymptomKind{kube.CrashLoop}, proveErrorLine},
		{"schedule.message", []kube.SymptomKind{kube.Unschedulable}, proveScheduling},
		{"run.evicted", []kube.SymptomKind{kube.Evicted}, proveEvicted},
		{"create.refused", []kube.SymptomKind{kube.RolloutStuck}, proveCreate},
		{"probe.readiness", []kube.SymptomKind{kube.ProbeFailing}, proveReadiness},
		{"job.env-var", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveEnvVar)},
		{"job.dependency", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveDependency)},
		{"job.command", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveCommand)},
		{"job.trace", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveTrace)},
		{"job.failed", []kube.SymptomKind{kube.JobFailed}, proveJob},
		{"rollout.deadline", []kube.SymptomKind{kube.RolloutStuck}, proveRollout},
	}
}

// maxStatuses bounds the faults whose status is told although no rule cites it;
// it leaves room for what rules find.
const maxStatuses = 8

// prove tries the rules in order on every fault; the first proof wins.
func (l *look) prove(faults []fault) (proof, bool) {
	for _, f := range faults[:min(len(faults), maxStatuses)] {
		l.status(f)
	}
	for _, r := range rules() {
		for _, f := range faults {
			if !slices.Contains(r.kinds, f.symptom.Kind) {
				continue
			}
			p, ok := r.prove(l, f)
			if !ok {
				continue
			}
			p.rule = r.name
			if p.fault.object == (action.Ref{}) {
				p.fault = f
			}
			if p.root == (action.Ref{}) {
				p.root = l.subject
			}
			if len(p.cites) == 0 {
				p.cites = []string{l.status(f)}
			}
			// What came after the bound on evidence has no id.
			p.cites = slices.DeleteFunc(p.cites, func(id string) bool { return id == "" })
			return p, true
		}
	}
	return proof{}, false
}

// unknown is the honest answer.
func (l *look) unknown(faults []fault) proof {
	f := faults[0]
	p := proof{cause: incident.Unknown, root: l.subject, fault: f, cites: []string{l.status(f)}}
	p.summary = redact.Sprintf("%s is failing (%s); no rule can prove why", refText(l.subject), text(string(f.symptom.Kind)))
	p.suspicions = l.suspicions(faults)
	return p
}
