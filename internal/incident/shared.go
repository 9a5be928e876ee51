package incident

import "github.com/countersign-dev/countersign/internal/action"

// Shared is what the findings of several subjects have in common when one cause
// explains them all: the cause, and the root or the thing (a registry) that
// every one of them needs.
type Shared struct {
	Cause Cause
	Root  action.Ref // without UID: a root that is absent has none
	Thing string
}

// Shared is the diagnosis's part in such a group; ok is false where nothing is
// proven, because nothing says then that two findings are one.
func (d Diagnosis) Shared() (s Shared, ok bool) {
	switch {
	case !d.Proven():
		return Shared{}, false
	case !d.Thing.IsEmpty():
		return Shared{Cause: d.Cause, Thing: d.Thing.String()}, true
	}
	return Shared{Cause: d.Cause, Root: AnyOf(d.Root)}, true
}

// Awaits is the object that the diagnosis blames for being down; ok is false
// for causes that blame nobody. What is wrong with that object lies deeper.
func (d Diagnosis) Awaits() (root action.Ref, ok bool) {
	switch d.Cause {
	case DependencyUnavailable, InitContainerWaiting, DNSFailure, AdmissionWebhookUnavailable, IngressBackendMissing,
		PVCUnbound, HPAMetricsUnavailable:
		return AnyOf(d.Root), true
	default:
		return action.Ref{}, false
	}
}

// AnyOf is a reference without the UID that tells one object of a name from
// the next.
func AnyOf(r action.Ref) action.Ref {
	r.UID = ""
	return r
}
