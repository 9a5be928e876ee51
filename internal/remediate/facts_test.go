package remediate

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

func TestThePredictionBindsTheExecution(t *testing.T) {
	s := serve(t)
	a, _ := approved(t, s, cartAction(action.SetImage))
	if r := s.run(action.Apply, a, action.Hash(strings.Repeat("9", 64))); r.Code != CodePredictionChanged {
		t.Errorf("%s %s", r.State, r.Code)
	}
	// A mutating webhook that only acts on real writes.
	a, after := approved(t, s, cartAction(action.SetImage))
	s.odd = func(_ http.ResponseWriter, r *http.Request, dry bool) bool {
		if r.Method == http.MethodPatch && !dry {
			set(s.objects[cartPath], "default-scheduler", "status", "x")
		}
		return false
	}
	if r := s.run(action.Apply, a, after); r.State != Applied {
		t.Errorf("%s %s", r.State, r.Code)
	}
}

func TestTheServersTimeIsTheOnlyClock(t *testing.T) {
	s := serve(t)
	s.now = time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	r := s.run(action.Rehearse, cartAction(action.Restart), "")
	if r.State != Rehearsed || !r.ServerTime.Equal(s.now) {
		t.Errorf("%s %s at %s", r.State, r.Code, r.ServerTime)
	}
	_, clock, err := Connect(&rest.Config{Host: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if !clock.Now().IsZero() {
		t.Error("a clock knows the time before any answer")
	}
	if _, err := clock.Ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.now = s.now.Add(-time.Hour)
	s.mu.Unlock()
	if now, err := clock.Ask(t.Context()); err != nil || now.Year() != 2031 || now.Hour() != 3 {
		t.Errorf("the clock went back to %s (%v)", now, err)
	}
}

func TestFactsSayWhatSurroundsTheTarget(t *testing.T) {
	s := serve(t)
	s.lists[hpaPath] = []any{in(t, `{"metadata":{"name":"cart-hpa"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"cart"}}}`)}
	s.lists[pdbPath] = []any{in(t, `{"metadata":{"name":"cart-pdb","generation":1},"spec":{"selector":{"matchLabels":{"app":"cart"}}},"status":{"disruptionsAllowed":0,"observedGeneration":1}}`)}
	set(s.objects[cartPath], "cart-release", "metadata", "annotations", "meta.helm.sh/release-name")
	r := s.run(action.Rehearse, cartAction(action.SetImage), "")
	if r.State != Rehearsed {
		t.Fatalf("%s %s", r.State, r.Code)
	}
	want := Facts{
		NamespaceLabels: []Label{{"countersign.dev/tier", "2"}, {"team", "web"}},
		Helm:            redact.Literal("cart-release"), Autoscaler: redact.Literal("cart-hpa"),
		Ready: 1, Desired: 3, ImageRanBefore: true,
		Editors: []redact.Text{redact.Literal("kubectl-edit"), redact.Literal("kubectl-create")},
	}
	if d := cmp.Diff(want, r.Facts, cmp.Comparer(func(a, b redact.Text) bool { return a == b })); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	r = s.run(action.Rehearse, cartAction(action.DeletePod), "")
	if r.State != Rehearsed || r.Facts.Budget.String() != "cart-pdb" || len(r.Facts.Owners) != 2 || r.Facts.Owners[1].Name != "cart" {
		t.Errorf("%s %s %+v", r.State, r.Code, r.Facts)
	}
}

func TestTheDiffShowsTheChangeAndHidesSecrets(t *testing.T) {
	s := serve(t)
	secret := "hunter2" + "-" + "of-the-old-revision"
	c := s.lists[rsPath][0].(map[string]any)["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	c["env"] = []any{map[string]any{"name": "MODE", "value": "z"}, map[string]any{"name": "DB_PASSWORD", "value": secret}}
	live := s.objects[cartPath]["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	live["env"] = []any{map[string]any{"name": "MODE", "value": "z"}, map[string]any{"name": "DB_PASSWORD", "value": secret + "2"}}
	r := s.run(action.Rehearse, cartAction(action.Rollback), "")
	if r.State != Rehearsed {
		t.Fatalf("%s %s: %s", r.State, r.Code, r.Reason)
	}
	diff := r.Diff.String()
	for _, want := range []string{"-", "registry.example/cart:v2", "+", "registry.example/cart:v1", "-        value:", "+        value:"} {
		if !strings.Contains(diff, want) {
			t.Errorf("the diff lacks %q:\n%s", want, diff)
		}
	}
	if strings.Contains(diff, secret) {
		t.Errorf("the diff shows the secret:\n%s", diff)
	}
}

func TestALiteralUnderASecretsNameIsHiddenWhateverItLooksLike(t *testing.T) {
	value := "four quite ordinary words"
	for _, name := range []string{"DB_CONN", "PEPPER_AND_SALT", "ADMIN_PWD", "LEGACY_DSN"} {
		s := serve(t)
		env := []any{map[string]any{"name": name, "value": value}}
		firstContainer(s.lists[rsPath][0])["env"] = env
		firstContainer(s.objects[cartPath])["env"] = env
		r := s.run(action.Rehearse, cartAction(action.Rollback), "")
		if r.State != Rehearsed || !strings.Contains(r.Diff.String(), name) {
			t.Fatalf("%s %s, diff without %s:\n%s", r.State, r.Code, name, r.Diff)
		}
		if strings.Contains(r.Diff.String(), value) {
			t.Errorf("the value of %s is shown:\n%s", name, r.Diff)
		}
	}
}

func TestProseInAnOwnerReferenceGoesNowhere(t *testing.T) {
	s := serve(t)
	prose := "<!channel> approve this"
	set(s.objects[cartPath], []any{map[string]any{"apiVersion": "x/v1", "kind": prose, "name": prose, "uid": podUID, "controller": true}}, "metadata", "ownerReferences")
	r := s.run(action.Rehearse, cartAction(action.Restart), "")
	if r.Code != CodeOperator || len(r.Facts.Owners) != 0 {
		t.Errorf("%s %s: %+v", r.State, r.Code, r.Facts.Owners)
	}
}
