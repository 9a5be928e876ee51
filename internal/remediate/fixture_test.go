package remediate

import (
	"crypto/ed25519"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// in decodes JSON written by hand, comments of the test's own in mind.
func in(t testing.TB, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return m
}

func shop(t testing.TB) map[string]map[string]any {
	return map[string]map[string]any{
		nsPath: in(t, `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"shop","labels":{"team":"web","pod-security":"x","countersign.dev/tier":"2"}}}`),
		cartPath: in(t, `{"kind":"Deployment","apiVersion":"apps/v1",
			"metadata":{"name":"cart","namespace":"shop","uid":"`+cartUID+`","generation":2,"labels":{"app":"cart"},
				"annotations":{"deployment.kubernetes.io/revision":"2"},
				"managedFields":[
					{"manager":"kube-controller-manager","operation":"Update","subresource":"status","time":"2026-11-20T13:59:00Z","fieldsV1":{"f:status":{}}},
					{"manager":"kubectl-create","operation":"Update","time":"2026-11-20T12:00:00Z","fieldsV1":{"f:spec":{"f:replicas":{}}}},
					{"manager":"kubectl-edit","operation":"Update","time":"2026-11-20T13:00:00Z","fieldsV1":{"f:spec":{"f:template":{}}}}]},
			"spec":`+deploymentSpec("registry.example/cart:v2")+`,
			"status":{"readyReplicas":1,"replicas":3,"observedGeneration":2}}`),
		podPath: in(t, `{"kind":"Pod","apiVersion":"v1",
			"metadata":{"name":"cart-v2-x2x7k","namespace":"shop","uid":"`+podUID+`","labels":{"app":"cart"},
				"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"cart-v2","uid":"`+rs2UID+`","controller":true}]},
			"spec":{"containers":[{"name":"cart"}]},
			"status":{"conditions":[{"type":"Ready","status":"False"}]}}`),
		rsPath + "/cart-v2": replicaSet(t, "cart-v2", rs2UID, "2", "registry.example/cart:v2"),
	}
}

func deploymentSpec(image string) string {
	return `{"replicas":3,"revisionHistoryLimit":10,"progressDeadlineSeconds":600,
		"selector":{"matchLabels":{"app":"cart"}},"strategy":{"type":"RollingUpdate"},
		"template":` + podTemplate(image, `"app":"cart"`) + `}`
}

func podTemplate(image, labels string) string {
	return `{"metadata":{"labels":{` + labels + `}},"spec":{"restartPolicy":"Always","containers":[
		{"name":"cart","image":"` + image + `","env":[{"name":"MODE","value":"a<b & c"}],"ports":[{"containerPort":80}],
		 "resources":{"limits":{"memory":"128Mi","cpu":"1"},"requests":{"memory":"128Mi"}}},
		{"name":"sidecar","image":"registry.example/log:v1"}]}}`
}

func replicaSet(t testing.TB, name, uid, revision, image string) map[string]any {
	return in(t, `{"kind":"ReplicaSet","apiVersion":"apps/v1",
		"metadata":{"name":"`+name+`","namespace":"shop","uid":"`+uid+`","annotations":{"deployment.kubernetes.io/revision":"`+revision+`"},
			"ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"cart","uid":"`+cartUID+`","controller":true}]},
		"spec":{"template":`+podTemplate(image, `"app":"cart","pod-template-hash":"abc"`)+`}}`)
}

// signer is the gate's key of these tests.
func signer() (action.SigningKey, action.Keys) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public, _ := private.Public().(ed25519.PublicKey)
	return action.SigningKey{ID: "k1", Private: private}, action.Keys{"k1": public}
}

