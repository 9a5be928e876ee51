package remediate

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign-dev/countersign/internal/action"
)

// firstContainer is the container "cart" of a workload or ReplicaSet.
func firstContainer(obj any) map[string]any {
	m, _ := obj.(map[string]any)
	for _, field := range []string{"spec", "template", "spec"} {
		m, _ = m[field].(map[string]any)
	}
	list, _ := m["containers"].([]any)
	c, _ := list[0].(map[string]any)
	return c
}

func podSpec(obj any) map[string]any {
	m, _ := obj.(map[string]any)
	for _, field := range []string{"spec", "template", "spec"} {
		m, _ = m[field].(map[string]any)
	}
	return m
}

func TestAnActionThatDoesNotFitTheWorkloadIsRefused(t *testing.T) {
	note := func(key, value string) func(*apiServer, *action.Action) {
		return func(s *apiServer, _ *action.Action) { set(s.objects[cartPath], value, "metadata", "annotations", key) }
	}
	label := func(keys ...string) func(*apiServer, *action.Action) {
		return func(s *apiServer, _ *action.Action) {
			for _, key := range keys {
				set(s.objects[cartPath], "x", "metadata", "labels", key)
			}
		}
	}
	then := func(change func(template, container map[string]any)) func(*apiServer, *action.Action) {
		return func(s *apiServer, _ *action.Action) {
			change(podSpec(s.lists[rsPath][0]), firstContainer(s.lists[rsPath][0]))
		}
	}
	for name, tc := range map[string]struct {
		kind   action.Kind
		change func(*apiServer, *action.Action)
		code   string
		says   string
	}{
		"a workload of Argo CD by tracking id":   {action.Restart, note("argocd.argoproj.io/tracking-id", "shop-app:apps/Deployment:shop/cart"), CodeGitOps, "shop-app"},
		"a workload of Argo CD by label":         {action.Restart, label("argocd.argoproj.io/instance"), CodeGitOps, "Argo CD"},
		"a workload with Argo CD's sync options": {action.Restart, note("argocd.argoproj.io/sync-wave", "1"), CodeGitOps, "Argo CD"},
		"a workload of a Flux Kustomization":     {action.Restart, label("kustomize.toolkit.fluxcd.io/name"), CodeGitOps, "Flux Kustomization"},
		"a workload of a Flux HelmRelease":       {action.Restart, label("helm.toolkit.fluxcd.io/name"), CodeGitOps, "Flux HelmRelease"},
		"a workload that a GitOps manager writes": {action.Restart, func(s *apiServer, _ *action.Action) {
			set(s.objects[cartPath], []any{map[string]any{"manager": "argocd-controller", "operation": "Apply"}}, "metadata", "managedFields")
		}, CodeGitOps, "argocd-controller"},
		"a workload of an operator": {action.Restart, func(s *apiServer, _ *action.Action) {
			set(s.objects[cartPath], []any{map[string]any{"apiVersion": "x/v1", "kind": "Shop", "name": "s", "uid": podUID, "controller": true}}, "metadata", "ownerReferences")
		}, CodeOperator, "Shop s"},
		"a workload with an instance label only": {action.Restart, label("app.kubernetes.io/instance"), "", ""},
		"a workload of Helm":                     {action.Restart, note("meta.helm.sh/release-name", "shop"), "", ""},

		"an image that never ran":             {action.SetImage, func(_ *apiServer, a *action.Action) { a.Params.SetImage.To = "registry.example/cart:v9" }, CodeImageNeverRan, ""},
		"an image that another container ran": {action.SetImage, func(_ *apiServer, a *action.Action) { a.Params.SetImage.To = "registry.example/log:v1" }, CodeImageNeverRan, ""},
		"an image of another workload's past": {action.SetImage, func(s *apiServer, _ *action.Action) {
			rs, _ := s.lists[rsPath][0].(map[string]any)
			set(rs, []any{map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart", "uid": podUID, "controller": true}}, "metadata", "ownerReferences")
		}, CodeImageNeverRan, ""},
		"an image that is no longer current":         {action.SetImage, func(_ *apiServer, a *action.Action) { a.Params.SetImage.From = "registry.example/cart:v0" }, CodeValueChanged, ""},
		"an image for a container that is not there": {action.SetImage, func(_ *apiServer, a *action.Action) { a.Params.SetImage.Container = "web" }, CodeNoContainer, "web"},

		"a limit that is no longer current":   {action.SetResources, func(_ *apiServer, a *action.Action) { a.Params.SetResources.FromMemoryLimit = "130Mi" }, CodeValueChanged, ""},
		"a limit where the proposal saw none": {action.SetResources, func(_ *apiServer, a *action.Action) { a.Params.SetResources.FromMemoryLimit = "" }, CodeValueChanged, ""},
		"a request that is no longer current": {action.SetResources, func(_ *apiServer, a *action.Action) { a.Params.SetResources.FromMemoryRequest = "64Mi" }, CodeValueChanged, ""},
		"a limit beside a request that stays": {action.SetResources, func(_ *apiServer, a *action.Action) {
			a.Params.SetResources.FromMemoryRequest, a.Params.SetResources.ToMemoryRequest = "", ""
		}, "", ""},
		"a limit in other words":                    {action.SetResources, func(_ *apiServer, a *action.Action) { a.Params.SetResources.FromMemoryLimit = "134217728" }, "", ""},
		"a limit for a container that is not there": {action.SetResources, func(_ *apiServer, a *action.Action) { a.Params.SetResources.Container = "web" }, CodeNoContainer, ""},

		"a rollback to a revision that is gone":        {action.Rollback, func(s *apiServer, _ *action.Action) { s.lists[rsPath] = s.lists[rsPath][1:] }, CodeNoRevision, ""},
		"a rollback to another ReplicaSet of the name": {action.Rollback, func(_ *apiServer, a *action.Action) { a.Params.Rollback.To.UID = podUID }, CodeNoRevision, ""},
		"a rollback to another name of the UID":        {action.Rollback, func(_ *apiServer, a *action.Action) { a.Params.Rollback.To.ReplicaSet = "cart-v0" }, CodeNoRevision, ""},
		"a rollback to another workload's revision": {action.Rollback, func(s *apiServer, _ *action.Action) {
			rs, _ := s.lists[rsPath][0].(map[string]any)
			set(rs, nil, "metadata", "ownerReferences")
		}, CodeNoRevision, ""},
		"a rollback to a renumbered revision": {action.Rollback, func(s *apiServer, _ *action.Action) {
			rs, _ := s.lists[rsPath][0].(map[string]any)
			set(rs, "3", "metadata", "annotations", revisionNote)
		}, CodeRevisionChanged, ""},
		"a rollback from another revision":    {action.Rollback, note(revisionNote, "3"), CodeRevisionChanged, ""},
		"a rollback over another account":     {action.Rollback, then(func(p, _ map[string]any) { p["serviceAccountName"] = "admin" }), CodeRollbackScope, "serviceAccountName"},
		"a rollback over volumes":             {action.Rollback, then(func(p, _ map[string]any) { p["volumes"] = []any{} }), CodeRollbackScope, "volumes"},
		"a rollback over privileges":          {action.Rollback, then(func(_, c map[string]any) { c["securityContext"] = map[string]any{"privileged": true} }), CodeRollbackScope, "containers.cart.securityContext"},
		"a rollback over another container":   {action.Rollback, then(func(_, c map[string]any) { c["name"] = "web" }), CodeRollbackScope, "containers"},
		"a rollback over a further container": {action.Rollback, then(func(p, c map[string]any) { p["containers"] = []any{c} }), CodeRollbackScope, "containers"},
		"a rollback over labels": {action.Rollback, func(s *apiServer, _ *action.Action) {
			rs, _ := s.lists[rsPath][0].(map[string]any)
			set(rs, "x", "spec", "template", "metadata", "labels", "sidecar.istio.io/inject")
		}, CodeRollbackScope, "label sidecar.istio.io/inject"},
		"a rollback over a restart": {action.Rollback, func(s *apiServer, _ *action.Action) {
			rs, _ := s.lists[rsPath][0].(map[string]any)
			set(rs, "2026-11-20T13:00:00Z", "spec", "template", "metadata", "annotations", restartedAt)
		}, "", ""},
		"a rollback of everything that it may": {action.Rollback, then(func(_, c map[string]any) {
			for _, field := range rollbackFields() {
				c[field] = "x"
			}
		}), "", ""},
		"a rollback that changes nothing": {action.Rollback, then(func(_, c map[string]any) { c["image"] = "registry.example/cart:v2" }), CodeNoChange, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			a := cartAction(tc.kind)
			tc.change(s, &a)
			r := s.run(action.Rehearse, a, "")
			if tc.code == "" && r.State == Rehearsed {
				return
			}
			if tc.code == "" || r.State != Refused || r.Code != tc.code || !strings.Contains(r.Reason.String(), tc.says) {
				t.Errorf("%s %s: %s", r.State, r.Code, r.Reason)
			}
		})
	}
}

func TestARollbackBringsTheNoteOfTheLastRestartBack(t *testing.T) {
	for _, tc := range []struct{ now, then string }{{"", ""}, {"", "2026-11-20T13:00:00Z"}, {"2026-11-20T13:30:00Z", ""}, {"2026-11-20T13:30:00Z", "2026-11-20T13:00:00Z"}} {
		s := serve(t)
		rs, _ := s.lists[rsPath][0].(map[string]any)
		if tc.then != "" {
			set(rs, tc.then, "spec", "template", "metadata", "annotations", restartedAt)
		}
		if tc.now != "" {
			set(s.objects[cartPath], tc.now, "spec", "template", "metadata", "annotations", restartedAt)
		}
		a, after := approved(t, s, cartAction(action.Rollback))
		if r := s.run(action.Apply, a, after); r.State != Applied {
			t.Fatalf("%+v: %s %s: %s", tc, r.State, r.Code, r.Reason)
		}
		got, _, _ := unstructured.NestedString(s.objects[cartPath], "spec", "template", "metadata", "annotations", restartedAt)
		if got != tc.then {
			t.Errorf("%+v: the note is %q", tc, got)
		}
	}
}

func TestOnlyAManagedPodThatNoBudgetNeedsIsDeleted(t *testing.T) {
	pdb := func(text string) func(*apiServer) {
		return func(s *apiServer) { s.lists[pdbPath] = []any{in(t, text)} }
	}
	const healthy = true
	for name, tc := range map[string]struct {
		change  func(*apiServer)
		healthy bool
		code    string
	}{
		"a bare pod": {func(s *apiServer) { set(s.objects[podPath], nil, "metadata", "ownerReferences") }, false, CodeBarePod},
		"a pod with an owner that is no controller": {func(s *apiServer) {
			set(s.objects[podPath], []any{map[string]any{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "cart-v2", "uid": rs2UID}}, "metadata", "ownerReferences")
		}, false, CodeBarePod},
		"a static pod of a node": {func(s *apiServer) {
			set(s.objects[podPath], []any{map[string]any{"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": rs2UID, "controller": true}}, "metadata", "ownerReferences")
		}, false, CodeBarePod},
		"a pod on its way out":             {func(s *apiServer) { set(s.objects[podPath], "2026-11-20T13:59:59Z", "metadata", "deletionTimestamp") }, false, CodeTerminating},
		"a healthy pod without budget":     {func(*apiServer) {}, healthy, ""},
		"a healthy pod the budget needs":   {pdb(`{"metadata":{"generation":1},"spec":{"selector":{"matchLabels":{"app":"cart"}}},"status":{"disruptionsAllowed":0,"observedGeneration":1}}`), healthy, CodeBudget},
		"a sick pod of a tight budget":     {pdb(`{"metadata":{"generation":1},"spec":{"selector":{"matchLabels":{"app":"cart"}}},"status":{"disruptionsAllowed":0,"observedGeneration":1}}`), false, ""},
		"a healthy pod the budget spares":  {pdb(`{"metadata":{"generation":1},"spec":{"selector":{"matchLabels":{"app":"cart"}}},"status":{"disruptionsAllowed":1,"observedGeneration":1}}`), healthy, ""},
		"a budget that is not computed":    {pdb(`{"metadata":{"generation":2},"spec":{"selector":{"matchLabels":{"app":"cart"}}},"status":{"disruptionsAllowed":1,"observedGeneration":1}}`), healthy, CodeBudget},
		"a budget of everything":           {pdb(`{"metadata":{"generation":1},"spec":{"selector":{}},"status":{"disruptionsAllowed":0,"observedGeneration":1}}`), healthy, CodeBudget},
		"a budget of nothing":              {pdb(`{"metadata":{"generation":1},"spec":{},"status":{"disruptionsAllowed":0,"observedGeneration":1}}`), healthy, ""},
		"a budget of others":               {pdb(`{"metadata":{"generation":1},"spec":{"selector":{"matchLabels":{"app":"web"}}},"status":{"disruptionsAllowed":0,"observedGeneration":1}}`), healthy, ""},
		"a budget that cannot be read":     {pdb(`{"metadata":{"generation":1},"spec":{"selector":{"matchExpressions":[{"key":"a","operator":"Maybe"}]}},"status":{"disruptionsAllowed":0,"observedGeneration":1}}`), healthy, CodeBudget},
		"a pod whose ReplicaSet went away": {func(s *apiServer) { delete(s.objects, rsPath+"/cart-v2") }, false, ""},
	} {
		s := serve(t)
		if tc.healthy {
			set(s.objects[podPath], []any{map[string]any{"type": "Ready", "status": "True"}}, "status", "conditions")
		}
		tc.change(s)
		r := s.run(action.Rehearse, cartAction(action.DeletePod), "")
		if tc.code == "" && r.State != Rehearsed || tc.code != "" && (r.State != Refused || r.Code != tc.code) {
			t.Errorf("%s: %s %s: %s", name, r.State, r.Code, r.Reason)
		}
	}
}

func TestAWorkloadWithoutAnnotationsGetsThem(t *testing.T) {
	s := serve(t)
	set(s.objects[cartPath], nil, "metadata", "annotations")
	a, after := approved(t, s, cartAction(action.Restart))
	if r := s.run(action.Apply, a, after); r.State != Applied {
		t.Fatalf("%s %s: %s", r.State, r.Code, r.Reason)
	}
	notes, _ := s.objects[cartPath]["metadata"].(map[string]any)["annotations"].(map[string]any)
	if len(notes) != 3 || notes["countersign.dev/approved-by"] != "U02ALICE" {
		t.Errorf("%v", notes)
	}
}

func TestAProbeTriesWhatMustBeRefusedAndWritesNothing(t *testing.T) {
	for _, kind := range kinds() {
		for _, wall := range []bool{true, false} {
			s := serve(t)
			s.wall = wall
			before := snapshot(t, s)
			r := s.run(action.Probe, cartAction(kind), "")
			if r.State != Probed {
				t.Fatalf("%s: %s %s: %s", kind, r.State, r.Code, r.Reason)
			}
			outcomes := map[string]Outcome{}
			for _, p := range r.Probes {
				outcomes[p.Name] = p.Outcome
			}
			telling := "host-network"
			if kind == action.DeletePod {
				telling = "delete-without-uid"
			}
			want := map[bool]Outcome{true: ByPolicy, false: Open}[wall]
			if outcomes[OwnChange] != Open || outcomes[telling] != want {
				t.Errorf("%s, wall %t: %v", kind, wall, outcomes)
			}
			if !wall && r.Code != CodeWallOpen {
				t.Errorf("%s: an open wall has code %q", kind, r.Code)
			}
			for _, w := range s.writes {
				if !strings.HasSuffix(w, " dry") && !strings.HasPrefix(w, "POST") {
					t.Errorf("%s: %q", kind, w)
				}
			}
			if snapshot(t, s) != before {
				t.Errorf("%s: a probe changed something", kind)
			}
		}
	}
}
