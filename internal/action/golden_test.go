package action

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

// vector is one line of testdata/vectors.json. The file is the format's
// definition: a change of any value is a new format version.
type vector struct {
	Kind      Kind   `json:"kind"`
	Canonical string `json:"canonical"`
	Digest    Hash   `json:"digest"`
	Job       string `json:"job"`
	Order     string `json:"order"`
}

func TestDigestsAndOrdersKeepTheirBytes(t *testing.T) {
	var got []vector
	for _, entry := range Catalogue() {
		a := actions()[entry.Kind]
		o := applyOrder(t, a)
		canonical, err := o.Terms.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, vector{a.Kind, string(canonical), o.Proposal, o.Execution, encoded})
	}
	want := golden(t, "testdata/vectors.json", "the bytes that people approve have changed", got)
	for _, v := range want {
		if _, err := VerifyOrder(v.Order, testKeys(), at()); err != nil {
			t.Errorf("%s: the golden order is refused: %v", v.Kind, err)
		}
		if terms, err := ParseTerms([]byte(v.Canonical)); err != nil {
			t.Errorf("%s: the golden terms are refused: %v", v.Kind, err)
		} else if d, _ := terms.Digest(); d != v.Digest {
			t.Errorf("%s: digest %s, golden %s", v.Kind, d, v.Digest)
		}
	}
}

func TestOrdersWithSignaturesKeepTheirBytes(t *testing.T) {
	type vector struct {
		Allowed string `json:"allowed"`
		Payload string `json:"payload"`
		Order   string `json:"order"`
	}
	var got []vector
	for _, kind := range []Kind{DeletePod, SetImage} {
		o := countersignedOrder(t, kind)
		payload, err := o.Terms.SignaturePayload()
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, vector{line(alice, aliceKey(t).PublicKey()), string(payload), encoded})
	}
	want := golden(t, "testdata/signed.json", "the bytes that approvers sign have changed", got)
	for _, v := range want {
		o, err := VerifyOrder(v.Order, testKeys(), at())
		if err != nil {
			t.Errorf("the golden order is refused: %v", err)
			continue
		}
		if err := allowed(t, v.Allowed).Verify(o.Terms, o.Signatures[0], at()); err != nil {
			t.Errorf("%s: the golden signature is refused: %v", o.Terms.Action.Kind, err)
		}
	}
}

func TestEveryKindOfTheCatalogueHasAGoldenVector(t *testing.T) {
	for _, entry := range Catalogue() {
		if _, ok := actions()[entry.Kind]; !ok {
			t.Errorf("%s has none", entry.Kind)
		}
	}
}

func TestABoundHashIsOfTheSpecWithoutReplicas(t *testing.T) {
	spec := func(replicas, memory any) map[string]any {
		return map[string]any{"spec": map[string]any{"replicas": replicas, "template": map[string]any{"memory": memory}}}
	}
	hash := func(k Kind, live map[string]any) Hash {
		h, err := BoundHash(k, live)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if hash(SetImage, spec(int64(1), "1Gi")) != hash(SetImage, spec(int64(5), "1Gi")) {
		t.Error("scaling changes the bound hash")
	}
	if hash(SetImage, spec(int64(1), "1Gi")) == hash(SetImage, spec(int64(1), "2Gi")) {
		t.Error("a template's change does not change the bound hash")
	}
	pod := map[string]any{"metadata": map[string]any{"uid": testUID}, "spec": map[string]any{"nodeName": "a"}}
	moved := map[string]any{"metadata": map[string]any{"uid": testUID}, "spec": map[string]any{"nodeName": "b"}}
	if hash(DeletePod, pod) != hash(DeletePod, moved) {
		t.Error("a pod is bound by more than its UID")
	}
	for name, live := range map[string]map[string]any{"no spec": {}, "a spec of another type": {"spec": "x"}} {
		if h, err := BoundHash(Restart, live); err == nil || h != "" {
			t.Errorf("%s: hash %q, error %v", name, h, err)
		}
	}
	if _, err := BoundHash(DeletePod, map[string]any{}); err == nil {
		t.Error("a pod without UID has a hash")
	}
	if _, err := BoundHash("scale", spec(1, 1)); err == nil {
		t.Error("a kind outside the catalogue has a hash")
	}
}

// golden compares got with what is kept in file and returns that; -update keeps
// got.
func golden[T any](t *testing.T, file, changed string, got []T) (want []T) {
	t.Helper()
	if *update {
		raw, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-golden +now):\n%s", changed, d)
	}
	return want
}
