package app

import (
	"crypto/ed25519"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/countersign-dev/countersign/internal/action"
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
