package watch

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/kube"
)

// emptyFor is how long a Service may have no endpoint: pods come and go.
const emptyFor = 30 * time.Second

// service is one Service that selects pods, and how many endpoints it has.
type service struct {
	rec       *record
	selects   bool      // pods; others are filled by hand
	slices    int       // EndpointSlices; none yet means that nothing is known
	endpoints int       // ready or not
	empty     time.Time // since when there is none
}

// slice is what one EndpointSlice adds to its Service.
type slice struct {
	of        name
	endpoints int
}

func (w *Watcher) putService(s *corev1.Service) {
	at := name{s.Namespace, s.Name}
	known := w.network.services[at]
	if known == nil || known.rec.ref.UID != string(s.UID) {
		known = &service{rec: w.at("Service", ref("Service", s)), empty: s.CreationTimestamp.Time}
		for _, sl := range w.network.slices {
			if sl.of == at {
				known.slices++
				known.endpoints += sl.endpoints
			}
		}
		if known.endpoints > 0 {
			known.empty = time.Time{}
		}
		w.network.services[at] = known
		w.judgeIngresses(at)
	}
	known.selects = len(s.Spec.Selector) > 0 && s.Spec.Type != corev1.ServiceTypeExternalName
	w.judgeService(known)
}

func (w *Watcher) putSlice(s *discoveryv1.EndpointSlice) {
	of := name{s.Namespace, s.Labels[discoveryv1.LabelServiceName]}
	if of.name == "" {
		return
	}
	w.countSlice(s.UID, &slice{of: of, endpoints: len(s.Endpoints)})
}

// countSlice replaces what a slice added to its Service; nil takes it away.
func (w *Watcher) countSlice(uid types.UID, now *slice) {
	if was, known := w.network.slices[uid]; known {
		if svc := w.network.services[was.of]; svc != nil {
			svc.slices--
			svc.endpoints -= was.endpoints
			w.refill(svc)
		}
		delete(w.network.slices, uid)
	}
	if now == nil {
		return
	}
	w.network.slices[uid] = *now
	if svc := w.network.services[now.of]; svc != nil {
		svc.slices++
		svc.endpoints += now.endpoints
		w.refill(svc)
	}
}

// refill notes when a Service lost its last endpoint, or got one again.
func (w *Watcher) refill(s *service) {
	switch {
	case s.endpoints > 0:
		s.empty = time.Time{}
	case s.empty.IsZero():
		s.empty = w.now()
	}
	w.judgeService(s)
}

func (w *Watcher) judgeService(s *service) {
	if !s.selects || s.empty.IsZero() || s.slices == 0 {
		w.settle(s.rec, nil)
		w.lookAgain(s.rec, time.Time{})
		return
	}
	if due := s.empty.Add(emptyFor); due.After(w.now()) {
		w.lookAgain(s.rec, due)
		return
	}
	w.lookAgain(s.rec, time.Time{})
	w.settle(s.rec, []kube.Symptom{{Kind: kube.ServiceBroken, Class: "no-pod", Since: s.empty, Message: "no pod stands behind the Service"}})
}

// rejudgeService looks at a Service whose time has come.
func (w *Watcher) rejudgeService(rec *record) {
	if s := w.network.services[name{rec.ref.Namespace, rec.ref.Name}]; s != nil && s.rec == rec {
		w.judgeService(s)
	}
}

// services is the sink of Services: an Ingress can be judged once all are known,
// and again when one goes.
func (w *Watcher) services(ns string) sink {
	s := of(w, "Service", ns, w.putService)
	keep, drop := s.keep, s.drop
	s.keep = func(seen map[types.UID]bool) {
		keep(seen)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.network.listed[ns] = true
		for _, i := range w.network.ingresses {
			w.judgeIngress(i)
		}
	}
	s.drop = func(o runtime.Object) {
		drop(o)
		if svc, ok := o.(*corev1.Service); ok {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.judgeIngresses(name{svc.Namespace, svc.Name})
		}
	}
	return s
}

// endpointSlices is the sink of EndpointSlices, which have no records.
func (w *Watcher) endpointSlices(ns string) sink {
	return sink{
		put: func(o runtime.Object) {
			if s, ok := o.(*discoveryv1.EndpointSlice); ok {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.putSlice(s)
			}
		},
		drop: func(o runtime.Object) {
			if s, ok := o.(*discoveryv1.EndpointSlice); ok {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.countSlice(s.UID, nil)
			}
		},
		keep: func(seen map[types.UID]bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			for uid, s := range w.network.slices {
				if !seen[uid] && (ns == "" || s.of.namespace == ns) {
					w.countSlice(uid, nil)
				}
			}
		},
	}
}