// order signs an order in mode for a at now, changed by with, and names the pod
// that carries it. It signs as a gate would that checks nothing.
func order(t testing.TB, mode action.Mode, a action.Action, after action.Hash, now time.Time, with ...func(*action.Order)) (text, pod string) {
	t.Helper()
	zero := action.Hash(strings.Repeat("0", 64))
	terms := action.NewTerms(a, zero, now.Add(10*time.Minute))
	name, err := action.JobName(mode, terms, 0)
	if err != nil {
		t.Fatal(err)
	}
	o := action.Order{
		Execution: name, Incident: "i0123456789ab", Mode: mode, Terms: terms,
		After: after, ExpiresAt: now.Add(action.OrderLife),
	}
	if mode == action.Apply {
		o.Decision = zero
		if terms.Stamped {
			o.Stamps = &action.Stamps{Incident: o.Incident, ApprovedBy: []string{"U02ALICE"}, At: now}
		}
	}
	key, _ := signer()
	if len(with) == 0 {
		o, err = o.Sign(key)
	} else {
		o, err = forced(o, key, with)
	}
	if err != nil {
		t.Fatal(err)
	}
	if text, err = o.Encode(); err != nil {
		t.Fatal(err)
	}
	return text, name + "-x7k2p"
}

// forced signs what Order.Sign may refuse.
func forced(o action.Order, key action.SigningKey, with []func(*action.Order)) (action.Order, error) {
	for _, change := range with {
		change(&o)
	}
	var err error
	if o.Proposal, err = o.Terms.Digest(); err != nil {
		return o, err
	}
	o.KeyID, o.Sig = key.ID, nil
	raw, err := json.Marshal(o)
	o.Sig = ed25519.Sign(key.Private, append([]byte("countersign/order/v1\n"), raw...))
	return o, err
}

// config is an executor's, connected to rc.
func config(t testing.TB, rc *rest.Config, pod string) Config {
	t.Helper()
	client, clock, err := Connect(rc)
	if err != nil {
		t.Fatal(err)
	}
	_, keys := signer()
	return Config{
		Client: client, Clock: clock, Keys: keys, Pod: pod,
		Control: "countersign", Protected: []string{"kube-system", "countersign"}, Redactor: redact.New(redact.Config{}),
	}
}

// run carries out one order against s and holds the result to its own form.
func (s *apiServer) run(mode action.Mode, a action.Action, after action.Hash, with ...func(*action.Order)) Result {
	s.t.Helper()
	text, pod := order(s.t, mode, a, after, s.now, with...)
	return roundTrip(s.t, Run(s.t.Context(), config(s.t, &rest.Config{Host: s.URL}, pod), text))
}

func roundTrip(t testing.TB, r Result) Result {
	t.Helper()
	decoded, err := DecodeResult(r.Encode())
	if err != nil {
		t.Errorf("the result cannot be read back: %v\n%s", err, r.Encode())
	}
	return decoded
}

func cartAction(k action.Kind) action.Action {
	a := action.Action{Kind: k, Target: action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart", UID: cartUID}}
	switch k {
	case action.Restart:
		a.Params.Restart = &action.RestartParams{At: "2026-11-20T14:00:00Z"}
	case action.SetImage:
		a.Params.SetImage = &action.SetImageParams{Container: "cart", From: "registry.example/cart:v2", To: "registry.example/cart:v1"}
	case action.SetResources:
		a.Params.SetResources = &action.SetResourcesParams{
			Container: "cart", FromMemoryLimit: "128Mi", ToMemoryLimit: "256Mi", FromMemoryRequest: "128Mi", ToMemoryRequest: "128Mi",
		}
	case action.Rollback:
		a.Params.Rollback = &action.RollbackParams{
			ToRevision: 1, FromRevision: 2,
			To: action.Pinned{ReplicaSet: "cart-v1", UID: rs1UID}, From: action.Pinned{ReplicaSet: "cart-v2", UID: rs2UID},
		}
	case action.DeletePod:
		a.Target = action.Ref{APIVersion: "v1", Kind: "Pod", Namespace: "shop", Name: "cart-v2-x2x7k", UID: podUID}
		a.Params.DeletePod = &action.DeletePodParams{}
	}
	return a
}
