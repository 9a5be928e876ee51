package incidents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// run is one playing of a scenario.
type run struct {
	*Bench
	ns    string
	s     *Scenario
	nodes *nodes // nil where the scenario has none
}

// play applies the manifests, takes the steps and returns once everything that
// is to be waited for shows.
func (r *run) play(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.s.within())
	defer cancel()
	for _, m := range r.s.Manifests {
		if err := r.applySoon(ctx, m); err != nil {
			return err
		}
		if m.GetKind() == "Node" {
			r.nodes.add(m.GetName())
		}
	}
	for i, st := range r.s.Steps {
		if err := r.await(ctx, st.Wait); err != nil {
			return fmt.Errorf("before step %d: %w", i+1, err)
		}
		if err := r.take(ctx, st); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return r.await(ctx, r.s.Wait)
}

// applySoon tries again what the API server does not take yet: a pod whose
// ServiceAccount was made a moment ago, a node with many requests at once.
func (r *run) applySoon(ctx context.Context, m *unstructured.Unstructured) error {
	var err error
	for range 5 {
		if err = r.apply(ctx, r.ns, m); err == nil || !(apierrors.IsConflict(err) || apierrors.IsInternalError(err) || apierrors.IsServerTimeout(err)) {
			return err
		}
		time.Sleep(poll)
	}
	return err
}

// await returns once each of the conditions has stood, and says which did not.
func (r *run) await(ctx context.Context, conditions []Condition) error {
	for _, c := range conditions {
		var since time.Time
		last := errors.New("it does not show")
		for {
			s, err := r.read(ctx, r.ns, c)
			switch {
			case err != nil:
				last, since = err, time.Time{}
			case !c.shows(s):
				since = time.Time{}
			case since.IsZero():
				since = time.Now()
			}
			if !since.IsZero() && time.Since(since) >= c.For.Duration {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("waited in vain for %s: %w", c, last)
			case <-time.After(poll):
			}
		}
	}
	return nil
}

func (r *run) take(ctx context.Context, st Step) error {
	switch {
	case len(st.Apply) > 0:
		for _, o := range st.Apply {
			if err := r.applySoon(ctx, &unstructured.Unstructured{Object: o}); err != nil {
				return err
			}
		}
		return nil
	case st.Patch != "":
		return r.patch(ctx, st.Patch, st.With)
	case st.Delete != "":
		api, name, err := r.named(r.ns, st.Delete)
		if err != nil {
			return err
		}
		return api.Delete(ctx, name, metav1.DeleteOptions{})
	case st.Evict != "":
		return r.evict(ctx, st.Evict)
	case st.Silence != "":
		return r.nodes.turn(st.Silence, silent)
	case st.Relief != "":
		return r.nodes.turn(st.Relief, alive)
	default:
		return r.nodes.turn(st.Pressure, firstOf(st.Short, shortDisk))
	}
}

func (r *run) patch(ctx context.Context, ref string, with map[string]any) error {
	api, name, err := r.named(r.ns, ref)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(with)
	if err != nil {
		return fmt.Errorf("encode a patch: %w", err)
	}
	_, err = api.Patch(ctx, name, types.StrategicMergePatchType, raw, metav1.PatchOptions{FieldManager: "kubectl"})
	if err != nil {
		return fmt.Errorf("patch %s: %w", ref, err)
	}
	return nil
}

// evict asks for the eviction of each pod of a workload, as kubectl drain does.
// A budget that refuses is what some scenarios are about.
func (r *run) evict(ctx context.Context, ref string) error {
	api, name, err := r.named(r.ns, ref)
	if err != nil {
		return err
	}
	o, err := api.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	pods, err := r.podsOf(ctx, r.ns, o)
	if err != nil {
		return err
	}
	for _, p := range pods {
		err := r.kube.CoreV1().Pods(r.ns).EvictV1(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: r.ns}})
		if err != nil && !apierrors.IsTooManyRequests(err) {
			return fmt.Errorf("evict %s: %w", p.Name, err)
		}
	}
	return nil
}

// clear removes everything of the run, whatever state it is in: what is in
// nobody's namespace first, then finalizers that nobody would take away.
func (r *run) clear(ctx context.Context) error {
	var failed []error
	keep := func(err error) {
		if err != nil && !apierrors.IsNotFound(err) {
			failed = append(failed, err)
		}
	}
	objects := r.s.Manifests
	for _, st := range r.s.Steps {
		for _, o := range st.Apply {
			objects = append(objects, &unstructured.Unstructured{Object: o})
		}
	}
	now := int64(0)
	for _, m := range objects {
		api, err := r.target(m.GroupVersionKind().GroupKind(), r.ns)
		if err != nil {
			keep(err)
			continue
		}
		if len(m.GetFinalizers()) > 0 {
			_, err := api.Patch(ctx, m.GetName(), types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
			keep(err)
		}
		if clusterScoped(m.GetKind()) && m.GetKind() != "Namespace" && !strings.HasPrefix(m.GetKind(), "PersistentVolume") {
			keep(api.Delete(ctx, m.GetName(), metav1.DeleteOptions{GracePeriodSeconds: &now}))
		}
	}
	keep(r.Bench.removeNamespace(ctx, r.ns, r.nodes != nil))
	for _, m := range objects {
		if m.GetKind() == "PersistentVolume" { // protected while its claim is there
			keep(r.dyn.Resource(volumes).Delete(ctx, m.GetName(), metav1.DeleteOptions{}))
		}
	}
	return errors.Join(failed...)
}
