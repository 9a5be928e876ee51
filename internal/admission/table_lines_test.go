package admission

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
)

// workloadLines: one kind that changes Deployments, on web unless said otherwise.
func (w *wall) workloadLines(t *testing.T, kind action.Kind, right edit) []line {
	mine := podFor("a", w.web.UID)
	update := func(what, pod string, target *appsv1.Deployment, dry bool, want verdict, edits ...edit) line {
		return line{who: string(kind), verb: "updates", what: what, dry: dry, want: want, do: func(dry []string) error {
			return w.put(t, kind, pod, target, dry, edits...)
		}}
	}
	lines := []line{
		update("its fields", mine, w.web, true, passes, right),
		update("its fields, with stamps", mine, w.web, true, passes, right, stamped),
		update("its fields, from a rehearsal", podFor("r3", w.web.UID), w.web, true, passes, right),
		update("its fields, from a probe", podFor("p0", w.web.UID), w.web, true, passes, right),
		update("its fields, from a rehearsal that writes", podFor("r0", w.web.UID), w.web, false, refusedByBoth, right),
		update("its fields, from a probe that writes", podFor("p0", w.web.UID), w.web, false, refusedByBoth, right),
		update("its fields, from another object's pod", podFor("a", w.other.UID), w.web, true, refusedByBoth, right),
		update("its fields, from no pod", "", w.web, true, refusedByBoth, right),
		update("its fields, in a mode that does not exist", podFor("b", w.web.UID), w.web, true, refusedByBoth, right),
		update("its fields, from an execution with an attempt", podFor("a1", w.web.UID), w.web, true, refusedByBoth, right),
		update("its fields, from a pod whose name has a prefix", "x"+mine, w.web, true, refusedByBoth, right),
		update("its fields, with the UID elsewhere in the pod's name", "cs-a-00000000-0000-4000-8000-000000000000-"+string(w.web.UID), w.web, true, refusedByBoth, right),
		update("its fields, in Countersign's own namespace", podFor("a", w.ours.UID), w.ours, true, refusedByBoth, right),
		update("its fields, in a namespace protected by its label", podFor("a", w.labelled.UID), w.labelled, true, refusedByBoth, right),
	}
	if kind == action.Restart { // it leaves the Deployment as it is for the other kinds
		lines = append(lines, update("its fields, for real", podFor("a", w.other.UID), w.other, false, passes, right))
	}
	for _, m := range append(deploymentMutants(), kindMutants()[kind]...) {
		lines = append(lines, update("also "+m.name, mine, w.web, true, verdictOn(m.name), right, m.with))
	}
	return append(lines, w.escapeLines(t, string(kind), w.config.ExecutorUser(kind), mine)...)
}

// podLines: the kind that deletes pods.
func (w *wall) podLines(t *testing.T) []line {
	kind := action.DeletePod
	mine := podFor("a", w.managed.UID)
	del := func(what, pod string, target *corev1.Pod, dry bool, want verdict, with func(*metav1.DeleteOptions)) line {
		return line{who: string(kind), verb: "deletes", what: what, dry: dry, want: want, do: func(dry []string) error {
			opts := metav1.DeleteOptions{DryRun: dry, Preconditions: &metav1.Preconditions{UID: &target.UID}}
			with(&opts)
			return w.as(w.config.ExecutorUser(kind), pod).CoreV1().Pods(target.Namespace).Delete(t.Context(), target.Name, opts)
		}}
	}
	plain := func(*metav1.DeleteOptions) {}
	lines := []line{
		del("its pod", mine, w.managed, true, passes, plain),
		del("its pod, from a rehearsal", podFor("r1", w.managed.UID), w.managed, true, passes, plain),
		del("its pod, from a rehearsal that writes", podFor("r1", w.managed.UID), w.managed, false, refusedByBoth, plain),
		del("its pod, from a probe that writes", podFor("p1", w.managed.UID), w.managed, false, refusedByBoth, plain),
		del("its pod, from another object's pod", podFor("a", w.web.UID), w.managed, true, refusedByBoth, plain),
		del("its pod, from no pod", "", w.managed, true, refusedByBoth, plain),
		del("its pod, by force", mine, w.managed, true, celOnly, func(o *metav1.DeleteOptions) { o.GracePeriodSeconds = new(int64(0)) }),
		del("its pod, without the UID", mine, w.managed, true, celOnly, func(o *metav1.DeleteOptions) { o.Preconditions = nil }),
		del("a bare pod", podFor("a", w.bare.UID), w.bare, true, celOnly, plain),
		{who: string(kind), verb: "updates", what: "the pod's Deployment", dry: true, want: refusedByBoth, do: func(dry []string) error {
			return w.put(t, kind, mine, w.web, dry, legal()[action.Restart])
		}},
	}
	return append(lines, w.escapeLines(t, string(kind), w.config.ExecutorUser(kind), mine)...)
}

