package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/admission"
)

func TestTheFenceIsProvenWhereverAnythingIsOffered(t *testing.T) {
	for name, c := range map[string]struct {
		mode       string
		namespaces map[string]string
		want       bool
	}{
		"off":                             {"off", nil, false},
		"off, and a namespace off":        {"off", map[string]string{"shop": "off"}, false},
		"approve":                         {"approve", nil, true},
		"propose":                         {"propose", nil, true},
		"off, and one namespace proposes": {"off", map[string]string{"bank": "off", "shop": "propose"}, true},
		"approve, and a namespace off":    {"approve", map[string]string{"shop": "off"}, true},
	} {
		s := DefaultSettings()
		s.RemediationMode, s.NamespaceModes = c.mode, c.namespaces
		if got := s.Wall("").Remediate; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWhereNothingIsOfferedNothingIsProvenAndNothingHalted(t *testing.T) {
	var group errgroup.Group
	halt, err := ProveFence(t.Context(), &group, DefaultSettings(), "", nil, nil, Keys{}, nil, nil)
	if err != nil || halt() != "" {
		t.Fatalf("%v", err)
	}
	s := DefaultSettings()
	s.RemediationMode = "approve"
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys{Signing: action.SigningKey{ID: "k1", Private: private}}
	if _, err := ProveFence(t.Context(), &group, s, "", nil, nil, keys, nil, nil); err == nil {
		t.Error("a fence was proven without a connection")
	}
}

func TestTheWallIsTheOneOfTheSettings(t *testing.T) {
	s := DefaultSettings()
	s.Namespace, s.ExecutorNS, s.Protected, s.WatchNamespaces = "steer", "hands", "bank", "shop,web"
	c := s.Wall("two")
	if c.Instance != "two" || c.Namespace != "steer" || c.ExecutorNamespace != "hands" || c.AllNamespaces || len(c.WatchNamespaces) != 2 {
		t.Errorf("%+v", c)
	}
	want := s.protected()
	got := c.ProtectedNamespaces()
	if len(got) != len(want) {
		t.Fatalf("%v, the executor's arguments have %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v, the executor's arguments have %v", got, want)
		}
	}
	s.WatchNamespaces = "all"
	if !s.Wall("").AllNamespaces {
		t.Error("all namespaces are watched, and the wall does not know")
	}
}

func TestOnARealClusterDoctorHoldsWhatIsInstalledAgainstTheSettings(t *testing.T) {
	path := os.Getenv("COUNTERSIGN_TEST_KUBECONFIG")
	if path == "" {
		t.Skip("SKIPPED, DOCTOR LOOKED AT NOTHING: COUNTERSIGN_TEST_KUBECONFIG names no cluster")
	}
	admin, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("a%06x", rand.IntN(1<<24))
	s := DefaultSettings()
	s.Instance, s.Namespace, s.ExecutorNS, s.Protected = id, "cs-"+id, "cs-"+id+"-exec", "bank"
	s.ExecutorImage = "registry.example/executor@sha256:" + strings.Repeat("ab", 32)
	s.WatchNamespaces, s.RemediationMode, s.AllowedApprovers = "default", "approve", "U1"
	s.KeysDir = filepath.Join(t.TempDir(), "keys")
	if err := MakeKeys(s.KeysDir); err != nil {
		t.Fatal(err)
	}
	keys, err := LoadKeys(s.KeysDir)
	if err != nil {
		t.Fatal(err)
	}
	sample, err := s.JobTemplate(keys).Sample()
	if err != nil {
		t.Fatal(err)
	}
	var set admission.Set
	t.Cleanup(func() {
		if err := admission.Uninstall(context.Background(), admin, s.Wall(s.Instance), set); err != nil {
			t.Error(err)
		}
	})
	if set, err = admission.Install(t.Context(), admin, s.Wall(s.Instance), sample); err != nil {
		t.Fatal(err)
	}
	failing := func(s Settings) string {
		t.Helper()
		var out bytes.Buffer
		code, err := Doctor(t.Context(), LookOptions{Kubeconfig: path, Output: "json"}, s, &out)
		if err != nil || code != 1 {
			t.Fatalf("exit code %d, %v:\n%s", code, err, out.String())
		}
		var read struct {
			Checks []struct{ Name, State string }
		}
		if err := json.Unmarshal(out.Bytes(), &read); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range read.Checks {
			// Whether there is a Gatekeeper on this cluster is other tests' business.
			if c.State != "ok" && c.State != "skipped" && !strings.HasPrefix(c.Name, "gatekeeper") {
				names = append(names, c.Name+" "+c.State)
			}
		}
		return strings.Join(names, ", ")
	}
	if got := failing(s); got != "audit anchor failed" { // no gate has run
		t.Errorf("failing: %s", got)
	}
	s.Protected = "bank,vault"
	if got := failing(s); !strings.Contains(got, "executor job failed") || !strings.Contains(got, "policy countersign-"+id+"-set-image failed") {
		t.Errorf("with another list of protected namespaces: %s", got)
	}
}
