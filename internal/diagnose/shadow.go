package diagnose

import (
	"strings"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveShadow believes that the losing value was meant, if the last error finds
// fault with the variable or with the value that won. Two values alone are no
// fault: many override a default on purpose.
func proveShadow(l *look, f fault) (proof, bool) {
	if f.container == nil || f.pod == nil {
		return proof{}, false
	}
	lines := l.logLines(f)
	if f.symptom.Kind == kube.ProbeFailing {
		if lines = l.probedLines(f); l.probeIsWrong(f) {
			return proof{}, false
		}
	} else if t := termination(f); t == nil || t.ExitCode == 0 || t.Reason == "OOMKilled" || killed(t) {
		return proof{}, false
	}
	twice := l.shadowed(f)
	if len(twice) == 0 {
		return proof{}, false
	}
	at := loglines.LastFault(lines)
	if at < 0 {
		return proof{}, false
	}
	line := lines[at].String()
	var name string
	for n, list := range twice {
		if l.faultsValue(f, lines, line, n, list) && (name == "" || n < name) {
			name = n
		}
	}
	if name == "" {
		return proof{}, false
	}
	list := twice[name]
	won, lost := list[len(list)-1], list[len(list)-2]
	p := proof{cause: incident.EnvShadowed, key: name}
	p.cites = []string{
		l.status(f), l.log(f, []redact.Text{lines[at]}),
		l.evidence.add("spec", l.subject, redact.Sprintf("variable %s of container %s", text(name), text(f.symptom.Container)),
			redact.Sprintf("set by %s, which wins over %s", won.where, lost.where), l.x.Taken),
	}
	p.summary = redact.Sprintf("%s: variable %s of container %s is set twice, and the wrong value wins: that of %s, over %s",
		l.fares(f), text(name), text(f.symptom.Container), won.where, lost.where)
	return p, true
}

// faultsValue reports whether a line finds fault with a variable that is set
// twice. A host that exists is down for another cause, and one outside the
// cluster may be. That a name of the cluster does not exist, while another value
// was at hand, is the fault of who set it.
func (l *look) faultsValue(f fault, lines []redact.Text, line, name string, list []setting) bool {
	won, lost := list[len(list)-1], list[len(list)-2]
	trouble := loglines.TroubleOf(line)
	unreachable := trouble == loglines.Dependency || trouble == loglines.Lookup
	telling := len(won.value) > 2 && won.value != "true" && won.value != "false"
	named, valued := loglines.WordAt(line, name) >= 0, telling && loglines.WordAt(line, won.value) >= 0
	switch host, namespace := hostOf(won.value), f.pod.Namespace; {
	case unreachable && isLoopback(host):
		return f.refusedByItself(lines, line, name, won.value) || named && f.alone()
	case !named && !valued:
		return false
	case unreachable && l.x.ServiceByHost(namespace, host) != nil:
		return false
	case unreachable && l.x.ServiceByHost(namespace, hostOf(lost.value)) != nil:
		return true
	case unreachable:
		return trouble == loglines.Lookup && valued && l.x.Services != nil && inCluster(host)
	}
	return loglines.FindsFaultWith(line, name) || valued && loglines.FindsFaultWith(line, won.value)
}

// inCluster reports whether a host can only be the name of a Service.
func inCluster(host string) bool {
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, ".svc.cluster.local")
}
