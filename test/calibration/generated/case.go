// Package generated holds the calibration of a model's confidence against
// incidents that nobody had: their true cause is drawn, and a stand-in for a model,
// whose accuracy is known because it is set here, answers about them over the
// wire. It shows that the arithmetic of internal/calibrate and its way through the
// product are sound. It says nothing about any model, and nothing of it reaches
// the record that the product carries.
package generated

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The size of the run, and the seed of everything that is drawn.
const (
	perFault = 42
	samples  = 3
	seed     = 20261121
)

// faults are the kinds that incidents are of.
var faults = []incident.Cause{
	incident.ImageNotFound, incident.ConfigMapMissing, incident.SecretMissing, incident.EnvVarMissing, incident.AppError,
	incident.OOMKilled, incident.MemoryLeak, incident.ProbeMisconfigured, incident.InsufficientCPU, incident.CommandNotFound,
	incident.DependencyUnavailable, incident.DNSFailure, incident.CredentialsRejected, incident.CertificateInvalid,
	incident.DatabaseDeadlock, incident.ConnectionPoolExhausted, incident.VolumeFull, incident.PVCUnbound, incident.RBACForbidden,
	incident.NetworkPolicyBlocking, incident.ServicePortMismatch, incident.QuotaExceeded, incident.UpstreamRateLimited,
	incident.NodeNotReady,
}

// drawn is one incident, and how well the stand-in will do on it.
type drawn struct {
	id       incident.ID
	cause    incident.Cause
	decoy    incident.Cause // what is said instead, mostly
	accuracy float64        // of one answer
	clarity  float64
	seed     uint64
}

// draw makes the incidents of one kind of fault. Each kind is harder or easier as
// a whole, so that answers about it are right or wrong together, as a real model's.
func draw(kind int) []drawn {
	r := rand.New(rand.NewPCG(seed, uint64(kind)))
	ease := 0.5 + 0.5*r.NormFloat64()
	out := make([]drawn, perFault)
	for n := range out {
		clarity := r.NormFloat64()
		out[n] = drawn{
			id:    incident.ID(fmt.Sprintf("i%04x%08x", kind, n)),
			cause: faults[kind], decoy: faults[(kind+1+r.IntN(2))%len(faults)],
			accuracy: 1 / (1 + math.Exp(-ease-2.5*clarity)), clarity: clarity, seed: r.Uint64(),
		}
	}
	return out
}

func (d drawn) subject() action.Ref {
	return action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "app-" + string(d.id[1:]),
		UID: "78017b59-f462-4d8a-874e-0f9e2c4d672c"}
}

// items is how many pieces of evidence there are to cite.
const items = 6

// quote is the line of a piece of evidence that may be cited.
func (d drawn) quote(n int) string { return fmt.Sprintf("worker %d gave up on step %d", n, n+3) }

// found is what the rules and the collection know of the case: no proof.
func (d drawn) found() incident.Collected {
	redactor := redact.New(redact.Config{Key: []byte("a key for tests"), Scope: string(d.id)})
	c := incident.Collected{Digest: action.Hash(fmt.Sprintf("%064x", d.seed)), Diagnosis: incident.Diagnosis{
		Cause: incident.Unknown, Root: d.subject(), Object: d.subject(), Rule: "unknown", Cites: []string{"e1"}, Desired: 1,
		Summary: redact.Literal("the container exits again and again, and no rule can prove why"),
	}}
	for n := range items {
		c.Evidence = append(c.Evidence, incident.Evidence{
			ID: fmt.Sprintf("e%d", n+1), Kind: "log", Source: d.subject(), Text: redactor.Redact("starting\n" + d.quote(n) + "\nstopping"),
		})
	}
	return c
}

// says is one answer of the stand-in, drawn anew for each sample. It is more often
// right, and cites more, where the case is clear; of itself it says about the same
// whatever the case is, and far too much.
func (d drawn) says(sample int) map[string]any {
	r := rand.New(rand.NewPCG(d.seed, uint64(sample)))
	cause, lift := d.cause, 0.5
	if r.Float64() >= d.accuracy {
		cause, lift = d.decoy, -0.5
		if r.Float64() < 0.25 {
			cause = faults[r.IntN(len(faults))]
		}
	}
	cites := []map[string]any{{"id": "e1", "quote": d.quote(0)}}
	for n := 1; n < 5; n++ {
		if r.Float64() < 1/(1+math.Exp(-d.clarity-lift)) {
			cites = append(cites, map[string]any{"id": fmt.Sprintf("e%d", n+1), "quote": d.quote(n)})
		}
	}
	self := 0.85 + 0.02*d.clarity + 0.05*r.NormFloat64()
	return map[string]any{
		"cause": cause, "novel_text": "", "citations": cites, "candidate": -1, "steps": []string{},
		"root":       map[string]any{"kind": "Deployment", "namespace": "shop", "name": d.subject().Name},
		"summary":    "The program stops in the middle of its work.",
		"confidence": math.Round(100*math.Min(0.99, math.Max(0.6, self))) / 100,
	}
}
