package remediate

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/countersign-dev/countersign/internal/action"
)

const (
	busybox = "docker.io/library/busybox:latest"
	typo    = "registry.example/cart:v2-typo"
)

// cluster is a namespace of its own on a real API server, an account there
// with the rules of one kind, and a policy that binds it.
type cluster struct {
	t         *testing.T
	admin     dynamic.Interface
	rc        *rest.Config
	namespace string
	control   string // namespace of the kill switch and the allowed signers
	account   string
}

// onCluster skips loudly where no cluster was named.
func onCluster(t *testing.T, kind action.Kind) *cluster {
	t.Helper()
	file := os.Getenv("COUNTERSIGN_TEST_KUBECONFIG")
	if file == "" {
		t.Skip("SKIPPED: no real API server was asked; set COUNTERSIGN_TEST_KUBECONFIG")
	}
	rc, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		t.Fatal(err)
	}
	rc.QPS = -1
	admin, err := dynamic.NewForConfig(rc)
	if err != nil {
		t.Fatal(err)
	}
	name := "cs-remediate-" + strings.ToLower(rand.Text()[:8])
	c := &cluster{t: t, admin: admin, rc: rc, namespace: name, control: name + "-control", account: "system:serviceaccount:" + name + ":" + string(kind)}
	c.create("", "v1", "namespaces", "", `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"`+name+`","labels":{"team":"web"}}}`)
	t.Cleanup(func() { c.delete("", "v1", "namespaces", "", name) })
	control := c.control // a test may point elsewhere
	c.create("", "v1", "namespaces", "", `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"`+control+`"}}`)
	t.Cleanup(func() { c.delete("", "v1", "namespaces", "", control) })
	entry, _ := action.Lookup(kind)
	rules, err := json.Marshal(entry.Rules())
	if err != nil {
		t.Fatal(err)
	}
	c.grant(c.namespace, string(rules))
	c.grant(c.control, `[{"apiGroups":[""],"resources":["configmaps"],"verbs":["get"],"resourceNames":["`+action.SwitchName+`","`+action.SignersName+`"]}]`)
	c.wall()
	return c
}

func (c *cluster) resource(group, version, plural, namespace string) dynamic.ResourceInterface {
	r := c.admin.Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: plural})
	if namespace == "" {
		return r
	}
	return r.Namespace(namespace)
}

func (c *cluster) create(group, version, plural, namespace, manifest string) *unstructured.Unstructured {
	c.t.Helper()
	obj, err := c.resource(group, version, plural, namespace).
		Create(c.t.Context(), &unstructured.Unstructured{Object: in(c.t, manifest)}, metav1.CreateOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return obj
}

func (c *cluster) delete(group, version, plural, namespace, name string) {
	background := metav1.DeletePropagationBackground
	err := c.resource(group, version, plural, namespace).Delete(context.WithoutCancel(c.t.Context()), name, metav1.DeleteOptions{PropagationPolicy: &background})
	if err != nil && !apierrors.IsNotFound(err) {
		c.t.Errorf("clean up: %v", err)
	}
}

// grant gives the account rules in one namespace: the catalogue's for its kind,
// and the two ConfigMaps in the control namespace.
func (c *cluster) grant(namespace, rules string) {
	const group, version = "rbac.authorization.k8s.io", "v1"
	c.create(group, version, "roles", namespace, `{"kind":"Role","apiVersion":"`+group+`/v1","metadata":{"name":"executor"},"rules":`+rules+`}`)
	c.create(group, version, "rolebindings", namespace, `{"kind":"RoleBinding","apiVersion":"`+group+`/v1","metadata":{"name":"executor"},
		"roleRef":{"apiGroup":"`+group+`","kind":"Role","name":"executor"},
		"subjects":[{"kind":"User","apiGroup":"`+group+`","name":"`+c.account+`"}]}`)
}

// wall installs the least policy that a fence can be: it refuses what an
// executor tries against it, for this account alone.
func (c *cluster) wall() {
	const group, version = "admissionregistration.k8s.io", "v1"
	name := "countersign-test-" + c.namespace
	c.create(group, version, "validatingadmissionpolicies", "", `{"kind":"ValidatingAdmissionPolicy","apiVersion":"`+group+`/v1","metadata":{"name":"`+name+`"},
		"spec":{"failurePolicy":"Fail",
			"matchConstraints":{"resourceRules":[{"apiGroups":["*"],"apiVersions":["*"],"operations":["*"],"resources":["*/*"]}]},
			"matchConditions":[{"name":"executor","expression":"request.userInfo.username == '`+c.account+`'"}],
			"validations":[
				{"reason":"Forbidden","message":"this network is the host's","expression":"request.resource.resource != 'deployments' || request.operation != 'UPDATE' || !object.spec.template.spec.?hostNetwork.orValue(false)"},
				{"reason":"Forbidden","message":"delete must carry the uid","expression":"request.resource.resource != 'pods' || request.operation != 'DELETE' || request.options.?preconditions.?uid.orValue('') == string(oldObject.metadata.uid)"}]}}`)
	c.create(group, version, "validatingadmissionpolicybindings", "", `{"kind":"ValidatingAdmissionPolicyBinding","apiVersion":"`+group+`/v1","metadata":{"name":"`+name+`"},
		"spec":{"policyName":"`+name+`","validationActions":["Deny"]}}`)
	c.t.Cleanup(func() {
		c.delete(group, version, "validatingadmissionpolicybindings", "", name)
		c.delete(group, version, "validatingadmissionpolicies", "", name)
	})
}

// until polls with a bound.
func (c *cluster) until(what string, done func() bool) {
	c.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done() {
			return
		}
	}
	c.t.Fatalf("not within 30 s: %s", what)
}

