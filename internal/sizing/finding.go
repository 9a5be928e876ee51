package sizing

import (
	"cmp"
	"slices"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Code says what a finding is about. Codes are stable.
type Code string

// The codes.
const (
	// MemoryNearLimit: the kernel kills the container at its limit.
	MemoryNearLimit Code = "memory-near-limit"
	// MemoryUnscaled: the same, while the autoscaler of the workload looks at
	// something else and will not help.
	MemoryUnscaled Code = "memory-near-limit-unscaled"
	CPUAtLimit     Code = "cpu-at-limit"
	// RequestTooLow: the node was filled by figures that are not true.
	RequestTooLow      Code = "request-below-use"
	RequestTooHigh     Code = "request-above-use"
	MemoryUnlimited    Code = "memory-unlimited"
	AutoscalerBlind    Code = "autoscaler-without-request"
	AutoscalerAtMost   Code = "autoscaler-at-maximum"
	AutoscalerConstant Code = "autoscaler-constant"
	ReplicasIdle       Code = "replicas-idle"
	ClaimUnused        Code = "claim-unused"
)

// Danger orders findings. The zero value is none.
type Danger int

// The dangers: Critical may take the workload down at any time, Warning will
// under load, Note costs only.
const (
	Note Danger = iota + 1
	Warning
	Critical
)

// String is the word for it, as severities have it.
func (d Danger) String() string {
	switch d {
	case Critical:
		return "critical"
	case Warning:
		return "warning"
	case Note:
		return "info"
	}
	return "none"
}

// Saving is what a change would give back, over all pods.
type Saving struct {
	CPUMilli int64 `json:"cpuMilli"`
	Memory   int64 `json:"memoryBytes"`
	Storage  int64 `json:"storageBytes"`
}

// None tells whether there is nothing to save.
func (s Saving) None() bool { return s == Saving{} }

// Add sums two savings.
func (s Saving) Add(o Saving) Saving {
	return Saving{CPUMilli: clamp(s.CPUMilli + o.CPUMilli), Memory: clamp(s.Memory + o.Memory), Storage: clamp(s.Storage + o.Storage)}
}

// weight makes savings comparable where nobody has given a price: a core is
// rented at about the price of 4 GiB of memory, and of some 200 GiB of storage.
func (s Saving) weight() int64 {
	return s.CPUMilli + s.Memory/(4*gibi/1000) + s.Storage/(200*gibi/1000)
}

// Finding is one thing that could be sized better.
type Finding struct {
	Code      Code
	Danger    Danger
	Object    action.Ref // what the finding is about, and what would be changed
	Workload  action.Ref // the workload that it concerns; empty for a claim
	Container string     // empty where it concerns no single one
	Summary   redact.Text
	Basis     Basis
	Saving    Saving
	// Change is the proposal: typed, within the bounds, and without a bound hash,
	// which only a rehearsal can measure. Nil where there is none; then Instead
	// says why, if a change of this kind exists at all.
	Change  *action.Action
	Instead redact.Text
	Why     redact.Text // of the change
	// Advice is for people: what to run or to edit.
	Advice []redact.Text
	// Note is who else writes the object.
	Note redact.Text
}

// compare puts the most dangerous first, then what saves most.
func compare(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(b.Danger, a.Danger), cmp.Compare(b.Saving.weight(), a.Saving.weight()),
		cmp.Compare(a.Object.Namespace, b.Object.Namespace), cmp.Compare(a.Object.Kind, b.Object.Kind),
		cmp.Compare(a.Object.Name, b.Object.Name), cmp.Compare(a.Container, b.Container), cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Summary.String(), b.Summary.String()),
	)
}

// Report is what a look at sizes says.
type Report struct {
	Findings []Finding // the most dangerous first, then what saves most
	Uses     []Use     // by namespace, workload and container
	// Unsampled counts running pods of which there is no sample.
	Unsampled int
	// Blind says what was not judged because it could not be read.
	Blind []redact.Text
}

// About keeps what concerns one workload, autoscaler or claim.
func (r Report) About(ref action.Ref) Report {
	out := Report{Blind: r.Blind}
	for _, f := range r.Findings {
		if same(f.Object, ref) || same(f.Workload, ref) {
			out.Findings = append(out.Findings, f)
		}
	}
	for _, u := range r.Uses {
		if same(u.Workload, ref) {
			out.Uses = append(out.Uses, u)
			out.Unsampled = max(out.Unsampled, u.Pods-u.Sampled)
		}
	}
	return out
}

func same(a, b action.Ref) bool {
	return a.Kind == b.Kind && a.Namespace == b.Namespace && a.Name == b.Name
}

// Namespaces lists the namespaces in which something could be saved, with the
// sum, the greatest first.
func (r Report) Namespaces() []NamespaceSaving {
	sums := map[string]Saving{}
	for _, s := range r.together() {
		sums[s.Namespace] = sums[s.Namespace].Add(s.Saving)
	}
	out := make([]NamespaceSaving, 0, len(sums))
	for ns, s := range sums {
		out = append(out, NamespaceSaving{Namespace: ns, Saving: s})
	}
	slices.SortFunc(out, func(a, b NamespaceSaving) int {
		return cmp.Or(cmp.Compare(b.Saving.weight(), a.Saving.weight()), cmp.Compare(a.Namespace, b.Namespace))
	})
	return out
}

// together lists what each workload and claim could give back. Fewer replicas and
// smaller requests overlap: the greater of the two counts.
func (r Report) together() []NamespaceSaving {
	fewer, smaller := map[action.Ref]Saving{}, map[action.Ref]Saving{}
	for _, f := range r.Findings {
		switch {
		case f.Saving.None():
		case f.Code == ReplicasIdle:
			fewer[f.Object] = f.Saving
			smaller[f.Object] = smaller[f.Object].Add(Saving{})
		default:
			smaller[f.Object] = smaller[f.Object].Add(f.Saving)
		}
	}
	out := make([]NamespaceSaving, 0, len(smaller))
	for object, s := range smaller {
		o := fewer[object]
		s = Saving{CPUMilli: max(s.CPUMilli, o.CPUMilli), Memory: max(s.Memory, o.Memory), Storage: s.Storage}
		out = append(out, NamespaceSaving{Namespace: object.Namespace, Saving: s})
	}
	return out
}

// NamespaceSaving is what one namespace could give back.
type NamespaceSaving struct {
	Namespace string
	Saving    Saving
}
