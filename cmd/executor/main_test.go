package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/remediate"
)

func key(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }

func TestWithoutAClusterTheResultSaysSo(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	file := filepath.Join(t.TempDir(), "message")
	var out bytes.Buffer
	err := execute(t.Context(), []string{"--order-key=k1:" + key(32), "--protected-namespaces=kube-system,countersign", "--control-namespace=countersign", "--termination-log=" + file}, &out)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := remediate.DecodeResult(raw)
	if err != nil || r.State != remediate.Failed || r.Code != remediate.CodeMisconfigured {
		t.Errorf("%v: %s", err, raw)
	}
	if out.String() != string(raw)+"\n" {
		t.Errorf("standard output has %q, the message is %q", out.String(), raw)
	}
}

func TestAnArgumentThatIsNotUnderstoodEndsTheExecutor(t *testing.T) {
	for name, arg := range map[string]string{
		"a short key":         "--order-key=k1:" + key(31),
		"a key without id":    "--order-key=" + key(32),
		"a key of no base64":  "--order-key=k1:%%%",
		"an unknown flag":     "--force",
		"a positional word":   "apply",
		"a key id of nothing": "--order-key=:" + key(32),
		"no namespace":        "--control-namespace=",
	} {
		var out bytes.Buffer
		if err := execute(t.Context(), []string{"--control-namespace=countersign", "--termination-log=" + os.DevNull, arg}, &out); err == nil || out.Len() > 0 {
			t.Errorf("%s: %v, wrote %q", name, err, out.String())
		}
	}
}

func TestAResultThatCannotBeWrittenIsAnError(t *testing.T) {
	var out bytes.Buffer
	if err := execute(t.Context(), []string{"--control-namespace=countersign", "--termination-log=" + t.TempDir()}, &out); err == nil {
		t.Error("a directory took the message")
	}
}

func TestKeysAreKeptByTheirId(t *testing.T) {
	keys := action.Keys{}
	for _, id := range []string{"k1", "k2"} {
		if err := addKey(keys, id+":"+key(32)); err != nil {
			t.Fatal(err)
		}
	}
	if len(keys) != 2 || len(keys["k1"]) != 32 {
		t.Errorf("%v", keys)
	}
}

func TestTheExecutorLinksNothingThatDecidesOrTalks(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const ours = "github.com/countersign-dev/countersign/internal/"
	allowed := map[string]bool{ours + "action": true, ours + "redact": true, ours + "remediate": true}
	seen := 0
	for _, pkg := range strings.Fields(string(out)) {
		if allowed[pkg] {
			seen++
		} else if strings.HasPrefix(pkg, ours) {
			t.Errorf("it links %s", pkg)
		}
		for _, foreign := range []string{"slack-go", "go-redis", "open-policy-agent", "google.golang.org/genai", "k8s.io/client-go/kubernetes"} {
			if strings.Contains(pkg, foreign) {
				t.Errorf("it links %s", pkg)
			}
		}
	}
	if seen != len(allowed) {
		t.Errorf("it links %d of our packages, want %d", seen, len(allowed))
	}
}