// gateLines: the gate, at its Jobs and elsewhere.
func (w *wall) gateLines(t *testing.T) []line {
	gate, own := w.as(w.config.GateUser(), ""), w.config.Namespace
	create := func(what string, want verdict, invalid bool, with func(*batchv1.Job)) line {
		return line{who: "gate", verb: "creates", what: what, dry: true, want: want, invalid: invalid, do: func(dry []string) error {
			job := w.job("a", string(w.web.UID), string(action.Restart))
			with(job)
			_, err := gate.BatchV1().Jobs(job.Namespace).Create(t.Context(), job, metav1.CreateOptions{DryRun: dry})
			return err
		}}
	}
	var lines []line
	for _, k := range w.config.kinds() {
		lines = append(lines, create("the right Job of "+string(k), passes, false, func(j *batchv1.Job) {
			j.Spec.Template.Spec.ServiceAccountName = string(k)
		}))
	}
	for _, m := range gateMutants() {
		lines = append(lines, create("a Job with "+m.name, verdictOn(m.name), m.invalid, m.with))
	}
	lines = append(lines, create("a Job with an image by tag", refusedByBoth, false, func(j *batchv1.Job) {
		j.Spec.Template.Spec.Containers[0].Image = "executor:latest"
	}), create("a Job elsewhere", refusedByBoth, false, func(j *batchv1.Job) { j.Namespace = w.shop }))
	ctx := t.Context()
	other := func(verb, what string, want verdict, do func(metav1.CreateOptions) error) {
		lines = append(lines, line{who: "gate", verb: verb, what: what, dry: true, want: want, do: func(dry []string) error {
			return do(metav1.CreateOptions{DryRun: dry})
		}})
	}
	lease := func(name string) func(metav1.CreateOptions) error {
		return func(o metav1.CreateOptions) error {
			_, err := gate.CoordinationV1().Leases(own).Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}, o)
			return err
		}
	}
	config := func(namespace, name string) func(metav1.CreateOptions) error {
		return func(o metav1.CreateOptions) error {
			_, err := gate.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, o)
			return err
		}
	}
	event := func(namespace string) func(metav1.CreateOptions) error {
		return func(o metav1.CreateOptions) error {
			_, err := gate.CoreV1().Events(namespace).Create(ctx, &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e"}, InvolvedObject: corev1.ObjectReference{Namespace: namespace}}, o)
			return err
		}
	}
	other("creates", "its Lease", passes, lease(w.config.Gate))
	other("creates", "the watcher's Lease", refusedByBoth, lease(w.config.Watcher))
	update := func(name string) func(metav1.CreateOptions) error {
		return func(o metav1.CreateOptions) error {
			_, err := gate.CoreV1().ConfigMaps(own).Update(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.UpdateOptions{DryRun: o.DryRun})
			return err
		}
	}
	other("updates", "the audit anchor", passes, update(action.AnchorName))
	other("updates", "the kill switch", passes, update(action.SwitchName))
	other("updates", "its policy", refusedByBoth, update(action.PolicyName))
	other("updates", "the allowed signers", refusedByBoth, update(action.SignersName))
	other("creates", "another ConfigMap", refusedByBoth, config(own, "another"))
	other("creates", "the anchor elsewhere", refusedByBoth, config(w.shop, action.AnchorName))
	other("creates", "an Event", passes, event(own))
	other("creates", "an Event elsewhere", refusedByBoth, event(w.shop))
	return append(lines, w.escapeLines(t, "gate", w.config.GateUser(), "")...)
}

// strangerLines: others than the gate and the accounts of the catalogue.
func (w *wall) strangerLines(t *testing.T) []line {
	exec, ctx := w.config.ExecutorNamespace, t.Context()
	update := func(who, user, pod string, want verdict) line {
		return line{who: who, verb: "updates", what: "a Deployment", dry: true, want: want, do: func(dry []string) error {
			_, err := w.as(user, pod).AppsV1().Deployments(w.shop).Patch(ctx, "web", mergePatch, []byte(`{"spec":{"paused":true}}`), metav1.PatchOptions{DryRun: dry})
			return err
		}}
	}
	secret := func(who, user string, want verdict) line {
		return line{who: who, verb: "creates", what: "a Secret in the executor namespace", dry: true, want: want, do: func(dry []string) error {
			_, err := w.as(user, "").CoreV1().Secrets(exec).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, metav1.CreateOptions{DryRun: dry})
			return err
		}}
	}
	nobody := userName(exec, "default")
	return []line{
		update("a person", "alice", "", passes),
		update("an account of the executor namespace that no kind has", nobody, podFor("a", w.web.UID), regoOnly),
		update("an account of another namespace", userName(w.shop, "default"), "", passes),
		secret("a person", "alice", celOnly),
		secret("an account of the executor namespace that no kind has", nobody, refusedByBoth),
	}
}

// gatekeeperLine is about Gatekeeper's own namespace, which its chart always
// exempts.
func (w *wall) gatekeeperLine(t *testing.T) line {
	d, err := w.client.AppsV1().Deployments("gatekeeper-system").Get(t.Context(), "gatekeeper-controller-manager", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return line{who: string(action.Restart), verb: "updates", what: "Gatekeeper itself", dry: true, want: refusedByBoth, do: func(dry []string) error {
		return w.put(t, action.Restart, podFor("a", d.UID), d, dry, legal()[action.Restart])
	}}
}
