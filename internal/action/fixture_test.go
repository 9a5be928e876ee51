package action

import (
	"crypto/ed25519"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	testUID  = "0b0f2e1c-9f3a-4c57-8a34-5d1f0e6c7a11"
	otherUID = "7c1d9a52-0000-4c57-8a34-5d1f0e6c7a22"
	thirdUID = "7c1d9a52-1111-4c57-8a34-5d1f0e6c7a33"
)

// at is the API server's time of these tests.
func at() time.Time { return time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC) }

func hashOf(c byte) Hash {
	b := make([]byte, 64)
	for i := range b {
		b[i] = c
	}
	return Hash(b)
}

func testKey() SigningKey {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = byte(i)
	}
	return SigningKey{ID: "k1", Private: ed25519.NewKeyFromSeed(seed)}
}

func testKeys() Keys {
	public, _ := testKey().Private.Public().(ed25519.PublicKey)
	return Keys{"k1": public}
}

func deployment() Ref {
	return Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart", UID: testUID}
}

// actions has one valid action of each kind, by kind.
func actions() map[Kind]Action {
	pod := Ref{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "cart-7d4b9c6f5-x2x7k", UID: testUID}
	return map[Kind]Action{
		DeletePod: {Kind: DeletePod, Target: pod, Bound: hashOf('a'), Params: Params{DeletePod: &DeletePodParams{}}},
		Restart:   {Kind: Restart, Target: deployment(), Bound: hashOf('b'), Params: Params{Restart: &RestartParams{At: "2026-11-20T14:00:00Z"}}},
		Rollback: {Kind: Rollback, Target: deployment(), Bound: hashOf('c'), Params: Params{Rollback: &RollbackParams{
			ToRevision: 2, FromRevision: 3,
			To: Pinned{ReplicaSet: "cart-7d4b9c6f5", UID: otherUID}, From: Pinned{ReplicaSet: "cart-5f6d8", UID: thirdUID},
		}}},
		SetImage: {Kind: SetImage, Target: deployment(), Bound: hashOf('d'), Params: Params{SetImage: &SetImageParams{
			Container: "cart", From: "registry.example/cart:v2-typo", To: "registry.example/cart:v1",
		}}},
		SetResources: {Kind: SetResources, Target: deployment(), Bound: hashOf('e'), Params: Params{SetResources: &SetResourcesParams{
			Container: "cart", FromMemoryLimit: "128Mi", ToMemoryLimit: "256Mi", FromMemoryRequest: "128Mi", ToMemoryRequest: "256Mi",
		}}},
	}
}

// applyOrder is a valid, signed order to carry out a.
func applyOrder(t testing.TB, a Action) Order {
	t.Helper()
	terms := NewTerms(a, hashOf('f'), at().Add(10*time.Minute))
	name, err := JobName(Apply, terms, 0)
	if err != nil {
		t.Fatal(err)
	}
	o := Order{
		Execution: name, Incident: "i0123456789ab", Mode: Apply, Terms: terms, Decision: hashOf('1'),
		ExpiresAt: at().Add(OrderLife),
	}
	if a.Kind != DeletePod {
		o.After = hashOf('2')
		o.Stamps = &Stamps{Incident: o.Incident, ApprovedBy: []string{"U02ALICE", "U03BOB"}, At: at()}
	}
	signed, err := o.Sign(testKey())
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// aliceKey is the same in every run, so that the golden file holds.
func aliceKey(t testing.TB) ssh.Signer {
	t.Helper()
	return sshKey(t, ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 7)), nil)
}

// countersignedOrder is applyOrder with alice's signature outside Slack.
func countersignedOrder(t testing.TB, kind Kind) Order {
	t.Helper()
	o := applyOrder(t, actions()[kind])
	if o.Stamps == nil {
		o.ApprovedBy = []string{alice, bob}
	}
	o.Signatures = []Signature{signed(t, o.Terms, alice, aliceKey(t))}
	again, err := o.Sign(testKey())
	if err != nil {
		t.Fatal(err)
	}
	return again
}
