package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/redact"
)

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// expect checks one row: its state, words of its detail, and that it has a
// remedy exactly where there is something to do.
func expect(t *testing.T, name string, r row, state State, words ...string) {
	t.Helper()
	if r.state != state {
		t.Errorf("%s: %s (%s), want %s", name, r.state, r.detail, state)
	}
	for _, w := range words {
		if !strings.Contains(r.detail+" "+r.remedy, w) {
			t.Errorf("%s: %q, %q does not say %q", name, r.detail, r.remedy, w)
		}
	}
	if todo := state == Failed || state == Unknown; todo != (r.remedy != "") {
		t.Errorf("%s: %s with the remedy %q", name, r.state, r.remedy)
	}
}

func TestEachRowIsDecidedByWhatWasRead(t *testing.T) {
	expect(t, "a version of today", versionRow("v1.36.3"), OK)
	expect(t, "the oldest version", versionRow("v1.33.0+k3s1"), OK)
	expect(t, "an old version", versionRow("v1.32.9"), Failed, "1.33", "no buttons")
	expect(t, "no version", versionRow("gibberish"), Unknown)

	at := noon
	expect(t, "the same second", clockRow(at, at.Add(time.Second), at), OK)
	expect(t, "a slow answer", clockRow(at, at.Add(20*time.Second), at.Add(15*time.Second)), OK)
	expect(t, "a clock that is slow", clockRow(at, at, at.Add(time.Minute)), Failed, "1m0s")
	expect(t, "a clock that is fast", clockRow(at, at, at.Add(-time.Minute)), Failed, "59s")

	digest := "@sha256:" + strings.Repeat("ab", 32)
	expect(t, "an image by digest", imageRow("registry.example/executor"+digest), OK)
	expect(t, "an image by tag", imageRow("registry.example/executor:v1"), Failed, "EXECUTOR_IMAGE")
	expect(t, "no image", imageRow(""), Failed, "EXECUTOR_IMAGE")

	expect(t, "keys of their owner", keysRow("keys", map[string]fs.FileMode{"a": 0o600, "b": 0o400}, nil), OK)
	expect(t, "a key for the group", keysRow("keys", map[string]fs.FileMode{"a": 0o600, "b": 0o640}, nil), Failed, "b has mode 0640", "chmod 600")
	expect(t, "no keys", keysRow("keys", nil, errors.New("no such file")), Failed, "keys init")

	expect(t, "an approver", approversRow(true, map[string][]string{"*": {"U1"}}), OK)
	expect(t, "nobody", approversRow(true, map[string][]string{"*": {}}), Failed, "ALLOWED_APPROVERS")
	expect(t, "nobody for one namespace", approversRow(true, map[string][]string{"*": {"U1"}, "bank": nil}), Failed, "bank")
	expect(t, "nothing to approve", approversRow(false, nil), Skipped)

	expect(t, "an anchor", anchorRow("anchor", map[string]string{"head": "{}"}, true), OK)
	expect(t, "an anchor without a head", anchorRow("anchor", nil, true), Failed, "no head")
	expect(t, "no anchor", anchorRow("anchor", nil, false), Failed, "missing")

	full := slackAnswer{team: "acme", user: "countersign", scopes: strings.Join(scopes(), ", ")}
	expect(t, "every scope", tokenRow("slack", full, true), OK)
	for _, scope := range scopes() {
		a := full
		a.scopes = strings.Join(slices.DeleteFunc(scopes(), func(s string) bool { return s == scope }), ",")
		switch scope {
		case "channels:read", "groups:read":
			expect(t, "without "+scope, tokenRow("slack", a, true), OK)
		case "usergroups:read":
			expect(t, "without "+scope+" and without groups", tokenRow("slack", a, false), OK)
			fallthrough
		default:
			expect(t, "without "+scope, tokenRow("slack", a, true), Failed, scope, "install the app again")
		}
	}
	expect(t, "a revoked token", tokenRow("slack", slackAnswer{code: "token_revoked"}, false), Failed, "token_revoked")
	expect(t, "no list of scopes", tokenRow("slack", slackAnswer{}, false), Unknown)
	expect(t, "a channel", channelRow("channel", chat.Workspace{Channel: "alerts"}, nil), OK, "#alerts")
	expect(t, "a limited call", channelRow("channel", chat.Workspace{}, &chat.LimitedError{Method: "auth.test", Wait: time.Second}), Unknown)
	expect(t, "an app token", channelRow("channel", chat.Workspace{}, &chat.TokenError{Setting: "SLACK_APP_TOKEN", Code: "invalid_auth", Remedy: "copy it"}), Failed, "SLACK_APP_TOKEN", "copy it")
	expect(t, "a foreign channel", channelRow("channel", chat.Workspace{}, errors.New("SLACK_CHANNEL_ID C1: no such channel")), Failed, "SLACK_CHANNEL_ID")

	expect(t, "an append-only Redis", persistenceRow("redis", redisFacts{aof: "1", policy: "noeviction"}), OK)
	expect(t, "snapshots", persistenceRow("redis", redisFacts{aof: "0", policy: "noeviction", save: "60 1", saveKnown: true}), OK, "snapshots only")
	expect(t, "nothing on a disk", persistenceRow("redis", redisFacts{aof: "0", policy: "noeviction", saveKnown: true}), Failed, "appendonly")
	expect(t, "no word on snapshots", persistenceRow("redis", redisFacts{aof: "0", policy: "noeviction"}), Unknown)
	expect(t, "eviction", persistenceRow("redis", redisFacts{aof: "1", policy: "allkeys-lru"}), Failed, "noeviction")
	expect(t, "no word at all", persistenceRow("redis", redisFacts{}), Unknown)

	expect(t, "rights as given", rightsRow("rights", "u", foundRights{}), OK)
	expect(t, "a forbidden right", rightsRow("rights", "u", foundRights{forbidden: []string{"get pods/log in shop"}, more: []string{"x"}}), Failed, "get pods/log in shop")
	expect(t, "more rights", rightsRow("rights", "u", foundRights{more: []string{"a", "b", "c", "d", "e"}}), Failed, "a, b, c and 2 more")
	expect(t, "fewer rights", rightsRow("rights", "u", foundRights{less: []string{"patch deployments.apps in shop"}}), Failed, "lacks")

	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "x"}, "x", errors.New("no"))
	expect(t, "a fence that stands", fenceRow(nil, 3), OK, "3 policies")
	expect(t, "a fence with two holes", fenceRow(errors.Join(errors.New("policy a does not bind"), errors.New("policy b does not bind")), 3), Failed, "a does not bind", "b does not bind")
	expect(t, "a person who may not impersonate", fenceRow(errors.Join(forbidden), 3), Unknown, "administrator")
	expect(t, "what a person may not see", unclear("x", forbidden, ""), Unknown, "administrator")
	expect(t, "no answer", unclear("x", errors.New("connection refused"), ""), Unknown, "run it again")
}

