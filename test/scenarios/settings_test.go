package scenarios_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// wrong is one mistake in the settings and what has to be said about it.
type wrong struct {
	name string
	env  map[string]string // put over sound settings
	args []string
	says []string // the setting, and the remedy
}

func (f *faults) wrongs() []wrong {
	write := func(name, text string) string {
		path := filepath.Join(f.s.Dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
		return path
	}
	kubeconfig := func(account string) string { return filepath.Join(f.s.Dir, account+".kubeconfig") }
	raw, err := os.ReadFile(kubeconfig(f.s.Wall.Watcher))
	if err != nil {
		f.Fatal(err)
	}
	server := f.s.Cluster.AdminConfig().Host
	closed := write("closed.kubeconfig", strings.ReplaceAll(string(raw), server, "https://127.0.0.1:1"))
	expired := write("expired.kubeconfig", regexp.MustCompile(`token: .*`).ReplaceAllString(string(raw), "token: expired"))
	bot, app := f.s.Slack.BotToken(), f.s.Slack.AppToken()
	set := func(kv ...string) map[string]string {
		m := map[string]string{}
		for n := 0; n < len(kv); n += 2 {
			m[kv[n]] = kv[n+1]
		}
		return m
	}
	return []wrong{
		{"no bot token", set("SLACK_BOT_TOKEN", ""), nil, []string{"SLACK_BOT_TOKEN is not set", "OAuth & Permissions"}},
		{"no app token", set("SLACK_APP_TOKEN", ""), nil, []string{"SLACK_APP_TOKEN is not set", "connections:write"}},
		{"tokens swapped", set("SLACK_BOT_TOKEN", app, "SLACK_APP_TOKEN", bot), nil, []string{"swapped"}},
		{"wrong bot token", set("SLACK_BOT_TOKEN", bot+"x"), nil, []string{"SLACK_BOT_TOKEN", "invalid_auth", "copy the token again"}},
		{"wrong app token", set("SLACK_APP_TOKEN", app+"x"), nil, []string{"SLACK_APP_TOKEN", "invalid_auth", "copy the token again"}},
		{"no channel", set("SLACK_CHANNEL_ID", ""), nil, []string{"SLACK_CHANNEL_ID is not set", "copy the id"}},
		{"a channel that is not there", set("SLACK_CHANNEL_ID", "C0000ABSENT"), nil, []string{"SLACK_CHANNEL_ID", "/invite"}},
		{"an unknown key in the file", nil, []string{"--config", write("unknown.yaml", "remediationMod: approve\n")},
			[]string{"unknown.yaml", "remediationMod", "config print"}},
		{"a file that is not there", nil, []string{"--config", "absent.yaml"}, []string{"absent.yaml"}},
		{"an unknown mode", set("REMEDIATION_MODE", "yes"), nil, []string{"REMEDIATION_MODE", "use off, propose or approve"}},
		{"a duration without a unit", set("VERIFY_WINDOW", "60"), nil, []string{"VERIFY_WINDOW", "such as 30s"}},
		{"an approver by name", set("ALLOWED_APPROVERS", "alice"), nil, []string{"ALLOWED_APPROVERS", "user id"}},
		{"an unknown role", nil, []string{"--role", "king"}, []string{"--role", "watcher, gate or all"}},
		{"an API server that is not there", set("WATCHER_KUBECONFIG", closed), nil, []string{"WATCHER_KUBECONFIG", "does not answer", "network"}},
		{"an API server that the gate cannot reach", set("GATE_KUBECONFIG", closed), nil, []string{"GATE_KUBECONFIG", "does not answer"}},
		{"a token that the watcher may not use any more", set("WATCHER_KUBECONFIG", expired), nil, []string{"WATCHER_KUBECONFIG", "credentials", "renew"}},
		{"a token that the gate may not use any more", set("GATE_KUBECONFIG", expired), nil, []string{"GATE_KUBECONFIG", "credentials", "renew"}},
		{"a kubeconfig that is not there", set("WATCHER_KUBECONFIG", "absent.kubeconfig"), nil, []string{"WATCHER_KUBECONFIG"}},
		{"an account that may not list", set("WATCHER_KUBECONFIG", kubeconfig(f.s.Wall.Gate)), nil, []string{"may not list", "grant get, list and watch", "WATCH_NAMESPACES"}},
		{"a policy that does not compile", set("POLICY_FILE", write("bad.rego", "package countersign\n\nthis is no Rego\n")), nil, []string{"POLICY_FILE", "bad.rego", "compile"}},
		{"a policy that decides nothing", set("POLICY_FILE", write("empty.rego", "package countersign\n")), nil, []string{"POLICY_FILE", "empty.rego", "decision"}},
		{"a policy that is not there", set("POLICY_FILE", "absent.rego"), nil, []string{"POLICY_FILE", "absent.rego"}},
		{"no keys", set("KEYS_DIR", "absent"), nil, []string{"KEYS_DIR", "countersign keys init"}},
		{"no image of the executor", set("EXECUTOR_IMAGE", ""), nil, []string{"EXECUTOR_IMAGE", "digest"}},
		{"an image by tag", set("EXECUTOR_IMAGE", "registry.example/executor:1"), nil, []string{"EXECUTOR_IMAGE", "digest"}},
		{"a store that is a directory", set("STORE_PATH", f.s.Dir), nil, []string{"STORE_PATH"}},
		{"a Redis address that is none", set("REDIS_URL", "localhost"), nil, []string{"REDIS_URL", "redis://"}},
		{"a Redis that is not there", set("REDIS_URL", "redis://127.0.0.1:1"), nil, []string{"REDIS_URL"}},
		{"a port that is taken", set("HEALTH_PORT", f.s.Slack.Origin()[len("http://127.0.0.1:"):]), nil, []string{"HEALTH_PORT", "in use"}},
		{"an unknown provider", set("AI_PROVIDER", "oracle"), nil, []string{"AI_PROVIDER", "gemini, openai"}},
	}
}

// wrongSettings starts the binary with each mistake: it ends by itself with
// exit code 2 and one sentence that names the setting and the remedy.
func (f *faults) wrongSettings() {
	for _, w := range f.wrongs() {
		f.Run(w.name, func(t *testing.T) {
			env := f.soundSettings()
			maps.Copy(env, w.env)
			code, stderr := f.run(t, env, append([]string{"run"}, w.args...))
			last := sentence(t, stderr)
			if code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			for _, want := range w.says {
				if !strings.Contains(last, want) {
					t.Errorf("it does not say %q:\n%s", want, last)
				}
			}
		})
	}
	// A gate may have come as far as its first record before the watcher's error
	// ended it: its anchor vouches for a store that is gone with the test.
	err := f.s.Kube.CoreV1().ConfigMaps(f.s.Wall.Namespace).Delete(f.ctx, action.AnchorName, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		f.Fatal(err)
	}
}

// soundSettings are settings that would do.
func (f *faults) soundSettings() map[string]string {
	s := f.s
	return map[string]string{
		"SLACK_BOT_TOKEN": s.Slack.BotToken(), "SLACK_APP_TOKEN": s.Slack.AppToken(),
		"SLACK_CHANNEL_ID": slackstub.ChannelAlerts, "SLACK_API_URL": s.Slack.URL(),
		"WATCHER_KUBECONFIG": filepath.Join(s.Dir, s.Wall.Watcher+".kubeconfig"),
		"GATE_KUBECONFIG":    filepath.Join(s.Dir, s.Wall.Gate+".kubeconfig"),
		"POD_NAMESPACE":      s.Wall.Namespace, "EXECUTOR_NAMESPACE": s.Wall.ExecutorNamespace,
		"EXECUTOR_IMAGE":   "registry.example/executor@sha256:" + strings.Repeat("a", 64),
		"WATCH_NAMESPACES": faultsNS, "KEYS_DIR": filepath.Join(s.Dir, "keys"),
		"STORE_PATH": filepath.Join(s.Dir, "wrong.log"), "HEALTH_PORT": "0", "APPROVAL_PORT": "0",
	}
}

// run runs countersign until it ends.
func (f *faults) run(t *testing.T, env map[string]string, args []string) (code int, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(f.ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(f.s.Dir, "countersign"), args...)
	var out bytes.Buffer
	cmd.Stderr, cmd.Dir = &out, f.s.Dir
	cmd.Env = []string{"HOME=" + f.s.Dir}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("it did not end:\n%s", out.String())
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// sentence is the one line that is no log record. There may be no second one,
// and no trace of a stack anywhere.
func sentence(t *testing.T, stderr string) string {
	t.Helper()
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(stderr), "\n") {
		if !strings.HasPrefix(line, "{") {
			lines = append(lines, line)
		}
	}
	if strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "panic") {
		t.Errorf("a stack trace:\n%s", stderr)
	}
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "countersign: ") {
		t.Errorf("want one sentence:\n%s", stderr)
	}
	return strings.Join(lines, "\n")
}
