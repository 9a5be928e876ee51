package admission

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// protectedDeletes runs the optional policy. Its registration is narrowed to
// users of this test: it would hold for everybody who shares the cluster.
func (g *fence) protectedDeletes(t *testing.T) {
	lines := g.deleteLines(t)
	t.Run("off by default", func(t *testing.T) {
		for _, l := range lines {
			if err := l.do(dryRun); err != nil {
				t.Errorf("%s: %v", l.name(), err)
			}
		}
	})
	constraint, err := g.config.ProtectedDeletes(DefaultBreakGlass)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.real.Enforce(t.Context(), "protected-deletes", constraint); err != nil {
		t.Fatal(err)
	}
	hooks, err := g.config.ProtectedDeletesWebhook(DefaultBreakGlass, GatekeeperService{CABundle: g.real.CABundle})
	if err != nil {
		t.Fatal(err)
	}
	for i := range hooks.Webhooks {
		hooks.Webhooks[i].MatchConditions = append(hooks.Webhooks[i].MatchConditions, admissionv1.MatchCondition{
			Name: "users-of-this-test", Expression: "request.userInfo.username.contains(" + quote(g.config.Instance) + ")",
		})
	}
	g.register(hooks)
	g.eventually("Gatekeeper is asked about deletions", func() bool { return refusedByGatekeeper(lines[0].do(dryRun)) })
	for _, l := range lines {
		t.Run(l.name(), func(t *testing.T) { l.try(t, guards{cel: true, rego: true}) })
	}
}

// deleteLines: the first of them is refused.
func (g *fence) deleteLines(t *testing.T) []line {
	id := g.config.Instance
	user := func(name string, groups ...string) *kubernetes.Clientset {
		conn := rest.CopyConfig(g.admin)
		conn.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: append(groups, "system:masters")}
		client, err := kubernetes.NewForConfig(conn)
		if err != nil {
			t.Fatal(err)
		}
		return client
	}
	deployment := func(who string, as *kubernetes.Clientset, namespace, name string, want verdict) line {
		return line{who: who, verb: "deletes", what: "a Deployment in " + namespace, dry: true, want: want, do: func(dry []string) error {
			return as.AppsV1().Deployments(namespace).Delete(t.Context(), name, metav1.DeleteOptions{DryRun: dry})
		}}
	}
	safe, ours := g.labelled.Namespace, g.config.Namespace
	alice := user("alice-" + id)
	return []line{
		deployment("a person", alice, safe, "web", regoOnly),
		deployment("a person", alice, ours, "ours", regoOnly),
		deployment("a person", alice, g.shop, "web", passes),
		deployment("a foreign account", user(userName(g.shop, "default")), safe, "web", regoOnly),
		deployment("a person with broken glass", user("alice-"+id, DefaultBreakGlass), safe, "web", passes),
		deployment("a controller", user("system:serviceaccount:kube-system:"+id), safe, "web", passes),
		deployment("a node", user("system:node:"+id), ours, "ours", passes),
		{who: "a person", verb: "deletes", what: "all Deployments of a protected namespace", dry: true, want: regoOnly, do: func(dry []string) error {
			return alice.AppsV1().Deployments(safe).DeleteCollection(t.Context(), metav1.DeleteOptions{DryRun: dry}, metav1.ListOptions{})
		}},
		{who: "a person", verb: "deletes", what: "a namespace protected by its label", dry: true, want: regoOnly, do: func(dry []string) error {
			return alice.CoreV1().Namespaces().Delete(t.Context(), safe, metav1.DeleteOptions{DryRun: dry})
		}},
		{who: "a person", verb: "deletes", what: "Countersign's own namespace", dry: true, want: regoOnly, do: func(dry []string) error {
			return alice.CoreV1().Namespaces().Delete(t.Context(), ours, metav1.DeleteOptions{DryRun: dry})
		}},
	}
}
