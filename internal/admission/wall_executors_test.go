package admission

import (
	"encoding/json"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/countersign-dev/countersign/internal/action"
)

const mergePatch, strategic = types.MergePatchType, types.StrategicMergePatchType

func tokenRequest() *authenticationv1.TokenRequest {
	return &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(600))}}
}

// execInto asks for exec without the upgrade: past admission it fails otherwise.
func execInto(t *testing.T, client *kubernetes.Clientset, namespace, pod string) error {
	return client.CoreV1().RESTClient().Post().Namespace(namespace).Resource("pods").Name(pod).SubResource("exec").
		Param("command", "id").Param("stdout", "true").Do(t.Context()).Error()
}

// podFor is the name of the pod of an execution on uid.
func podFor(mode string, uid types.UID) string {
	return fmt.Sprintf("cs-%s-%s-0123456789ab-x7k2p", mode, uid)
}

// edit is one change to a Deployment, applied to a copy and sent as a JSON merge
// of what differs: a whole PUT, so that every field is in the request.
type edit func(*appsv1.Deployment)

func template(d *appsv1.Deployment) *corev1.PodSpec { return &d.Spec.Template.Spec }

// legal is the change that a kind is for.
func legal() map[action.Kind]edit {
	return map[action.Kind]edit{
		action.Restart: func(d *appsv1.Deployment) {
			d.Spec.Template.Annotations[restartedAt] = "2026-11-20T12:00:00Z"
		},
		action.SetImage: func(d *appsv1.Deployment) { template(d).Containers[0].Image = "shop.example/app:2" },
		action.SetResources: func(d *appsv1.Deployment) {
			template(d).Containers[0].Resources.Limits["memory"] = quantityOf("256Mi")
			template(d).Containers[0].Resources.Requests["memory"] = quantityOf("96Mi")
		},
		action.Rollback: func(d *appsv1.Deployment) {
			c := &template(d).Containers[0]
			c.Image, c.Command, c.Args, c.Env = "shop.example/app:0", []string{"old"}, []string{"-x"}, nil
			c.Resources, c.ReadinessProbe = corev1.ResourceRequirements{}, nil
			template(d).InitContainers[0].Image = "shop.example/setup:0"
		},
	}
}

func (w *wall) executors(t *testing.T) {
	// Each writes for real on what the one before left behind; a rollback takes
	// the resources away that set-resources changes.
	for _, kind := range []action.Kind{action.Restart, action.SetImage, action.SetResources, action.Rollback} {
		right := legal()[kind]
		t.Run(string(kind), func(t *testing.T) {
			w.permitted(t, kind, right)
			w.boundToOne(t, kind, right)
			for _, m := range append(deploymentMutants(), kindMutants()[kind]...) {
				t.Run("refused: "+m.name, func(t *testing.T) {
					err := w.put(t, kind, podFor("a", w.web.UID), w.web, dryRun, right, m.with)
					refused(t, err, w.config.ExecutorPolicy(kind), m.says)
				})
			}
			w.nothingElse(t, kind)
		})
	}
}

// put sends d with the edits as the kind's executor in pod.
func (w *wall) put(t *testing.T, kind action.Kind, pod string, d *appsv1.Deployment, dry []string, edits ...edit) error {
	t.Helper()
	live, err := w.client.AppsV1().Deployments(d.Namespace).Get(t.Context(), d.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		e(live)
	}
	live.ResourceVersion = "" // the controller may have moved it meanwhile
	_, err = w.as(w.config.ExecutorUser(kind), pod).AppsV1().Deployments(d.Namespace).Update(t.Context(), live, metav1.UpdateOptions{DryRun: dry})
	return err
}

func stamped(d *appsv1.Deployment) {
	d.Annotations["countersign.dev/incident"] = "i0123456789ab"
	d.Annotations["countersign.dev/approved-by"] = "U024BE7LH,U0G9QF9C6"
	d.Annotations["countersign.dev/at"] = "2026-11-20T12:00:00Z"
}

