package scenarios_test

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// refused ACCOUNT NAMESPACE FILE TEXT: creating the object of FILE under the
// token of one of Countersign's own ServiceAccounts (gate, watcher, or an action
// kind) is refused, and the refusal says TEXT. admin acts as administrator.
func (p *player) refused(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 4, "refused ACCOUNT NAMESPACE FILE TEXT")
	var object unstructured.Unstructured
	ts.Check(yaml.Unmarshal([]byte(ts.ReadFile(args[2])), &object.Object))
	namespace := args[1]
	switch namespace {
	case "executors":
		namespace = p.s.Wall.ExecutorNamespace
	case "here":
		namespace = storyNamespace(ts)
	}
	conn := p.s.Cluster.AdminConfig()
	if args[0] != "admin" {
		var err error
		conn, err = p.s.Cluster.ServiceAccountToken(p.ctx, p.accountNamespace(args[0]), p.account(args[0]))
		ts.Check(err)
	}
	client, err := dynamic.NewForConfig(conn)
	ts.Check(err)
	kind := object.GroupVersionKind()
	resource := schema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: strings.ToLower(kind.Kind) + "s"}
	_, err = client.Resource(resource).Namespace(namespace).Create(p.ctx, &object, metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), args[3]) {
		ts.Fatalf("%s creating %s in %s: %v; want a refusal that says %q", args[0], kind.Kind, namespace, err, args[3])
	}
}

func (p *player) account(role string) string {
	switch role {
	case "gate":
		return p.s.Wall.Gate
	case "watcher":
		return p.s.Wall.Watcher
	}
	return role
}

func (p *player) accountNamespace(role string) string {
	if role == "gate" || role == "watcher" {
		return p.s.Wall.Namespace
	}
	return p.s.Wall.ExecutorNamespace
}

// unpatched ACCOUNT DEPLOYMENT PATCH TEXT: a merge patch of a Deployment under
// the account's token is refused, and the refusal says TEXT.
func (p *player) unpatched(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 4, "unpatched ACCOUNT DEPLOYMENT PATCH TEXT")
	// The wall gives tokens of executor accounts to nobody but the kubelet, so
	// the account is impersonated: its own RBAC and the policies apply.
	conn := p.s.Cluster.AdminConfig()
	conn.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:" + p.accountNamespace(args[0]) + ":" + p.account(args[0]),
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + p.accountNamespace(args[0]), "system:authenticated"},
	}
	client, err := kubernetes.NewForConfig(conn)
	ts.Check(err)
	_, err = client.AppsV1().Deployments(storyNamespace(ts)).Patch(p.ctx, args[1], types.MergePatchType, []byte(args[2]), metav1.PatchOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), args[3]) {
		ts.Fatalf("%s patching %s: %v; want a refusal that says %q", args[0], args[1], err, args[3])
	}
}
