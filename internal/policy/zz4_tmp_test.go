package policy

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/ast"
	"bytes"
	"encoding/json"
	"os"

	"github.com/countersign-dev/countersign/internal/incident"
)

func BenchmarkZW(b *testing.B) {
	raw0, _ := os.ReadFile(os.Getenv("SRC"))
	e := engine(b, string(raw0), settings())
	in := question(Execute)
	in.DiffCut = true
	in.Approvals = []incident.Person{person("U1"), person("U2")}
	in.Facts = incident.Facts{Desired: 3, NamespaceLabels: []incident.Label{{Key: TeamLabel, Value: "tills"}}}
	raw, _ := json.Marshal(e.complete(in))
	v, _ := ast.ValueFromReader(bytes.NewReader(raw))
	for b.Loop() {
		e.query.Eval(b.Context(), rego.EvalParsedInput(v))
	}
}
