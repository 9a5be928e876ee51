package watch

import (
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// addressAge is how long an address keeps its meaning after it was seen:
	// another pod may get it.
	addressAge = 10 * time.Minute
	// maxAddresses bounds the memory; beyond it new ones are not learnt.
	maxAddresses = 100_000
)

// Addresses knows which object stands behind an address of the cluster, so that
// a log line about 10.96.3.4 can say "svc shop/cache" where redaction would
// hide the number. A Collector fills it; redact.Config.Known is its Lookup. It
// is safe for concurrent use; nil knows nothing.
type Addresses struct {
	now   func() time.Time
	mu    sync.RWMutex
	known map[string]sighting
}

type sighting struct {
	name string
	at   time.Time
}

// NewAddresses makes an empty one. now nil is time.Now.
func NewAddresses(now func() time.Time) *Addresses {
	if now == nil {
		now = time.Now
	}
	return &Addresses{now: now, known: map[string]sighting{}}
}

// Lookup names the object behind an IP address or a DNS name: "pod shop/api-1".
// A name below ".svc" is a Service's by its form, whether that exists or not;
// a shorter one only if the Service was seen.
func (a *Addresses) Lookup(addr string) (name string, ok bool) {
	if a == nil {
		return "", false
	}
	addr = strings.TrimSuffix(strings.ToLower(addr), ".")
	if labels := strings.Split(addr, "."); len(labels) >= 3 && labels[2] == "svc" && labels[0] != "" && labels[1] != "" {
		return "svc " + labels[1] + "/" + labels[0], true
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	s, ok := a.known[addr]
	if !ok || a.now().Sub(s.at) > addressAge {
		return "", false
	}
	return s.name, true
}

// learn notes the addresses of a pod, a Service or a node.
func (a *Addresses) learn(obj metav1.Object) {
	if a == nil {
		return
	}
	at := obj.GetNamespace() + "/" + obj.GetName()
	switch o := obj.(type) {
	case *corev1.Pod:
		if o.Spec.HostNetwork || o.Status.Phase == corev1.PodSucceeded || o.Status.Phase == corev1.PodFailed {
			return // the node's address, or nobody's any more
		}
		for _, ip := range o.Status.PodIPs {
			a.note(ip.IP, "pod "+at)
		}
	case *corev1.Service:
		for _, ip := range o.Spec.ClusterIPs {
			if ip != corev1.ClusterIPNone {
				a.note(ip, "svc "+at)
			}
		}
		a.note(o.Name+"."+o.Namespace, "svc "+at)
	case *corev1.Node:
		for _, n := range o.Status.Addresses {
			a.note(strings.ToLower(n.Address), "node "+o.Name)
		}
	}
}

func (a *Addresses) note(addr, name string) {
	if addr == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if _, ok := a.known[addr]; !ok && len(a.known) >= maxAddresses {
		for k, s := range a.known {
			if now.Sub(s.at) > addressAge {
				delete(a.known, k)
			}
		}
		if len(a.known) >= maxAddresses {
			return
		}
	}
	a.known[addr] = sighting{name: name, at: now}
}
