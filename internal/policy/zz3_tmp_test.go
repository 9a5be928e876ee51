package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/profiler"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/policies"
)

func TestZX(t *testing.T) {
	e := engine(t, policies.Source, settings())
	in := question(Execute)
	in.DiffCut = true
	in.Approvals = []incident.Person{person("U1"), person("U2")}
	in.Facts = incident.Facts{Desired: 3, NamespaceLabels: []incident.Label{{Key: TeamLabel, Value: "tills"}}}
	raw, _ := json.Marshal(e.complete(in))
	v, _ := ast.ValueFromReader(bytes.NewReader(raw))
	p := profiler.New()
	for range 300 {
		e.query.Eval(t.Context(), rego.EvalParsedInput(v), rego.EvalQueryTracer(p))
	}
	total := int64(0)
	for _, s := range p.ReportTopNResults(-1, []string{"total_time_ns"}) {
		total += s.ExprTimeNs
	}
	fmt.Println("total", total/300)
	for _, s := range p.ReportTopNResults(60, []string{"total_time_ns"}) {
		fmt.Printf("%6d ns  evals %d redo %d line %d %.70s\n", s.ExprTimeNs/300, s.NumEval/300, s.NumRedo/300, s.Location.Row, s.Location.Text)
	}
}
