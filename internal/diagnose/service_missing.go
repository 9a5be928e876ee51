package diagnose

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// proveServiceMissing joins a name that does not resolve with the list of
// Services, which has none of that name.
func proveServiceMissing(l *look, f fault) (proof, bool) {
	if f.init {
		return proof{}, false
	}
	return l.serviceMissing(f, l.waits(f))
}

func (l *look) serviceMissing(f fault, ws []waiting) (proof, bool) {
	for _, w := range ws {
		switch {
		case !w.call.How.Named() || w.call.Loose:
		case l.missing(w.peer) && l.clusterResolves(f.pod):
			return l.absentService(f, w), true
		case w.call.Host == "" && w.call.Object == "":
			if p, ok := l.missingBySpec(f, w); ok {
				return p, true
			}
		}
	}
	return proof{}, false
}

// missingBySpec decides for a log that says that a name does not resolve and
// not which: exactly one of the hosts that the spec names must be missing.
func (l *look) missingBySpec(f fault, w waiting) (proof, bool) {
	var absent []peer
	for _, h := range append(envHosts(f.container), commandHosts(f.container)...) {
		p := l.peerAt(f.pod, h.host, h.port)
		same := func(o peer) bool { return o.namespace == p.namespace && o.name == p.name }
		if l.missing(p) && !slices.ContainsFunc(absent, same) {
			absent = append(absent, p)
		}
	}
	if len(absent) != 1 {
		return proof{}, false
	}
	w.peer = absent[0]
	p := l.absentService(f, w)
	p.cites = append(p.cites, l.named(f, w.peer))
	return p, true
}

func (l *look) absentService(f fault, w waiting) proof {
	p := proof{cause: incident.ServiceMissing, root: kube.Key("Service", w.peer.namespace, w.peer.name)}
	p.cites = []string{l.status(f), l.log(f, l.excerpt(f, w.line)), l.absence(p.root)}
	p.summary = redact.Sprintf("%s because %s, which it connects to, %s", l.effect(f), refText(p.root), l.absentWords(w.peer))
	p.ruledOut = []redact.Text{redact.Literal("a dependency that is down: nothing answers to this name at all")}
	return p
}

// absentWords say that a Service does not exist, and what may have been meant.
func (l *look) absentWords(p peer) redact.Text {
	said := redact.Sprintf("does not exist in namespace %s", text(p.namespace))
	if near := l.nearService(p); near != nil {
		if near.Namespace == p.namespace {
			return redact.Sprintf("%s; there is a %s", said, refText(kube.RefOf(near)))
		}
		return redact.Sprintf("%s; there is one in namespace %s", said, text(near.Namespace))
	}
	return said
}

// nearService is the Service that a misspelt name comes closest to, or the one
// of the same name in another namespace. Nil if none is near.
func (l *look) nearService(p peer) *corev1.Service {
	type match struct {
		svc *corev1.Service
		far int
	}
	var near []match
	for _, s := range l.x.Services {
		far := levenshtein.ComputeDistance(s.Name, p.name)
		switch {
		case s.Namespace == p.namespace && (far <= 2 || far <= len(p.name)/3) && far < len(s.Name):
			near = append(near, match{s, far})
		case s.Namespace != p.namespace && far == 0:
			near = append(near, match{s, maxNear})
		}
	}
	if len(near) == 0 {
		return nil
	}
	return slices.MinFunc(near, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.far, b.far), strings.Compare(a.svc.Namespace, b.svc.Namespace), strings.Compare(a.svc.Name, b.svc.Name))
	}).svc
}

// maxNear ranks a name in another namespace behind every misspelling.
const maxNear = 64