func (w *wall) permitted(t *testing.T, kind action.Kind, right edit) {
	apply := podFor("a", w.web.UID)
	pass := func(name string, err error) {
		t.Run("passes: "+name, func(t *testing.T) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	pass("as a dry run of the execution", w.put(t, kind, apply, w.web, dryRun, right))
	pass("with stamps", w.put(t, kind, apply, w.web, dryRun, right, stamped))
	pass("as a rehearsal", w.put(t, kind, podFor("r3", w.web.UID), w.web, dryRun, right, stamped))
	pass("as a probe's dry run", w.put(t, kind, podFor("p0", w.web.UID), w.web, dryRun, right))
	pass("changing nothing but a stamp", w.put(t, kind, apply, w.web, dryRun, legalNoOp(kind), stamped))

	// The form that the executor uses, for real, on an object without pods.
	live, err := w.client.AppsV1().Deployments(w.shop).Get(t.Context(), "other", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	changed := live.DeepCopy()
	right(changed)
	patch := jsonPatch(t, live, changed)
	_, err = w.as(w.config.ExecutorUser(kind), podFor("a", w.other.UID)).AppsV1().Deployments(w.shop).Patch(t.Context(), "other", types.JSONPatchType, patch, metav1.PatchOptions{})
	pass("as a JSON Patch with tests, written for real", err)
}

// legalNoOp is needed by restart alone, whose stamp of time must be there.
func legalNoOp(kind action.Kind) edit {
	if kind == action.Restart {
		return legal()[kind]
	}
	return func(*appsv1.Deployment) {}
}

// jsonPatch has the form of the executor's: tests of UID and spec, then the
// replacement.
func jsonPatch(t *testing.T, before, after *appsv1.Deployment) []byte {
	t.Helper()
	raw, err := json.Marshal([]map[string]any{
		{"op": "test", "path": "/metadata/uid", "value": before.UID},
		{"op": "test", "path": "/spec/template", "value": before.Spec.Template},
		{"op": "replace", "path": "/spec/template", "value": after.Spec.Template},
		{"op": "add", "path": "/metadata/annotations/countersign.dev~1incident", "value": "i0123456789ab"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (w *wall) boundToOne(t *testing.T, kind action.Kind, right edit) {
	uid := string(w.web.UID)
	cases := []struct {
		name, pod string
		target    *appsv1.Deployment
		dry       []string
		says      string
	}{
		{"a pod for another object", podFor("a", w.other.UID), w.web, dryRun, "holds no order"},
		{"no pod at all", "", w.web, dryRun, "holds no order"},
		{"a rehearsal that writes", podFor("r0", w.web.UID), w.web, nil, "holds no order"},
		{"a probe that writes", podFor("p0", w.web.UID), w.web, nil, "holds no order"},
		{"a mode that does not exist", podFor("b", w.web.UID), w.web, dryRun, "holds no order"},
		{"an execution with an attempt", podFor("a1", w.web.UID), w.web, dryRun, "holds no order"},
		{"the UID elsewhere in the name", "cs-a-00000000-0000-4000-8000-000000000000-" + uid, w.web, dryRun, "holds no order"},
		{"a pod name with a prefix", "x" + podFor("a", w.web.UID), w.web, dryRun, "holds no order"},
		{"a pod without the controller's suffix", "cs-a-" + uid + "-0123456789ab", w.web, dryRun, "holds no order"},
		{"Countersign's own namespace", podFor("a", w.ours.UID), w.ours, dryRun, "is protected"},
		{"a namespace protected by its label", podFor("a", w.labelled.UID), w.labelled, dryRun, "is protected"},
	}
	for _, tc := range cases {
		t.Run("refused: "+tc.name, func(t *testing.T) {
			err := w.put(t, kind, tc.pod, tc.target, tc.dry, right)
			refused(t, err, w.config.ExecutorPolicy(kind), tc.says)
		})
	}
}

// nothingElse: other verbs, subresources and kinds.
func (w *wall) nothingElse(t *testing.T, kind action.Kind) {
	me := w.as(w.config.ExecutorUser(kind), podFor("a", w.web.UID))
	for _, tc := range w.escapes(t, me) {
		t.Run("refused: "+tc.name, func(t *testing.T) {
			refused(t, tc.do(), w.config.ExecutorPolicy(kind), "may do nothing but its own change")
		})
	}
}

type escape struct {
	name string
	do   func() error
}

// escapes are what an executor account with all rights would do next.
func (w *wall) escapes(t *testing.T, me *kubernetes.Clientset) []escape {
	ctx, shop := t.Context(), w.shop
	create, del, patch := metav1.CreateOptions{DryRun: dryRun}, metav1.DeleteOptions{DryRun: dryRun}, metav1.PatchOptions{DryRun: dryRun}
	deployments, pods := me.AppsV1().Deployments(shop), me.CoreV1().Pods(shop)
	return []escape{
		{"/scale", func() error {
			_, err := deployments.Patch(ctx, "web", mergePatch, []byte(`{"spec":{"replicas":2}}`), patch, "scale")
			return err
		}},
		{"/status", func() error {
			_, err := deployments.Patch(ctx, "web", mergePatch, []byte(`{"status":{"replicas":2}}`), patch, "status")
			return err
		}},
		{"/eviction", func() error {
			return pods.EvictV1(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: w.managed.Name}, DeleteOptions: &del})
		}},
		{"exec", func() error { return execInto(t, me, shop, w.managed.Name) }},
		{"/ephemeralcontainers", func() error {
			_, err := pods.Patch(ctx, w.managed.Name, strategic, []byte(`{"spec":{"ephemeralContainers":[{"name":"x","image":"x"}]}}`), patch, "ephemeralcontainers")
			return err
		}},
		{"a token", func() error {
			_, err := me.CoreV1().ServiceAccounts(shop).CreateToken(ctx, "default", tokenRequest(), create)
			return err
		}},
		{"a Secret", func() error {
			_, err := me.CoreV1().Secrets(shop).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, create)
			return err
		}},
		{"deleting the Deployment", func() error { return deployments.Delete(ctx, "web", del) }},
		{"deleting all Deployments", func() error { return deployments.DeleteCollection(ctx, del, metav1.ListOptions{}) }},
		{"deleting all pods", func() error { return pods.DeleteCollection(ctx, del, metav1.ListOptions{}) }},
		{"a new Deployment", func() error { _, err := deployments.Create(ctx, deployment(shop, "new", 0), create); return err }},
		{"a Deployment by apply", func() error {
			raw := []byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"new"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"x"}]}}}}`)
			_, err := deployments.Patch(ctx, "new", types.ApplyPatchType, raw, metav1.PatchOptions{DryRun: dryRun, FieldManager: "x"})
			return err
		}},
		{"a pod's label", func() error {
			_, err := pods.Patch(ctx, w.managed.Name, mergePatch, []byte(`{"metadata":{"labels":{"a":"b"}}}`), patch)
			return err
		}},
		{"a ReplicaSet", func() error {
			_, err := me.AppsV1().ReplicaSets(shop).Patch(ctx, w.managed.OwnerReferences[0].Name, mergePatch, []byte(`{"spec":{"replicas":2}}`), patch)
			return err
		}},
		{"the wall itself by name of a namespace", func() error {
			_, err := me.CoreV1().Namespaces().Patch(ctx, shop, mergePatch, []byte(`{"metadata":{"labels":{"a":"b"}}}`), patch)
			return err
		}},
		{"a node", func() error {
			_, err := me.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, create)
			return err
		}},
	}
}
