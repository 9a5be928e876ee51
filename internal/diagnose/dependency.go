package diagnose

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveDependency joins a log that cannot connect with a Service that has no
// ready endpoint. Both are needed: a refused connection alone names nobody.
func proveDependency(l *look, f fault) (proof, bool) {
	if f.init {
		return proof{}, false
	}
	ws := l.waits(f)
	for _, w := range ws {
		if l.awaited(w) {
			return l.dependency(f, w), true
		}
	}
	for _, w := range ws {
		if p, ok := l.unnamedPeer(f, w); ok {
			return p, true
		}
		if !w.call.How.Named() && !w.call.Loose && (w.peer.outside() || w.nowhere()) && f.symptom.Kind == kube.CrashLoop {
			return l.outsider(f, w), true
		}
	}
	return proof{}, false
}

// nowhere reports whether the log names the peer by an address alone that is
// none of the cluster's.
func (w waiting) nowhere() bool { return w.call.Foreign && w.call.Host == "" && w.call.Object == "" }

// awaited reports whether a failed call is explained by a Service with nobody
// behind it. A lookup fails for that reason only where the Service is headless:
// its name resolves to its ready pods.
func (l *look) awaited(w waiting) bool {
	if !l.down(w.peer) {
		return false
	}
	return !w.call.How.Named() || headless(w.peer.svc) && w.call.How != loglines.NameTimeout
}

func (l *look) dependency(f fault, w waiting) proof {
	root := l.behind(w.peer.svc)
	return proof{
		cause: incident.DependencyUnavailable, root: root,
		cites:    []string{l.status(f), l.log(f, l.excerpt(f, w.line)), l.noEndpoint(w.peer.svc)},
		summary:  redact.Sprintf("%s because %s, which it connects to, %s", l.effect(f), refText(root), l.downWords(w.peer.svc)),
		ruledOut: []redact.Text{redact.Literal("the program itself: its log says that it gave up on the connection")},
	}
}

func (l *look) noEndpoint(svc *corev1.Service) string {
	what := redact.Literal("no ready endpoint")
	if l.crashesBehind(svc) {
		what = redact.Literal("no endpoint but pods that keep crashing")
	}
	return l.evidence.add("status", kube.RefOf(svc), redact.Literal("endpoints"), what, l.x.Taken)
}

// downWords say why nobody answers for a Service, as far as it can be seen.
func (l *look) downWords(svc *corev1.Service) redact.Text {
	list := l.x.Behind(svc)
	switch {
	case len(list) == 1 && list[0].Replicas == 0 && list[0].Ref.Kind != "DaemonSet":
		return redact.Literal("is scaled to zero")
	case l.crashesBehind(svc):
		return redact.Literal("keeps crashing")
	}
	return redact.Literal("has no ready endpoint")
}

// crashesBehind is the same at every moment of a crash loop, unlike the
// endpoints: a pod without a readiness probe is ready at every start.
func (l *look) crashesBehind(svc *corev1.Service) bool {
	return slices.ContainsFunc(l.x.PodsSelected(svc.Namespace, svc.Spec.Selector), l.keepsEnding)
}

// effect is what the fault does, the first half of a summary.
func (l *look) effect(f fault) redact.Text {
	who := refText(l.subject)
	switch {
	case f.init:
		return redact.Sprintf("%s cannot start: its init container %s does not finish", who, text(f.symptom.Container))
	case f.symptom.Kind == kube.ProbeFailing && f.symptom.Class == "readiness":
		return redact.Sprintf("%s runs and does not become ready", who)
	case f.symptom.Kind == kube.ProbeFailing:
		return redact.Sprintf("%s is killed by its %s probe", who, text(f.symptom.Class))
	case l.subject.Kind == "Job" || l.subject.Kind == "CronJob":
		return redact.Sprintf("%s fails", who)
	}
	return redact.Sprintf("%s keeps crashing", who)
}

// unnamedPeer decides for a log that says that a connection was refused, or
// timed out, and not whose: of the Services that the container's spec names,
// exactly one must be down.
func (l *look) unnamedPeer(f fault, w waiting) (proof, bool) {
	if w.call.How.Named() || w.call.Host != "" || w.call.Object != "" {
		return proof{}, false
	}
	down := map[action.Ref]peer{}
	for _, h := range append(envHosts(f.container), commandHosts(f.container)...) {
		p := l.peerAt(f.pod, h.host, h.port)
		if l.down(p) && (w.call.Port == 0 || w.call.Port == h.port || servesPort(p.svc, w.call.Port)) {
			down[kube.RefOf(p.svc)] = p
		}
	}
	if len(down) != 1 {
		return proof{}, false
	}
	for _, p := range down {
		w.peer = p
	}
	p := l.dependency(f, w)
	p.cites = append(p.cites, l.named(f, w.peer))
	return p, true
}

// named records that the container's spec names a host.
func (l *look) named(f fault, p peer) string {
	return l.evidence.add("spec", l.subject, redact.Sprintf("container %s", text(f.symptom.Container)),
		redact.Sprintf("its configuration names the host %s", text(p.host)), l.x.Taken)
}

func servesPort(svc *corev1.Service, port int32) bool {
	for _, p := range svc.Spec.Ports {
		if p.Port == port {
			return true
		}
	}
	return false
}

// outsider blames a host outside the cluster. There is no object to name, so
// that the workload is the root.
func (l *look) outsider(f fault, w waiting) proof {
	who := redact.Sprintf("%s, which lies outside the cluster,", text(w.peer.host))
	if w.nowhere() {
		who = redact.Literal("a machine that is none of the cluster's")
	}
	return proof{
		cause:    incident.DependencyUnavailable,
		cites:    []string{l.status(f), l.log(f, l.excerpt(f, w.line))},
		summary:  redact.Sprintf("%s because %s does not accept its connection", l.effect(f), who),
		ruledOut: []redact.Text{redact.Literal("the program itself: its log says that it gave up on the connection")},
	}
}

// proveProbeBy tries a rule about failed calls on a container whose probe fails,
// unless the probe itself is wrong: that lies deeper.
func proveProbeBy(prove func(*look, fault) (proof, bool)) func(*look, fault) (proof, bool) {
	return func(l *look, f fault) (proof, bool) {
		if f.container == nil || l.probeIsWrong(f) {
			return proof{}, false
		}
		return prove(l, f)
	}
}
