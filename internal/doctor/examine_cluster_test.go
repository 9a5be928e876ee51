package doctor

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/cluster"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// ward is an installation with all that doctor looks at.
type ward struct {
	*stage
	slack   *slackstub.Server
	subject Subject
}

func newWard(t *testing.T) *ward {
	t.Helper()
	noImage := func(*testing.T, *cluster.Cluster, string) string {
		return "registry.example/executor@sha256:" + strings.Repeat("ab", 32)
	}
	w := &ward{stage: staged(t, noImage), slack: slackstub.Start(t, slackstub.Config{})}
	dir := t.TempDir()
	for _, file := range []string{"signing.pem", "seal.key"} {
		fatal(t, os.WriteFile(filepath.Join(dir, file), []byte("x"), 0o600))
	}
	head := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: action.AnchorName}, Data: map[string]string{"head": "{}"}}
	_, err := w.client.CoreV1().ConfigMaps(w.config.Namespace).Update(t.Context(), head, metav1.UpdateOptions{})
	fatal(t, err)
	w.subject = Subject{
		Person: w.admin, Wall: w.config, Template: w.template, KeysDir: dir, KeyFiles: []string{"signing.pem", "seal.key"},
		BotToken: w.slack.BotToken(), SlackURL: w.slack.URL(), Approvers: map[string][]string{"*": {"U0000ALICE"}},
		RedisURL: "redis://" + redisAt(t, "--appendonly", "yes"), Redactor: redact.New(redact.Config{}),
	}
	return w
}

// slackIn is a new connection for each examination, as a person's is: Slack lets
// an app open few in a minute.
func (w *ward) slackIn(t *testing.T, channel string) *chat.Slack {
	t.Helper()
	s, err := chat.New(chat.Config{
		BotToken: w.slack.BotToken(), AppToken: w.slack.AppToken(), APIURL: w.slack.URL(), Channel: channel, Key: make([]byte, 32),
	})
	fatal(t, err)
	return s
}

// redisAt starts a Redis with options and returns its address.
func redisAt(t *testing.T, options ...string) string {
	t.Helper()
	server, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED, DOCTOR LOOKED AT NO REDIS: redis-server is not installed (apt-get install redis-server)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	at := l.Addr().(*net.TCPAddr)
	l.Close()
	cmd := exec.Command(server, append([]string{"--bind", "127.0.0.1", "--port", fmt.Sprint(at.Port), "--save", "", "--dir", t.TempDir()}, options...)...)
	fatal(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", at.String()); err == nil {
			c.Close()
			return at.String()
		}
	}
	t.Fatal("redis-server does not answer")
	return ""
}

// examined makes all checks. What others do with Gatekeeper on this cluster is
// left out.
func (w *ward) examined(t *testing.T, s Subject) map[string]Check {
	t.Helper()
	checks, err := Examine(t.Context(), s)
	fatal(t, err)
	byName := map[string]Check{}
	for _, c := range checks {
		if !strings.HasPrefix(c.Name, "gatekeeper") {
			byName[c.Name] = c
		}
	}
	return byName
}

