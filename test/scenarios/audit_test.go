package scenarios_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

// auditVerifies exports what the stories wrote, beside the process that writes
// on, and has it verified with the public key and the head kept in the cluster;
// an altered export must fail and name the record.
func auditVerifies(ctx context.Context, t *testing.T, s *stand.Stand) {
	t.Helper()
	keysDir := filepath.Join(s.Dir, "keys")
	key := strings.TrimSpace(succeeds(ctx, t, s, "keys", "show", "--dir", keysDir))
	export := succeeds(ctx, t, s, "audit", "export")
	whole, altered := filepath.Join(s.Dir, "audit.jsonl"), filepath.Join(s.Dir, "altered.jsonl")
	write(t, whole, export)
	write(t, altered, strings.Replace(export, `"channel":"`+slackstub.ChannelAlerts, `"channel":"C0000OTHER"`, 1))

	// The head in the cluster is at most a second or two behind.
	head := filepath.Join(s.Dir, "head.json")
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		cm, err := s.Kube.CoreV1().ConfigMaps(s.Wall.Namespace).Get(ctx, action.AnchorName, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if cm.Data["head"] != "" {
			write(t, head, cm.Data["head"])
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no head is kept in the cluster")
		}
	}
	out, said, code, err := s.Command(ctx, "audit", "verify", whole, "--key", key, "--anchor", head)
	if err != nil || code != 0 || !strings.Contains(out, "0 problems") {
		t.Errorf("the audit log does not verify: exit %d, %v\n%s%s", code, err, out, said)
	}
	t.Logf("audit verify: %s", strings.TrimSpace(out))
	out, said, code, err = s.Command(ctx, "audit", "verify", altered, "--key", key)
	if err != nil || code != 1 || !strings.Contains(out, "was altered") {
		t.Errorf("an altered audit log verifies: exit %d, %v\n%s%s", code, err, out, said)
	}
}

func succeeds(ctx context.Context, t *testing.T, s *stand.Stand, words ...string) string {
	t.Helper()
	out, said, code, err := s.Command(ctx, words...)
	if err != nil || code != 0 {
		t.Fatalf("%v: exit %d, %v\n%s", words, code, err, said)
	}
	return out
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
