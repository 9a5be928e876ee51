package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/policies"
)

func TestZY(t *testing.T) {
	e := engine(t, policies.Source, settings())
	in := question(Execute)
	in.DiffCut = true
	in.Approvals = []incident.Person{person("U1"), person("U2")}
	in.Facts = incident.Facts{Desired: 3, NamespaceLabels: []incident.Label{{Key: TeamLabel, Value: "tills"}}}
	runtime.LockOSThread()
	measure := func(name string, f func()) {
		var took []time.Duration
		for range 2000 {
			a := cpu()
			f()
			took = append(took, cpu()-a)
		}
		slices.Sort(took)
		fmt.Println(name, "p10", took[200], "p50", took[1000], "allocs", testing.AllocsPerRun(100, f))
	}
	in = e.complete(in)
	raw, _ := json.Marshal(in)
	v, _ := ast.ValueFromReader(bytes.NewReader(raw))
	measure("complete", func() { e.complete(in) })
	measure("marshal", func() { json.Marshal(in) })
	measure("value", func() { ast.ValueFromReader(bytes.NewReader(raw)) })
	measure("eval", func() { e.query.Eval(t.Context(), rego.EvalParsedInput(v)) })
	r, _ := e.query.Eval(t.Context(), rego.EvalParsedInput(v))
	measure("answer", func() { readAnswer(r[0].Expressions[0].Value) })
	trivial := engine(t, "package countersign\n\ndecision := {\"allow\": true, \"reasons\": [], \"quorum\": 1}\n", settings())
	measure("trivial eval", func() { trivial.query.Eval(t.Context(), rego.EvalParsedInput(v)) })
}