func TestTheNeededScopesAreThoseOfTheManifest(t *testing.T) {
	raw, err := os.ReadFile("../../docs/slack-app-manifest.yaml")
	fatal(t, err)
	var manifest struct {
		OAuthConfig struct {
			Scopes struct{ Bot []string }
		} `json:"oauth_config"`
	}
	fatal(t, yaml.Unmarshal(raw, &manifest))
	want := slices.Sorted(slices.Values(manifest.OAuthConfig.Scopes.Bot))
	if got := slices.Sorted(slices.Values(scopes())); !slices.Equal(got, want) {
		t.Errorf("scopes %v, the manifest asks for %v", got, want)
	}
}

func TestRightsAreComparedVerbByVerb(t *testing.T) {
	rule := func(verbs, group, resource string, names ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{Verbs: strings.Fields(verbs), APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: names}
	}
	for name, c := range map[string]struct {
		has, by []rbacv1.PolicyRule
		want    string
	}{
		"the same":                  {[]rbacv1.PolicyRule{rule("get list", "", "pods")}, []rbacv1.PolicyRule{rule("list", "", "pods"), rule("get", "", "pods")}, ""},
		"one verb more":             {[]rbacv1.PolicyRule{rule("get delete", "", "pods")}, []rbacv1.PolicyRule{rule("get", "", "pods")}, "delete pods"},
		"every verb":                {[]rbacv1.PolicyRule{rule("*", "", "pods")}, []rbacv1.PolicyRule{rule("get", "", "pods")}, "* pods"},
		"a subresource":             {[]rbacv1.PolicyRule{rule("get", "", "pods/log")}, []rbacv1.PolicyRule{rule("get", "", "pods")}, "get pods/log"},
		"another group":             {[]rbacv1.PolicyRule{rule("get", "apps", "deployments")}, []rbacv1.PolicyRule{rule("get", "", "deployments")}, "get deployments.apps"},
		"all names instead of one":  {[]rbacv1.PolicyRule{rule("get", "", "configmaps")}, []rbacv1.PolicyRule{rule("get", "", "configmaps", "a")}, "get configmaps"},
		"another name":              {[]rbacv1.PolicyRule{rule("get", "", "configmaps", "a", "b")}, []rbacv1.PolicyRule{rule("get", "", "configmaps", "a")}, "get configmaps b"},
		"one name out of all":       {[]rbacv1.PolicyRule{rule("get", "", "configmaps", "a")}, []rbacv1.PolicyRule{rule("get", "", "configmaps")}, ""},
		"everything covers the lot": {[]rbacv1.PolicyRule{rule("get", "apps", "deployments")}, []rbacv1.PolicyRule{rule("*", "*", "*")}, ""},
	} {
		if got := strings.Join(uncovered(c.has, c.by), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestGatekeeperIsHeldToItsRegistrationAndConstraints(t *testing.T) {
	c := admission.Default()
	expect(t, "no registration", webhookRow(c, "g", nil, nil), Failed, "not registered")
	whole := func() *admissionv1.ValidatingWebhookConfiguration {
		return c.GatekeeperWebhook(admission.GatekeeperService{})
	}
	expect(t, "the whole registration", webhookRow(c, "g", whole(), nil), OK)
	open := whole()
	open.Webhooks[0].FailurePolicy = new(admissionv1.Ignore)
	expect(t, "one that fails open", webhookRow(c, "g", open, nil), Failed, "failurePolicy")
	noDelete := whole()
	noDelete.Webhooks[0].Rules[0].Operations = []admissionv1.OperationType{admissionv1.Create, admissionv1.Update, admissionv1.Connect}
	expect(t, "one that reviews no DELETE", webhookRow(c, "g", noDelete, nil), Failed, "DELETE")
	exempt := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"match": []any{
		map[string]any{"processes": []any{"*"}, "excludedNamespaces": []any{"countersign"}},
	}}}}
	expect(t, "a namespace that is left out", webhookRow(c, "g", whole(), []*unstructured.Unstructured{exempt}), Failed, "countersign")

	wanted, err := c.GatekeeperConstraints()
	fatal(t, err)
	copies := func() []*unstructured.Unstructured {
		var all []*unstructured.Unstructured
		for _, w := range wanted {
			all = append(all, w.DeepCopy())
		}
		return all
	}
	expect(t, "the whole constraints", constraintsRow("g", wanted, copies()), OK)
	lacking := copies()
	lacking[0] = nil
	expect(t, "one is missing", constraintsRow("g", wanted, lacking), Failed, "is missing")
	warns := copies()
	fatal(t, unstructured.SetNestedField(warns[1].Object, "warn", "spec", "enforcementAction"))
	expect(t, "one that warns", constraintsRow("g", wanted, warns), Failed, "enforcementAction")
	narrow := copies()
	fatal(t, unstructured.SetNestedStringSlice(narrow[0].Object, []string{"bank"}, "spec", "match", "namespaces"))
	expect(t, "one that matches less", constraintsRow("g", wanted, narrow), Failed, "another match")
}

