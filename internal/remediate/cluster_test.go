package remediate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
)

func TestOnARealClusterEachKindRehearsesWithoutTraceAndAppliesWhatItShowed(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c := onCluster(t, kind)
			a, _ := c.rehearsed(c.realAction(kind))
			before := c.get(a)
			a, r := c.rehearsed(a)
			if d := cmp.Diff(wishes(before), wishes(c.get(a))); d != "" {
				t.Fatalf("a rehearsal left a trace:\n%s", d)
			}
			if kind != action.DeletePod && (r.Diff.IsEmpty() || r.DiffMissing != 0) {
				t.Errorf("no diff: %+v", r)
			}
			done := c.run(action.Apply, a, r.After)
			if done.State != Applied || done.Code != "" {
				t.Fatalf("%s %s: %s", done.State, done.Code, done.Reason)
			}
			if kind == action.DeletePod {
				c.until("the pod is gone", func() bool {
					_, err := c.resource("", "v1", "pods", c.namespace).Get(t.Context(), a.Target.Name, metav1.GetOptions{})
					return apierrors.IsNotFound(err)
				})
			} else {
				c.changedOnly(before, c.get(a), kind)
			}
			if again := c.run(action.Apply, a, r.After); again.State != Refused {
				t.Errorf("the same order ran twice: %s", again.State)
			}
		})
	}
}

func (c *cluster) changedOnly(before, after *unstructured.Unstructured, kind action.Kind) {
	c.t.Helper()
	const container = "/spec/template/spec/containers/0/"
	want := map[action.Kind][]string{
		action.Restart:      {"/spec/template/metadata/annotations"},
		action.SetImage:     {container + "image"},
		action.SetResources: {container + "resources/limits/memory", container + "resources/requests/memory"},
		action.Rollback:     {container + "image"},
	}[kind]
	var changed []string
	differences("/spec", before.Object["spec"], after.Object["spec"], &changed)
	if d := cmp.Diff(strings.Join(want, " "), strings.Join(slices.Sorted(slices.Values(changed)), " ")); d != "" {
		c.t.Errorf("changed (-want +got):\n%s", d)
	}
	for _, key := range []string{"countersign.dev/incident", "countersign.dev/approved-by", "countersign.dev/at"} {
		if after.GetAnnotations()[key] == "" {
			c.t.Errorf("no stamp %s", key)
		}
	}
	for _, m := range after.GetManagedFields() {
		if m.Manager == FieldManager {
			return
		}
	}
	c.t.Error("the change is not recorded under our name")
}

func TestOnARealClusterAMovedTargetIsRefusedAndAStatusChangeIsNot(t *testing.T) {
	c := onCluster(t, action.SetImage)
	a, r := c.rehearsed(c.realAction(action.SetImage))

	c.patch("cart", types.MergePatchType, `{"spec":{"minReadySeconds":1}}`)
	if moved := c.run(action.Apply, a, r.After); moved.Code != CodeBoundChanged {
		t.Errorf("after an edit: %s %s", moved.State, moved.Code)
	}
	c.patch("cart", types.MergePatchType, `{"spec":{"minReadySeconds":0}}`)

	c.patch("cart", types.MergePatchType, `{"spec":{"replicas":2},"metadata":{"labels":{"x":"y"},"annotations":{"note":"n"}}}`)
	c.patch("cart", types.MergePatchType, `{"status":{"conditions":[]}}`, "status")
	if same := c.run(action.Apply, a, r.After); same.State != Applied {
		t.Errorf("after a status change: %s %s: %s", same.State, same.Code, same.Reason)
	}
}

