package remediate

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
)

// steer writes one ConfigMap of the control namespace as a person would; nil
// data takes it away.
func (c *cluster) steer(name string, data map[string]string) {
	c.t.Helper()
	c.delete("", "v1", "configmaps", c.control, name)
	if data == nil {
		return
	}
	raw, err := json.Marshal(configMap(name, data))
	if err != nil {
		c.t.Fatal(err)
	}
	c.create("", "v1", "configmaps", c.control, strings.Replace(string(raw), `"namespace":"countersign"`, `"namespace":"`+c.control+`"`, 1))
}

func (c *cluster) label(key, value string) {
	c.t.Helper()
	_, err := c.resource("", "v1", "namespaces", "").Patch(c.t.Context(), c.namespace, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"`+key+`":"`+value+`"}}}`), metav1.PatchOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
}

func TestOnARealClusterANamespaceThatAsksForASignatureGetsNoChangeWithoutAGoodOne(t *testing.T) {
	for _, kind := range []action.Kind{action.SetImage, action.DeletePod} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c := onCluster(t, kind)
			c.label(action.SignatureLabel, "true")
			a, r := c.rehearsed(c.realAction(kind))
			for name, tc := range signatureCases(t) {
				if tc.code == "" {
					continue // what is applied can be applied once
				}
				c.steer(action.SignersName, tc.signers)
				got := c.run(action.Apply, a, r.After, tc.with...)
				if got.State != Refused || got.Code != tc.code || !strings.Contains(got.Reason.String(), tc.says) {
					t.Errorf("%s: %s %s: %s", name, got.State, got.Code, got.Reason)
				}
			}
			if kind == action.SetImage && c.get(a).GetAnnotations()["countersign.dev/at"] != "" {
				t.Error("somebody's change got through")
			}
			if c.get(a).GetDeletionTimestamp() != nil {
				t.Error("the pod goes")
			}
			good := signatureCases(t)["an approver's signature"]
			c.steer(action.SignersName, good.signers)
			if got := c.run(action.Apply, a, r.After, good.with...); got.State != Applied {
				t.Errorf("with an approver's signature: %s %s: %s", got.State, got.Code, got.Reason)
			}
		})
	}
}

func TestOnARealClusterTheKillSwitchStopsWhatWouldOtherwiseGo(t *testing.T) {
	for _, kind := range []action.Kind{action.SetImage, action.DeletePod} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			c := onCluster(t, kind)
			a, r := c.rehearsed(c.realAction(kind))
			for _, mode := range []action.Mode{action.Rehearse, action.Apply} {
				c.steer(action.SwitchName, stopped.Data())
				if got := c.run(mode, a, r.After); got.State != Refused || got.Code != CodeStopped {
					t.Errorf("%s: %s %s: %s", mode, got.State, got.Code, got.Reason)
				}
			}
			for _, data := range []map[string]string{nil, {}, action.Switch{By: "U02ALICE"}.Data()} {
				c.steer(action.SwitchName, data)
				if got := c.run(action.Rehearse, a, ""); got.State != Rehearsed {
					t.Errorf("%v: %s %s: %s", data, got.State, got.Code, got.Reason)
				}
			}
			if got := c.run(action.Apply, a, r.After); got.State != Applied {
				t.Errorf("set back: %s %s: %s", got.State, got.Code, got.Reason)
			}
		})
	}
}

// Without the right to read the switch an executor cannot tell, and so does
// nothing: the namespace in its arguments is not the one it was bound in.
func TestOnARealClusterAnExecutorThatMayNotReadTheSwitchDoesNothing(t *testing.T) {
	c := onCluster(t, action.SetImage)
	a, r := c.rehearsed(c.realAction(action.SetImage))
	c.control = "kube-system"
	for _, mode := range []action.Mode{action.Rehearse, action.Apply} {
		if got := c.run(mode, a, r.After); got.State != Failed || got.Code != CodeForbidden {
			t.Errorf("%s: %s %s: %s", mode, got.State, got.Code, got.Reason)
		}
	}
}
