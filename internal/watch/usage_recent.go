package watch

import (
	"slices"
	"sync"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// The bounds of what is remembered of usage: an incident is looked at every
// half minute, so that eight samples are the last few minutes.
const (
	recentSamples    = 8
	recentContainers = 2000
	recentAge        = 10 * time.Minute
)

// recentUsage remembers the samples that looks at single workloads brought, so
// that a rule may see how use went on. The metrics API itself keeps one sample.
// After a restart there is none, which proves nothing.
type recentUsage struct {
	mu   sync.Mutex
	kept map[usedBy][]kube.Usage
}

type usedBy struct {
	pod       action.Ref
	container string
}

// with remembers now and returns all that is known of these containers, the
// oldest first. The same sample twice counts once.
func (r *recentUsage) with(now []kube.Usage, at time.Time) []kube.Usage {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept == nil {
		r.kept = map[usedBy][]kube.Usage{}
	}
	r.forget(at)
	var out []kube.Usage
	for _, u := range now {
		k := usedBy{pod: u.Pod, container: u.Container}
		list := slices.DeleteFunc(slices.Clone(r.kept[k]), func(old kube.Usage) bool { return !old.At.Before(u.At) })
		list = append(list, u)
		list = list[max(0, len(list)-recentSamples):]
		if _, known := r.kept[k]; known || len(r.kept) < recentContainers {
			r.kept[k] = list
		}
		out = append(out, list...)
	}
	return out
}

func (r *recentUsage) forget(at time.Time) {
	for k, list := range r.kept {
		if at.Sub(list[len(list)-1].At) > recentAge {
			delete(r.kept, k)
		}
	}
}