// fails examines and holds the failing rows to exactly those that are named,
// each with words it says.
func (w *ward) fails(t *testing.T, s Subject, want map[string]string) {
	t.Helper()
	for name, c := range w.examined(t, s) {
		words, broken := want[name]
		switch {
		case !broken && (c.State == Failed || c.State == Unknown):
			t.Errorf("%s: %s: %s", name, c.State, c.Detail)
		case broken && (c.State != Failed || !strings.Contains(c.Detail.String(), words) || c.Remedy.IsEmpty()):
			t.Errorf("%s: %s: %s (%s), want %q", name, c.State, c.Detail, c.Remedy, words)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("there is no row %s", name)
	}
}

func TestOnARealClusterDoctorNamesExactlyWhatIsBroken(t *testing.T) {
	w := newWard(t)
	ctx, client := t.Context(), w.client
	began := time.Now()
	whole := w.subject
	whole.Slack = w.slackIn(t, slackstub.ChannelAlerts)
	checks, err := Examine(ctx, whole)
	fatal(t, err)
	var table bytes.Buffer
	fatal(t, Text(&table, checks, false))
	t.Logf("after %s:\n%s", time.Since(began).Round(time.Millisecond), table.String())
	for _, c := range checks {
		if c.State != OK && !strings.HasPrefix(c.Name, "gatekeeper") {
			t.Errorf("%s: %s: %s", c.Name, c.State, c.Detail)
		}
	}
	at := client.AdmissionregistrationV1()
	restart, gate := w.config.ExecutorPolicy(action.Restart), w.config.GatePolicy()

	give := func(t *testing.T, role string, rules []rbacv1.PolicyRule, namespace, account string) {
		t.Helper()
		_, err := client.RbacV1().Roles(w.shop).Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: role}, Rules: rules}, metav1.CreateOptions{})
		fatal(t, err)
		_, err = client.RbacV1().RoleBindings(w.shop).Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: account, Namespace: namespace}},
		}, metav1.CreateOptions{})
		fatal(t, err)
		t.Cleanup(func() {
			closed(t, client.RbacV1().RoleBindings(w.shop).Delete(context.Background(), role, metav1.DeleteOptions{}))
		})
		time.Sleep(500 * time.Millisecond) // the authorizer learns of it by a watch
	}
	one := func(verb, group, resource string) []rbacv1.PolicyRule {
		return []rbacv1.PolicyRule{{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}}}
	}
	other := func(with func(*Subject)) Subject {
		s := w.subject
		with(&s)
		return s
	}
	t.Run("the gate reads logs", func(t *testing.T) {
		give(t, "logs", one("get", "", "pods/log"), w.config.Namespace, w.config.Gate)
		w.fails(t, w.subject, map[string]string{"rights of gate": "get pods/log in " + w.shop})
	})
	t.Run("the watcher creates something", func(t *testing.T) {
		give(t, "makes", one("create", "networking.k8s.io", "ingresses"), w.config.Namespace, w.config.Watcher)
		w.fails(t, w.subject, map[string]string{"rights of watcher": "create ingresses.networking.k8s.io in " + w.shop})
	})
	t.Run("an executor reads Secrets", func(t *testing.T) {
		give(t, "secrets", one("list", "", "secrets"), w.config.ExecutorNamespace, string(action.Restart))
		w.fails(t, w.subject, map[string]string{"rights of executor restart": "list secrets in " + w.shop})
	})
	t.Run("an executor lacks its binding", func(t *testing.T) {
		name := w.config.ExecutorPolicy(action.Rollback) // its role is named alike
		fatal(t, client.RbacV1().RoleBindings(w.shop).Delete(ctx, name, metav1.DeleteOptions{}))
		time.Sleep(500 * time.Millisecond)
		w.fails(t, w.subject, map[string]string{"rights of executor rollback": "it lacks"})
		w.install(t)
	})
	t.Run("another image than the pinned one", func(t *testing.T) {
		s := other(func(s *Subject) { s.Template.Image = "registry.example/other@sha256:" + strings.Repeat("cd", 32) })
		want := map[string]string{"executor job": "does not pin the executor Job", "fence": "did not refuse"}
		for _, name := range w.config.PolicyNames() {
			want["policy "+name] = different
		}
		w.fails(t, s, want)
	})
	t.Run("an image by tag", func(t *testing.T) {
		c := w.examined(t, other(func(s *Subject) { s.Template.Image = "registry.example/executor:v1" }))
		if c["executor image"].State != Failed || c["executor job"].State != Failed {
			t.Errorf("%v", c)
		}
	})
	t.Run("keys that others may read", func(t *testing.T) {
		file := filepath.Join(w.subject.KeysDir, "seal.key")
		fatal(t, os.Chmod(file, 0o644))
		w.fails(t, w.subject, map[string]string{"keys": "seal.key has mode 0644"})
		fatal(t, os.Chmod(file, 0o600))
	})
	t.Run("nobody may approve", func(t *testing.T) {
		w.fails(t, other(func(s *Subject) { s.Approvers = nil }), map[string]string{"approvers": "nobody is named"})
	})
	t.Run("a channel without the bot", func(t *testing.T) {
		s := other(func(s *Subject) { s.Slack = w.slackIn(t, slackstub.ChannelGeneral) })
		w.fails(t, s, map[string]string{"slack channel": "not in the channel"})
	})
	t.Run("a scope is missing", func(t *testing.T) {
		full := scopes()
		w.slack.SetScopes(slices.DeleteFunc(scopes(), func(s string) bool { return s == "im:write" })...)
		s := other(func(s *Subject) { s.Slack = w.slackIn(t, slackstub.ChannelAlerts) })
		w.fails(t, s, map[string]string{"slack token": "im:write"})
		w.slack.SetScopes(full...)
	})
	t.Run("a token that Slack does not know", func(t *testing.T) {
		w.fails(t, other(func(s *Subject) { s.BotToken, s.Slack = s.BotToken+"x", w.slackIn(t, slackstub.ChannelAlerts) }), map[string]string{"slack token": "invalid_auth"})
	})
	t.Run("a Redis that forgets at a restart", func(t *testing.T) {
		s := other(func(s *Subject) { s.RedisURL = "redis://" + redisAt(t) })
		w.fails(t, s, map[string]string{"redis persistence": "a restart forgets"})
	})
	t.Run("a Redis that forgets when it is full", func(t *testing.T) {
		s := other(func(s *Subject) {
			s.RedisURL = "redis://" + redisAt(t, "--appendonly", "yes", "--maxmemory-policy", "allkeys-lru")
		})
		w.fails(t, s, map[string]string{"redis persistence": "allkeys-lru"})
	})
	t.Run("no Redis", func(t *testing.T) {
		w.fails(t, other(func(s *Subject) { s.RedisURL = "redis://127.0.0.1:1" }), map[string]string{"redis": "does not answer"})
	})
	t.Run("no audit head", func(t *testing.T) {
		maps := client.CoreV1().ConfigMaps(w.config.Namespace)
		_, err := maps.Update(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: action.AnchorName}}, metav1.UpdateOptions{})
		fatal(t, err)
		w.fails(t, w.subject, map[string]string{"audit anchor": "holds no head"})
		_, err = maps.Update(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: action.AnchorName}, Data: map[string]string{"head": "{}"}}, metav1.UpdateOptions{})
		fatal(t, err)
	})
	t.Run("a person who may look at nothing knows nothing and is told so", func(t *testing.T) {
		gateAsPerson := w.gate
		checks, err := Examine(ctx, other(func(s *Subject) { s.Person = gateAsPerson }))
		fatal(t, err)
		unknown := 0
		for _, c := range checks {
			if c.State == Unknown {
				unknown++
			}
		}
		if Code(checks) == 0 || unknown < 5 {
			t.Errorf("exit code %d, %d unknown: %v", Code(checks), unknown, checks)
		}
	})
	t.Run("a policy that lost a validation", func(t *testing.T) {
		live, err := at.ValidatingAdmissionPolicies().Get(ctx, restart, metav1.GetOptions{})
		fatal(t, err)
		live.Spec.Validations = slices.Delete(live.Spec.Validations, 2, 3)
		_, err = at.ValidatingAdmissionPolicies().Update(ctx, live, metav1.UpdateOptions{})
		fatal(t, err)
		w.fails(t, w.subject, map[string]string{"policy " + restart: "the policy " + different})
		w.install(t)
	})
	t.Run("a binding that only audits", func(t *testing.T) {
		live, err := at.ValidatingAdmissionPolicyBindings().Get(ctx, restart, metav1.GetOptions{})
		fatal(t, err)
		live.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Audit}
		_, err = at.ValidatingAdmissionPolicyBindings().Update(ctx, live, metav1.UpdateOptions{})
		fatal(t, err)
		w.opens(t, restart)
		w.fails(t, w.subject, map[string]string{"policy " + restart: "its binding does not deny", "fence": restart + " does not bind"})
		live, err = at.ValidatingAdmissionPolicyBindings().Get(ctx, restart, metav1.GetOptions{})
		fatal(t, err)
		live.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Deny}
		_, err = at.ValidatingAdmissionPolicyBindings().Update(ctx, live, metav1.UpdateOptions{})
		fatal(t, err)
		w.install(t)
	})
	t.Run("a binding that is gone", func(t *testing.T) {
		fatal(t, at.ValidatingAdmissionPolicyBindings().Delete(ctx, gate, metav1.DeleteOptions{}))
		w.opens(t, gate)
		w.fails(t, w.subject, map[string]string{"policy " + gate: "its binding is missing", "fence": gate + " does not bind"})
	})
}
