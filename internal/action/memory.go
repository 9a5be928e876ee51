package action

import "k8s.io/apimachinery/pkg/api/resource"

// memoryBelowBound keeps what is asked for apart from MaxMemoryLimit, which is
// refused itself.
const memoryBelowBound = "256Mi"

// MemoryChange takes the memory limit of a container from limit towards want, as
// far as one step may go: to half or to twice of what it is, so that one step
// takes it back, and below MaxMemoryLimit. A request that equals the limit is
// meant to (class Guaranteed) and moves along, and so does one that would
// exceed the new limit; a zero request means that there is none. ok is false
// where the limit would not move, or not towards want.
func MemoryChange(container string, limit, request, want resource.Quantity) (p SetResourcesParams, ok bool) {
	if limit.Sign() <= 0 {
		return SetResourcesParams{}, false
	}
	to := want
	twice := limit.DeepCopy()
	twice.Add(limit)
	if to.Cmp(twice) > 0 {
		to = twice
	}
	if half := resource.NewQuantity(limit.Value()/2+limit.Value()%2, limit.Format); to.Cmp(*half) < 0 {
		to = *half
	}
	bound, towards := resource.MustParse(MaxMemoryLimit), want.Cmp(limit)
	if towards < 0 && limit.Cmp(bound) >= 0 {
		return SetResourcesParams{}, false // no step would take it back
	}
	if to.Cmp(bound) >= 0 {
		bound.Sub(resource.MustParse(memoryBelowBound))
		to = bound
	}
	if towards == 0 || to.Cmp(limit) != towards {
		return SetResourcesParams{}, false
	}
	p = SetResourcesParams{Container: container, FromMemoryLimit: limit.String(), ToMemoryLimit: to.String()}
	if request.Sign() > 0 && (request.Cmp(limit) == 0 || request.Cmp(to) > 0) {
		p.FromMemoryRequest, p.ToMemoryRequest = request.String(), p.ToMemoryLimit
	}
	return p, p.validate() == nil
}
