package admission

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
)

func (w *wall) deletePod(t *testing.T) {
	kind, policy := action.DeletePod, w.config.ExecutorPolicy(action.DeletePod)
	mine := podFor("a", w.managed.UID)
	right := metav1.DeleteOptions{DryRun: dryRun, Preconditions: &metav1.Preconditions{UID: &w.managed.UID}}
	with := func(f func(*metav1.DeleteOptions)) metav1.DeleteOptions {
		o := *right.DeepCopy()
		f(&o)
		return o
	}
	cases := []struct {
		name, pod string
		target    *corev1.Pod
		opts      metav1.DeleteOptions
		says      string // empty: passes
	}{
		{"the right delete", mine, w.managed, right, ""},
		{"the right delete as a rehearsal", podFor("r1", w.managed.UID), w.managed, right, ""},
		{"the pod's own grace period spelled out", mine, w.managed, with(func(o *metav1.DeleteOptions) { o.GracePeriodSeconds = new(int64(30)) }), ""},
		{"a pod on no node", podFor("a", w.waiting.UID), w.waiting, with(func(o *metav1.DeleteOptions) { o.Preconditions.UID = &w.waiting.UID }), ""},
		{"a forced delete", mine, w.managed, with(func(o *metav1.DeleteOptions) { o.GracePeriodSeconds = new(int64(0)) }), "grace period"},
		{"a longer grace period", mine, w.managed, with(func(o *metav1.DeleteOptions) { o.GracePeriodSeconds = new(int64(31)) }), "grace period"},
		{"without the UID", mine, w.managed, with(func(o *metav1.DeleteOptions) { o.Preconditions = nil }), "UID"},
		{"a rehearsal that deletes", podFor("r1", w.managed.UID), w.managed, with(func(o *metav1.DeleteOptions) { o.DryRun = nil }), "holds no order"},
		{"a probe that deletes", podFor("p1", w.managed.UID), w.managed, with(func(o *metav1.DeleteOptions) { o.DryRun = nil }), "holds no order"},
		{"a pod for another object", podFor("a", w.web.UID), w.managed, right, "holds no order"},
		{"no pod name", "", w.managed, right, "holds no order"},
		{"a bare pod", podFor("a", w.bare.UID), w.bare, with(func(o *metav1.DeleteOptions) { o.Preconditions.UID = &w.bare.UID }), "without a controller"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			err := w.as(w.config.ExecutorUser(kind), tc.pod).CoreV1().Pods(w.shop).Delete(t.Context(), tc.target.Name, tc.opts)
			if tc.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, policy, tc.says)
		})
	}
	me := w.as(w.config.ExecutorUser(kind), mine)
	for _, tc := range w.escapes(t, me) {
		t.Run("refused: "+tc.name, func(t *testing.T) {
			refused(t, tc.do(), policy, "may do nothing but its own change")
		})
	}
	t.Run("refused: patching the Deployment of the pod", func(t *testing.T) {
		err := w.put(t, kind, mine, w.web, dryRun, legal()[action.Restart])
		refused(t, err, policy, "may do nothing but its own change")
	})
}
