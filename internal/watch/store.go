package watch

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// store is what a source shows to its Reflector. It stores nothing: it hands
// every object to the sink as it arrives. In a streamed list that happens in
// the transformer, in a paged one in source.list; both leave a stub of the object
// for the Reflector, so that a list of 50,000 pods is never in memory at once.
type store source

var _ cache.TransformingStore = (*store)(nil)

// stub stands for an object that the sink has seen, and knows which one. What else
// may be asked of an object all stubs of a source answer alike: nothing.
type stub struct {
	*metav1.ObjectMeta
	uid types.UID
}

// GetUID returns the object's UID.
func (s *stub) GetUID() types.UID { return s.uid }

// GetObjectKind makes a stub an item of a list.
func (s *stub) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject makes a stub an item of a list. It is never changed.
func (s *stub) DeepCopyObject() runtime.Object { return s }

func (s *store) Add(obj any) error {
	if o, ok := obj.(runtime.Object); ok {
		s.sink.put(o)
	}
	return nil
}

func (s *store) Update(obj any) error { return s.Add(obj) }

func (s *store) Delete(obj any) error {
	if o, ok := obj.(runtime.Object); ok {
		s.sink.drop(o)
	}
	return nil
}

// Replace comes after each full list, streamed or not.
func (s *store) Replace(list []any, _ string) error {
	seen := make(map[types.UID]bool, len(list))
	for _, obj := range list {
		o, err := meta.Accessor(obj)
		if err != nil {
			continue
		}
		seen[o.GetUID()] = true
		if _, done := obj.(*stub); !done {
			if err := s.Add(obj); err != nil {
				return err
			}
		}
	}
	if s.sink.keep != nil {
		s.sink.keep(seen)
	}
	(*source)(s).settle(false)
	return nil
}

// Resync has nothing to do: what depends on time is looked at when it is due.
func (s *store) Resync() error { return nil }

// Transformer may see an object twice when a stream breaks and starts again.
func (s *store) Transformer() cache.TransformFunc {
	return func(obj any) (any, error) { return s.take(obj) }
}

// take hands an object to the sink and leaves its stub. What is no object of the
// API, or a stub by now, stays what it is.
func (s *store) take(obj any) (any, error) {
	o, err := meta.Accessor(obj)
	if _, done := obj.(*stub); done || err != nil {
		return obj, nil
	}
	if err := s.Add(obj); err != nil {
		return nil, err
	}
	return &stub{ObjectMeta: s.nothing, uid: o.GetUID()}, nil
}
