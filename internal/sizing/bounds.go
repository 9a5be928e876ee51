package sizing

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// Bounds are what policy lets a proposal be. The zero value lets none be.
type Bounds struct {
	// Protected are namespaces in which nothing is proposed.
	Protected []string
	// Enabled tells whether actions of kind set-resources are enabled in a
	// namespace.
	Enabled func(namespace string) bool
	// MaxPods is how many pods one change may replace.
	MaxPods int
}

// protectedLabel protects a namespace as the policy does.
const protectedLabel = "countersign.dev/protected"

func (b Bounds) protects(x *kube.Index, namespace string) bool {
	if slices.Contains(b.Protected, namespace) {
		return true
	}
	ns, ok := x.Object(kube.Key("Namespace", "", namespace)).(*corev1.Namespace)
	return ok && ns.Labels[protectedLabel] == "true"
}

// When samples carry a proposal.
const (
	fewSamples  = 3
	shortSpan   = 45 * time.Second
	manySamples = 10
	// longSpan is ten minutes, less what lies before the first and after the
	// last sample of a watch of that length.
	longSpan = 9 * time.Minute
)

// Basis is what figures rest on. The zero value means the objects alone, which
// need no sample.
type Basis struct {
	Samples int           `json:"samples"` // of the pod that has most of them
	Span    time.Duration `json:"-"`       // from the start of the first to the end of the last
}

// Settled tells whether a change may be proposed on this basis.
func (b Basis) Settled() bool { return b.Samples >= fewSamples && b.Span >= shortSpan }

// Long tells whether something may be lowered on this basis.
func (b Basis) Long() bool { return b.Samples >= manySamples && b.Span >= longSpan }

// The shares, in percent, from which figures mean something.
const (
	nearLimit     = 90  // of a memory limit: little is left
	veryNearLimit = 95  // of a memory limit: the next request may be the last
	atLimit       = 95  // of a processor limit: the rest is rounding
	headroom      = 150 // of the peak seen: what a container should have
)

// What is too little to speak of.
const (
	smallCPU     = int64(50)       // milli
	smallMemory  = int64(32) << 20 // bytes
	idleCPU      = int64(5)        // milli: a process that waits
	freshClaim   = 10 * time.Minute
	farFactor    = 2   // of what is needed
	farBelowLess = 150 // percent of the request
)