func (c *cluster) now() time.Time {
	_, clock, err := Connect(c.rc)
	if err != nil {
		c.t.Fatal(err)
	}
	now, err := clock.Ask(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	return now
}

// run carries out an order as the account, from a pod of the order's Job.
func (c *cluster) run(mode action.Mode, a action.Action, after action.Hash, with ...func(*action.Order)) Result {
	c.t.Helper()
	text, pod := order(c.t, mode, a, after, c.now(), with...)
	as := rest.CopyConfig(c.rc)
	as.Impersonate = rest.ImpersonationConfig{
		UserName: c.account, Groups: []string{"system:serviceaccounts", "system:authenticated"},
		Extra: map[string][]string{"authentication.kubernetes.io/pod-name": {pod}},
	}
	cfg := config(c.t, as, pod)
	cfg.Control = c.control
	r := roundTrip(c.t, Run(c.t.Context(), cfg, text))
	c.t.Logf("%s %s: %s %s in %s: %s", mode, a.Kind, r.State, r.Code, r.Took, r.Reason)
	return r
}

// rehearsed waits until the policy binds, which takes about a second.
func (c *cluster) rehearsed(a action.Action) (action.Action, Result) {
	c.t.Helper()
	var r Result
	c.until("the rehearsal of "+string(a.Kind), func() bool {
		r = c.run(action.Rehearse, a, "")
		return r.Code != CodeWallOpen
	})
	if r.State != Rehearsed {
		c.t.Fatalf("%s %s: %s", r.State, r.Code, r.Reason)
	}
	a.Bound = r.Before
	return a, r
}

func (c *cluster) get(a action.Action) *unstructured.Unstructured {
	c.t.Helper()
	group, version, plural := "apps", "v1", "deployments"
	if a.Kind == action.DeletePod {
		group, plural = "", "pods"
	}
	obj, err := c.resource(group, version, plural, c.namespace).Get(c.t.Context(), a.Target.Name, metav1.GetOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	return obj
}

func (c *cluster) patch(target string, kind types.PatchType, body string, subresources ...string) {
	c.t.Helper()
	_, err := c.resource("apps", "v1", "deployments", c.namespace).
		Patch(c.t.Context(), target, kind, []byte(body), metav1.PatchOptions{FieldManager: "kubectl-edit"}, subresources...)
	if err != nil {
		c.t.Fatal(err)
	}
}

// deploy makes a Deployment with one revision that runs and a second whose
// image does not exist; its values are hard for a test operation: HTML, line
// separators, numbers, absent and defaulted fields.
func (c *cluster) deploy() (target action.Ref, revisions map[string]action.Pinned) {
	manifest := `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"cart"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"cart"}},
		"template":{"metadata":{"labels":{"app":"cart"}},"spec":{"terminationGracePeriodSeconds":0,"containers":[{"name":"cart","image":"` + busybox + `","imagePullPolicy":"IfNotPresent",
			"command":["sleep","3600"],
			"env":[{"name":"HTML","value":"a<b && \"c\" > d"},{"name":"LINES","value":"x\u2028y\n\tz \u00e9\ud83d\ude00"},{"name":"NUMBER","value":"1e400"}],
			"ports":[{"containerPort":8080}],
			"resources":{"limits":{"memory":"64Mi","cpu":"0.5"},"requests":{"memory":"64Mi","cpu":"10m"}}}]}}}}`
	c.create("apps", "v1", "deployments", c.namespace, manifest)
	c.patchWhenRevision("1")
	obj := c.revision("2")
	return action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: c.namespace, Name: "cart", UID: string(obj.GetUID())}, c.replicaSets()
}

func (c *cluster) patchWhenRevision(n string) {
	c.revision(n)
	c.patch("cart", types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"containers":[{"name":"cart","image":"`+typo+`"}]}}}}`)
}

func (c *cluster) revision(n string) *unstructured.Unstructured {
	var obj *unstructured.Unstructured
	c.until("revision "+n, func() bool {
		obj = c.get(action.Action{Kind: action.Restart, Target: action.Ref{Name: "cart"}})
		return obj.GetAnnotations()[revisionNote] == n
	})
	return obj
}

func (c *cluster) replicaSets() map[string]action.Pinned {
	list, err := c.resource("apps", "v1", "replicasets", c.namespace).List(c.t.Context(), metav1.ListOptions{})
	if err != nil {
		c.t.Fatal(err)
	}
	found := map[string]action.Pinned{}
	for _, rs := range list.Items {
		found[rs.GetAnnotations()[revisionNote]] = action.Pinned{ReplicaSet: rs.GetName(), UID: string(rs.GetUID())}
	}
	return found
}

// realAction is a change of each kind that fits what deploy made.
func (c *cluster) realAction(kind action.Kind) action.Action {
	target, revisions := c.deploy()
	a := action.Action{Kind: kind, Target: target}
	switch kind {
	case action.Restart:
		a.Params.Restart = &action.RestartParams{At: "2026-11-20T14:00:00Z"}
	case action.SetImage:
		a.Params.SetImage = &action.SetImageParams{Container: "cart", From: typo, To: busybox}
	case action.SetResources:
		a.Params.SetResources = &action.SetResourcesParams{
			Container: "cart", FromMemoryLimit: "64Mi", ToMemoryLimit: "128Mi", FromMemoryRequest: "64Mi", ToMemoryRequest: "128Mi",
		}
	case action.Rollback:
		a.Params.Rollback = &action.RollbackParams{ToRevision: 1, FromRevision: 2, To: revisions["1"], From: revisions["2"]}
	case action.DeletePod:
		a.Params.DeletePod = &action.DeletePodParams{}
		a.Target = c.pod()
	}
	return a
}

func (c *cluster) pod() action.Ref {
	var ref action.Ref
	c.until("a pod", func() bool {
		list, err := c.resource("", "v1", "pods", c.namespace).List(c.t.Context(), metav1.ListOptions{})
		if err != nil {
			c.t.Fatal(err)
		}
		for _, p := range list.Items {
			if p.GetDeletionTimestamp() == nil && !ready(p.Object) {
				ref = action.Ref{APIVersion: "v1", Kind: "Pod", Namespace: c.namespace, Name: p.GetName(), UID: string(p.GetUID())}
			}
		}
		return ref.UID != ""
	})
	return ref
}

// wishes are what a person controls of an object.
func wishes(obj *unstructured.Unstructured) map[string]any {
	notes := obj.GetAnnotations()
	delete(notes, revisionNote)
	return map[string]any{"spec": obj.Object["spec"], "labels": obj.GetLabels(), "notes": notes, "deleted": obj.GetDeletionTimestamp()}
}
