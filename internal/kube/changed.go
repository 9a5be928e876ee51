package kube

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ChangedAt is when obj was last written, by the record of its field managers:
// its creation where there is no such record. It does not say what was changed.
func ChangedAt(obj metav1.Object) time.Time {
	if isNil(obj) {
		return time.Time{}
	}
	at := obj.GetCreationTimestamp().Time
	for _, f := range obj.GetManagedFields() {
		if f.Time != nil && f.Time.After(at) {
			at = f.Time.Time
		}
	}
	return at
}
