package watch

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// Of what runs nothing (Services, Ingresses, autoscalers) the Watcher tells what
// looks wrong at a glance. Whether it is, a look decides: a Service without
// endpoints may have been scaled to zero on purpose, and then nobody hears of it.

// name is a namespace and a name in it.
type name struct{ namespace, name string }

// network is what the Watcher knows of Services and Ingresses.
type network struct {
	services  map[name]*service
	slices    map[types.UID]slice
	ingresses map[types.UID]*ingress
	listed    map[string]bool // namespaces of which every Service is known; "" for all
}

func newNetwork() network {
	return network{services: map[name]*service{}, slices: map[types.UID]slice{}, ingresses: map[types.UID]*ingress{}, listed: map[string]bool{}}
}

// The put functions are called with mu held.

// gone forgets what the network knew of an object whose record is dropped.
func (n *network) gone(kind string, r action.Ref) {
	at := name{r.Namespace, r.Name}
	switch kind {
	case "Service":
		if s := n.services[at]; s != nil && s.rec.ref.UID == r.UID {
			delete(n.services, at)
		}
	case "Ingress":
		delete(n.ingresses, types.UID(r.UID))
	}
}

// putAutoscaler tells what the autoscaler's own conditions call a failure. That
// it stands at its maximum may be meant.
func (w *Watcher) putAutoscaler(a *autoscalingv2.HorizontalPodAutoscaler) {
	var found []kube.Symptom
	for i := range a.Status.Conditions {
		c := &a.Status.Conditions[i]
		if c.Status != corev1.ConditionFalse || c.Type != autoscalingv2.AbleToScale && c.Type != autoscalingv2.ScalingActive ||
			c.Reason == "ScalingDisabled" {
			continue
		}
		found = []kube.Symptom{{Kind: kube.ScalingStuck, Class: c.Reason, Since: c.LastTransitionTime.Time, Message: c.Message}}
		break
	}
	w.putOther("HorizontalPodAutoscaler", a, found)
}

// addNetwork adds the sources of what runs nothing. Without the right to one of
// them its faults are not told, and everything else is.
func (w *Watcher) addNetwork(ns string) {
	c := w.cfg.Client
	w.add(&source{
		resource: "services", namespace: ns, optional: true, example: &corev1.Service{},
		api: listWatch(c.CoreV1().Services(ns), "", ""), sink: w.services(ns),
	})
	w.add(&source{
		resource: "endpointslices", namespace: ns, optional: true, example: &discoveryv1.EndpointSlice{},
		api: listWatch(c.DiscoveryV1().EndpointSlices(ns), "", ""), sink: w.endpointSlices(ns),
	})
	w.add(&source{
		resource: "ingresses", namespace: ns, optional: true, example: &networkingv1.Ingress{},
		api: listWatch(c.NetworkingV1().Ingresses(ns), "", ""), sink: of(w, "Ingress", ns, w.putIngress),
	})
	w.add(&source{
		resource: "horizontalpodautoscalers", namespace: ns, optional: true, example: &autoscalingv2.HorizontalPodAutoscaler{},
		api: listWatch(c.AutoscalingV2().HorizontalPodAutoscalers(ns), "", ""), sink: of(w, "HorizontalPodAutoscaler", ns, w.putAutoscaler),
	})
}
