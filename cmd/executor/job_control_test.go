package main

import (
	"crypto/ed25519"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/remediate"
)

// steer fills a ConfigMap that Install made empty, as an administrator does.
func (s *stage) steer(name string, data map[string]string) {
	s.t.Helper()
	_, err := s.admin.CoreV1().ConfigMaps(s.config.Namespace).
		Update(s.t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}, metav1.UpdateOptions{})
	fatal(s.t, err)
}

// The rights by which the executor reads both are those that Install gives, and
// where it looks is what the pinned argument says.
func TestInItsJobTheExecutorAsksTheSwitchAndTheAllowedSigners(t *testing.T) {
	s := newStage(t)
	d, _ := s.deploy()
	_, err := s.admin.CoreV1().Namespaces().Patch(t.Context(), s.shop, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"`+action.SignatureLabel+`":"true"}}}`), metav1.PatchOptions{})
	fatal(t, err)
	_, private, err := ed25519.GenerateKey(nil)
	fatal(t, err)
	key, err := ssh.NewSignerFromSigner(private)
	fatal(t, err)
	a := action.Action{
		Kind: action.SetImage, Params: action.Params{SetImage: &action.SetImageParams{Container: "cart", From: typo, To: runs}},
		Target: action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: s.shop, Name: "cart", UID: string(d.UID)},
	}

	s.steer(action.SwitchName, action.Switch{Stopped: true, By: "U03BOB", Reason: "an exercise"}.Data())
	if r := s.run(action.Rehearse, 0, a, ""); r.State != remediate.Refused || r.Code != remediate.CodeStopped {
		t.Errorf("stopped: %s %s: %s", r.State, r.Code, r.Reason)
	}
	s.steer(action.SwitchName, action.Switch{By: "U03BOB"}.Data())
	r := s.run(action.Rehearse, 1, a, "")
	if r.State != remediate.Rehearsed {
		t.Fatalf("set back: %s %s: %s", r.State, r.Code, r.Reason)
	}
	a.Bound = r.Before

	// A Job keeps its name for a while after its end: other terms, other name.
	later := func(o *action.Order) {
		o.Terms.ExpiresAt = o.Terms.ExpiresAt.Add(17 * time.Second)
		name, err := action.JobName(action.Apply, o.Terms, 0)
		fatal(t, err)
		o.Execution = name
	}
	if got := s.run(action.Apply, 0, a, r.After, later); got.Code != remediate.CodeSignatureRequired {
		t.Errorf("unsigned: %s %s: %s", got.State, got.Code, got.Reason)
	}
	s.steer(action.SignersName, map[string]string{action.SignersKey: "U02ALICE " + string(ssh.MarshalAuthorizedKey(key.PublicKey()))})
	signed := func(o *action.Order) {
		sig, err := action.SignTerms(o.Terms, "U02ALICE", key)
		fatal(t, err)
		o.Signatures = []action.Signature{sig}
	}
	if got := s.run(action.Apply, 0, a, r.After, signed); got.State != remediate.Applied {
		t.Errorf("signed: %s %s: %s", got.State, got.Code, got.Reason)
	}
}