func TestOnARealClusterAnObjectMadeAgainIsAnother(t *testing.T) {
	c := onCluster(t, action.SetImage)
	a, r := c.rehearsed(c.realAction(action.SetImage))
	c.delete("apps", "v1", "deployments", c.namespace, "cart")
	c.until("gone", func() bool {
		_, err := c.resource("apps", "v1", "deployments", c.namespace).Get(t.Context(), "cart", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	if gone := c.run(action.Apply, a, r.After); gone.Code != CodeNotFound {
		t.Errorf("deleted: %s %s", gone.State, gone.Code)
	}
	c.deploy()
	if again := c.run(action.Apply, a, r.After); again.Code != CodeUIDChanged {
		t.Errorf("made again: %s %s", again.State, again.Code)
	}
}

// A rollback across a restart must give the very template of the earlier
// ReplicaSet, or the controller makes a new one and the inverse has no target.
func TestOnARealClusterARollbackIsARevisionThatTheControllerKnowsAgain(t *testing.T) {
	c := onCluster(t, action.Rollback)
	a := c.realAction(action.Rollback) // from revision 2 to 1
	c.patch("cart", types.MergePatchType, `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-11-20T14:00:00Z"}}}}}`)
	c.revision("3")
	a.Params.Rollback.FromRevision, a.Params.Rollback.From = 3, c.replicaSets()["3"]
	first := a.Params.Rollback.To.UID
	for _, reached := range []string{"4", "5"} {
		var r Result
		a, r = c.rehearsed(a)
		if done := c.run(action.Apply, a, r.After); done.State != Applied {
			t.Fatalf("to revision %s: %s %s: %s", reached, done.State, done.Code, done.Reason)
		}
		c.revision(reached)
		if got := c.replicaSets()[reached]; got != a.Params.Rollback.To {
			t.Fatalf("revision %s is %+v, want %+v", reached, got, a.Params.Rollback.To)
		}
		inverse, ok := a.Inverse()
		if !ok {
			t.Fatal("a rollback without inverse")
		}
		a = inverse
	}
	if len(c.replicaSets()) != 3 || a.Params.Rollback.To.UID != first {
		t.Errorf("there and back again left %+v", c.replicaSets())
	}
}

// The window between the executor's look and its write, on the real thing: the
// guards alone must hold, with fields that appear and disappear.
func TestOnARealClusterThePatchAloneNoticesEveryChangeOfTheSpec(t *testing.T) {
	c := onCluster(t, action.SetImage)
	a := c.realAction(action.SetImage)
	live := c.get(a)
	body, err := json.Marshal(append(guards(live.Object), op{"replace", "/spec/template/spec/containers/0/image", busybox}))
	if err != nil {
		t.Fatal(err)
	}
	try := func() error {
		_, err := c.resource("apps", "v1", "deployments", c.namespace).
			Patch(t.Context(), "cart", types.JSONPatchType, body, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}
	if err := try(); err != nil {
		t.Fatalf("the guards refuse an object that did not move: %v", err)
	}
	for _, tc := range [][2]string{
		{`{"spec":{"minReadySeconds":3}}`, `{"spec":{"minReadySeconds":0}}`},
		{`{"spec":{"paused":true}}`, `{"spec":{"paused":false}}`},
		{`{"spec":{"progressDeadlineSeconds":601}}`, `{"spec":{"progressDeadlineSeconds":600}}`},
		{`{"spec":{"revisionHistoryLimit":2}}`, `{"spec":{"revisionHistoryLimit":10}}`},
		{`{"spec":{"strategy":{"rollingUpdate":{"maxSurge":2}}}}`, `{"spec":{"strategy":{"rollingUpdate":{"maxSurge":"25%"}}}}`},
		{`{"spec":{"template":{"metadata":{"annotations":{"a":"b"}}}}}`, `{"spec":{"template":{"metadata":{"annotations":null}}}}`},
		{`{"spec":{"template":{"spec":{"priority":null,"hostname":"x"}}}}`, `{"spec":{"template":{"spec":{"hostname":null}}}}`},
	} {
		c.patch("cart", types.MergePatchType, tc[0])
		if err := try(); !apierrors.IsInvalid(err) {
			t.Errorf("after %s the patch answers %v", tc[0], err)
		}
		c.patch("cart", types.MergePatchType, tc[1])
		if err := try(); err != nil {
			t.Errorf("after %s was taken back the patch answers %v", tc[0], err)
		}
	}
	c.patch("cart", types.MergePatchType, `{"spec":{"replicas":3}}`)
	if err := try(); err != nil {
		t.Errorf("after a scale the patch answers %v", err)
	}
}

func TestOnARealClusterAProbeMeetsThePolicy(t *testing.T) {
	for _, kind := range []action.Kind{action.SetImage, action.DeletePod} {
		c := onCluster(t, kind)
		a, _ := c.rehearsed(c.realAction(kind))
		r := c.run(action.Probe, a, "")
		if r.State != Probed {
			t.Fatalf("%s %s: %s", r.State, r.Code, r.Reason)
		}
		outcomes := map[string]Outcome{}
		for _, p := range r.Probes {
			outcomes[p.Name] = p.Outcome
		}
		t.Log(fmt.Sprint(outcomes))
		telling := map[action.Kind]string{action.SetImage: "host-network", action.DeletePod: "delete-without-uid"}[kind]
		if outcomes[OwnChange] != Open || outcomes[telling] != ByPolicy || outcomes["create-pod"] != ByRBAC || outcomes["token"] != ByRBAC {
			t.Errorf("%s: %v", kind, outcomes)
		}
	}
}
