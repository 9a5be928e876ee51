package diagnose

import (
	"slices"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveInitWaiting names what an init container waits for: one that has run for
// long, or one that gives up and begins anew. Its log says it, or else its
// command, where exactly that is missing.
func proveInitWaiting(l *look, f fault) (proof, bool) {
	f, ok := waitingFault(f)
	if !ok {
		return proof{}, false
	}
	ws := l.waits(f)
	p, ok := l.initByLog(f, ws)
	if !ok && !told(ws) && !l.otherTrouble(f) {
		p, ok = l.initByCommand(f)
	}
	if !ok {
		return proof{}, false
	}
	p.fault = f
	p.ruledOut = []redact.Text{redact.Literal("the main containers: they were never started")}
	return p, true
}

// waitingFault finds the init container of a fault: a pod that waits to be
// initialized has its symptom as a whole.
func waitingFault(f fault) (fault, bool) {
	switch {
	case f.pod == nil:
		return fault{}, false
	case f.symptom.Kind == kube.Pending && f.symptom.Class == "initializing":
		c := kube.WaitingInit(f.pod)
		if c == nil {
			return fault{}, false
		}
		s := f.symptom
		s.Container = c.Name
		g := podFault(f.pod, s)
		g.like = f.like
		return g, g.init
	}
	t := termination(f)
	return f, f.init && f.container != nil && t != nil && t.ExitCode != 0
}

// told reports whether the log names a peer: then the command's other words
// prove nothing.
func told(ws []waiting) bool {
	for _, w := range ws {
		if !w.call.Loose && (w.call.Host != "" || w.call.Object != "") {
			return true
		}
	}
	return false
}

// otherTrouble reports whether the log tells of an error that is no failed call:
// then nobody knows that the container waits.
func (l *look) otherTrouble(f fault) bool {
	lines := l.logLines(f)
	if f.symptom.Kind == kube.Pending {
		lines = l.currentLines(f)
	}
	return slices.ContainsFunc(lines, func(line redact.Text) bool {
		_, ok := loglines.ParseCall(line.String())
		return !ok && loglines.Tells(line.String())
	})
}

// initByLog reads the log as that of any other container. What is missing or
// down is what the init container waits for; other causes keep their names.
func (l *look) initByLog(f fault, ws []waiting) (proof, bool) {
	if p, ok := l.serviceMissing(f, ws); ok {
		p.cause = incident.InitContainerWaiting
		return p, true
	}
	if p, ok := l.dnsFailure(f, ws); ok {
		return p, true
	}
	if p, ok := l.blocked(f, ws); ok {
		return p, true
	}
	for _, w := range ws {
		p, ok := l.unnamedPeer(f, w)
		if l.awaited(w) {
			p, ok = l.dependency(f, w), true
		}
		if ok {
			p.cause = incident.InitContainerWaiting
			return p, true
		}
	}
	return proof{}, false
}

// initByCommand looks for what the command, then the variables, of a silent init
// container ask for and do not get. A command that waits for several things
// waits for the first of them that is not there.
func (l *look) initByCommand(f fault) (proof, bool) {
	for _, h := range append(commandHosts(f.container), envHosts(f.container)...) {
		p := l.peerAt(f.pod, h.host, h.port)
		switch {
		case l.missing(p) && l.clusterResolves(f.pod):
			root := kube.Key("Service", p.namespace, p.name)
			return proof{
				cause: incident.InitContainerWaiting, root: root,
				cites:   []string{l.status(f), l.named(f, p), l.absence(root)},
				summary: redact.Sprintf("%s because it waits for %s, which %s", l.effect(f), refText(root), l.absentWords(p)),
			}, true
		case l.down(p):
			root := l.behind(p.svc)
			return proof{
				cause: incident.InitContainerWaiting, root: root,
				cites:   []string{l.status(f), l.named(f, p), l.noEndpoint(p.svc)},
				summary: redact.Sprintf("%s because it waits for %s, which %s", l.effect(f), refText(root), l.downWords(p.svc)),
			}, true
		}
	}
	return l.initByObject(f)
}
