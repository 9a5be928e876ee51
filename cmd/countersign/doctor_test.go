package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// nowhere is a kubeconfig whose API server does not answer.
const nowhere = `{apiVersion: v1, kind: Config, current-context: c,
  clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}],
  contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}]}`

func TestDoctorTellsFailedFromCouldNotCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(nowhere), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		t.Setenv("KEYS_DIR", t.TempDir())
		t.Setenv("KUBECONFIG", "")
		t.Setenv("SLACK_BOT_TOKEN", "")
		t.Setenv("REDIS_URL", "")
		cmd := newDoctor()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		cmd.SetArgs(args)
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	text, err := run("--kubeconfig", file)
	if !errors.Is(err, exit(1)) {
		t.Errorf("without keys and image: %v, want exit code 1", err)
	}
	if !strings.Contains(text, "failed   executor image") || !strings.Contains(text, "unknown  kubernetes version") ||
		!strings.Contains(text, "→ set EXECUTOR_IMAGE") || strings.Contains(text, "\x1b") {
		t.Errorf("the table:\n%s", text)
	}
	if text, err = run("--kubeconfig", file, "-o", "json"); !errors.Is(err, exit(1)) || !strings.Contains(text, `"state": "failed"`) {
		t.Errorf("JSON: %v\n%s", err, text)
	}
	var code exit
	for _, args := range [][]string{{"--kubeconfig", "absent"}, {"--kubeconfig", file, "-o", "yaml"}, {"--config", "absent"}, {"word"}} {
		if _, err := run(args...); err == nil || errors.As(err, &code) {
			t.Errorf("%v: %v, want an error, which is exit code 2", args, err)
		}
	}
}