func TestTheTableAndItsExitCode(t *testing.T) {
	r := redact.New(redact.Config{})
	with := func(states ...State) (checks []Check) {
		for _, s := range states {
			c := Check{Name: "a check", State: s, Detail: r.Redact("it is\nso")}
			if s == Failed {
				c.Remedy = r.Redact("do that")
			}
			checks = append(checks, c)
		}
		return checks
	}
	for code, states := range map[int][]State{0: {OK, Skipped}, 1: {OK, Unknown, Failed}, 2: {OK, Unknown, Skipped}} {
		if got := Code(with(states...)); got != code {
			t.Errorf("%v: exit code %d, want %d", states, got, code)
		}
	}
	if (Check{}).State != Unknown || Code([]Check{{}}) != 2 {
		t.Error("a check that says nothing passes")
	}
	var out bytes.Buffer
	fatal(t, Text(&out, with(OK, Failed), false))
	want := "ok       a check  it is so\nfailed   a check  it is so\n                  → do that\n\n1 ok, 1 failed, 0 unknown, 0 skipped\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	out.Reset()
	fatal(t, Text(&out, with(Failed), true))
	if !strings.HasPrefix(out.String(), "\x1b[1;31mfailed \x1b[0m") {
		t.Errorf("colour: %q", out.String())
	}
	out.Reset()
	fatal(t, JSON(&out, with(OK, Failed)))
	var read struct {
		OK     bool
		Checks []struct{ Name, State, Detail, Remedy string }
	}
	fatal(t, json.Unmarshal(out.Bytes(), &read))
	if read.OK || len(read.Checks) != 2 || read.Checks[1].State != "failed" || read.Checks[1].Remedy != "do that" {
		t.Errorf("%+v", read)
	}
}

func TestAnExaminationWithoutAConnectionIsNone(t *testing.T) {
	if _, err := Examine(context.Background(), Subject{}); err == nil {
		t.Error("no error")
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a prover of nothing was made")
	}
}
