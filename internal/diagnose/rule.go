package diagnose

import (
	"cmp"
	"slices"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proof is what a rule says when it is sure.
type proof struct {
	rule    string // empty: that of the table
	cause   incident.Cause
	root    action.Ref // empty: the subject
	summary redact.Text
	cites   []string
	fault   fault
	key     string // the missing key of a ConfigMap or Secret, the variable, the finalizer, or the node to drain
	thing   string // see incident.Diagnosis
	// hung marks a fault that a fresh start would remove although its cause
	// stays unknown.
	hung       bool
	rejected   *rejected // what is known of a text that nginx rejects
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
		{"start.hook", started, proveHook},
		{"start.command", started, proveCommand},
		{"run.leak", []kube.SymptomKind{kube.OOMKill}, proveLeak},
		{"run.oom", []kube.SymptomKind{kube.OOMKill}, proveOOM},
		{"spec.env-shadowed", []kube.SymptomKind{kube.CrashLoop, kube.ProbeFailing}, proveShadow},
		{"probe.service-missing", []kube.SymptomKind{kube.ProbeFailing}, proveProbeBy(proveServiceMissing)},
		{"probe.dns", []kube.SymptomKind{kube.ProbeFailing}, proveProbeBy(proveDNS)},
		{"probe.network-policy", []kube.SymptomKind{kube.ProbeFailing}, proveProbeBy(proveNetworkPolicy)},
		{"probe.service-broken", []kube.SymptomKind{kube.ProbeFailing}, proveProbeBy(proveBrokenService)},
		{"probe.dependency", []kube.SymptomKind{kube.ProbeFailing}, proveProbeBy(proveDependency)},
		{"log.unready", []kube.SymptomKind{kube.ProbeFailing}, proveUnreadyCause},
		{"probe.throttled", []kube.SymptomKind{kube.ProbeFailing}, proveThrottled},
		{"probe.killed", []kube.SymptomKind{kube.ProbeFailing}, proveKilledByProbe},
		{"crash.env-var", []kube.SymptomKind{kube.CrashLoop}, proveEnvVar},
		{"init.waiting", []kube.SymptomKind{kube.Pending, kube.CrashLoop}, proveInitWaiting},
		{"crash.service-missing", []kube.SymptomKind{kube.CrashLoop}, proveServiceMissing},
		{"crash.dns", []kube.SymptomKind{kube.CrashLoop}, proveDNS},
		{"crash.network-policy", []kube.SymptomKind{kube.CrashLoop}, proveNetworkPolicy},
		{"crash.service-broken", []kube.SymptomKind{kube.CrashLoop}, proveBrokenService},
		{"crash.dependency", []kube.SymptomKind{kube.CrashLoop}, proveDependency},
		{"log.last-error", []kube.SymptomKind{kube.CrashLoop}, proveLogCause},
		{"crash.init", []kube.SymptomKind{kube.CrashLoop}, proveInit},
		{"crash.trace", []kube.SymptomKind{kube.CrashLoop}, proveTrace},
		{"crash.error-line", []kube.SymptomKind{kube.CrashLoop}, proveErrorLine},
		{"rollout.deadlocked", []kube.SymptomKind{kube.Unschedulable, kube.Pending, kube.RolloutStuck}, proveDeadlock},
		{"schedule.message", []kube.SymptomKind{kube.Unschedulable}, proveScheduling},
		{"run.ephemeral-storage", []kube.SymptomKind{kube.Evicted}, proveEphemeral},
		{"schedule.nobody", []kube.SymptomKind{kube.Pending}, proveScheduler},
		{"start.volume", []kube.SymptomKind{kube.Pending}, proveMount},
		{"start.sandbox", []kube.SymptomKind{kube.Pending}, proveSandbox},
		{"run.evicted", []kube.SymptomKind{kube.Evicted}, proveEvicted},
		{"create.refused", []kube.SymptomKind{kube.RolloutStuck}, proveCreate},
		{"probe.readiness", []kube.SymptomKind{kube.ProbeFailing}, proveReadiness},
		{"job.env-shadowed", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveShadow)},
		{"job.env-var", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveEnvVar)},
		{"job.init-waiting", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveInitWaiting)},
		{"job.service-missing", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveServiceMissing)},
		{"job.dns", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveDNS)},
		{"job.network-policy", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveNetworkPolicy)},
		{"job.service-broken", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveBrokenService)},
		{"job.dependency", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveDependency)},
		{"job.command", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveCommand)},
		{"job.last-error", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveLogCause)},
		{"job.trace", []kube.SymptomKind{kube.JobFailed}, proveJobBy(proveTrace)},
		{"job.failed", []kube.SymptomKind{kube.JobFailed}, proveJob},
		{"rollout.deadline", []kube.SymptomKind{kube.RolloutStuck}, proveRollout},
		{"service.no-pod", []kube.SymptomKind{kube.ServiceBroken}, proveSelector},
		{"service.port", []kube.SymptomKind{kube.ServiceBroken}, provePort},
		{"service.overlap", []kube.SymptomKind{kube.ServiceBroken}, proveOverlap},
		{"ingress.class", []kube.SymptomKind{kube.IngressBroken}, proveIngressClass},
		{"ingress.backend", []kube.SymptomKind{kube.IngressBroken}, proveIngressBackend},
		{"ingress.tls", []kube.SymptomKind{kube.IngressBroken}, proveIngressTLS},
		{"scale.condition", []kube.SymptomKind{kube.ScalingStuck}, proveScaling},
		{"evict.budget", []kube.SymptomKind{kube.EvictionBlocked}, proveBudget},
		{"delete.finalizer", []kube.SymptomKind{kube.DeletionStuck}, proveFinalizer},
		{"halt.suspended", []kube.SymptomKind{kube.Suspended}, proveSuspended}, // last: see Chosen
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
			p.rule = cmp.Or(p.rule, r.name)
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
