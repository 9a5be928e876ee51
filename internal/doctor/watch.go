package doctor

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// watching is the watches of all policies and bindings, each by its name: the
// gate may see no others.
type watching struct {
	sync.WaitGroup
	controllers []cache.Controller
}

func (w *watching) synced() bool {
	for _, c := range w.controllers {
		if !c.HasSynced() {
			return false
		}
	}
	return true
}

// lister is the API of one kind.
type lister[L runtime.Object] interface {
	List(ctx context.Context, opts metav1.ListOptions) (L, error)
	Watch(ctx context.Context, opts metav1.ListOptions) (apiwatch.Interface, error)
}

// watch starts the watches; they end with ctx.
func (p *Prover) watch(ctx context.Context) *watching {
	at := p.client.AdmissionregistrationV1()
	w := &watching{}
	for _, name := range p.cfg.Wall.PolicyNames() {
		for _, c := range []cache.Controller{
			follow(p, "policy "+name, name, &policy{}, at.ValidatingAdmissionPolicies(), func(now *policy) string {
				return p.wall.policyFault(name, now)
			}, func(a, b *policy) bool { return equality.Semantic.DeepEqual(a.Spec, b.Spec) }),
			follow(p, "binding "+name, name, &binding{}, at.ValidatingAdmissionPolicyBindings(), func(now *binding) string {
				return p.wall.bindingFault(name, now)
			}, func(a, b *binding) bool { return equality.Semantic.DeepEqual(a.Spec, b.Spec) }),
		} {
			w.controllers = append(w.controllers, c)
			w.Go(func() { c.RunWithContext(ctx) })
		}
	}
	return w
}

// follow watches one object. fault is asked under the prover's lock.
func follow[T interface {
	runtime.Object
	metav1.Object
	comparable
}, L runtime.Object](p *Prover, what, name string, kind T, at lister[L], fault func(T) string, same func(a, b T) bool) cache.Controller {
	only := fields.OneTermEqualSelector("metadata.name", name).String()
	touched := func(now T) {
		p.change(func(s *state) {
			why := ""
			var none T
			switch {
			case now == none:
				why = missing
			case s.wall != nil:
				why = fault(now)
			}
			s.touched(what, why)
		})
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	seen := func(err error) {
		p.change(func(s *state) {
			if err != nil && !s.blind[what] {
				p.log.Warn("a policy cannot be watched", "what", what, "error", p.cfg.Redactor.Redact(err.Error()).String())
			}
			delete(s.blind, what)
			if err != nil {
				s.blind[what] = true
			}
		})
	}
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				o.FieldSelector = only
				list, err := at.List(ctx, o)
				if ctx.Err() == nil {
					seen(err)
				}
				return list, err
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
				o.FieldSelector = only
				w, err := at.Watch(ctx, o)
				if ctx.Err() == nil {
					seen(err)
				}
				return w, err
			},
		},
		ObjectType: kind,
		Handler: cache.ResourceEventHandlerDetailedFuncs{
			AddFunc: func(obj any, initial bool) {
				if now, ok := obj.(T); ok && !initial {
					touched(now)
				}
			},
			UpdateFunc: func(old, obj any) {
				was, _ := old.(T)
				now, ok := obj.(T)
				if ok && (!same(was, now) || (was.GetDeletionTimestamp() == nil) != (now.GetDeletionTimestamp() == nil)) {
					touched(now)
				}
			},
			DeleteFunc: func(any) {
				var none T
				touched(none)
			},
		},
	})
	return controller
}
