package watch

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// ingress is one Ingress and the Services that it names.
type ingress struct {
	rec      *record
	backends []name
}

func (w *Watcher) putIngress(i *networkingv1.Ingress) {
	known := &ingress{rec: w.at("Ingress", ref("Ingress", i))}
	add := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil {
			known.backends = append(known.backends, name{i.Namespace, b.Service.Name})
		}
	}
	add(i.Spec.DefaultBackend)
	for _, rule := range i.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for n := range rule.HTTP.Paths {
			add(&rule.HTTP.Paths[n].Backend)
		}
	}
	w.network.ingresses[i.UID] = known
	w.judgeIngress(known)
}

// judgeIngresses looks at the Ingresses that name a Service which came or went.
func (w *Watcher) judgeIngresses(about name) {
	for _, i := range w.network.ingresses {
		for _, b := range i.backends {
			if b == about {
				w.judgeIngress(i)
				break
			}
		}
	}
}

func (w *Watcher) judgeIngress(i *ingress) {
	for _, b := range i.backends {
		if w.network.services[b] == nil && (w.network.listed[""] || w.network.listed[b.namespace]) {
			w.settle(i.rec, []kube.Symptom{{
				Kind: kube.IngressBroken, Class: "backend", Since: w.now(), Message: "the Ingress names Service " + b.name + ", which is not there",
			}})
			return
		}
	}
	w.settle(i.rec, nil)
}
