package diagnose

import (
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

func lines(log string) []redact.Text {
	var out []redact.Text
	for line := range strings.SplitSeq(strings.Trim(log, "\n"), "\n") {
		out = append(out, text(line))
	}
	return out
}

func TestEveryTroubleOfALogIsACause(t *testing.T) {
	for _, trouble := range loglines.Troubles() {
		if troubles[trouble].cause == "" || troubles[trouble].says.IsEmpty() {
			t.Errorf("%s is no cause", trouble)
		}
	}
	for _, system := range loglines.Systems() {
		if systemEnv[system] == nil {
			t.Errorf("nobody knows the variables of %s", system)
		}
	}
}

func TestARefusalIsToldInWords(t *testing.T) {
	for line, words := range map[string]string{
		`nodes is forbidden: User "system:serviceaccount:shop:web" cannot list resource "nodes" in API group "" at the cluster scope`:                                    "list nodes in the whole cluster",
		`deployments.apps "x" is forbidden: User "system:serviceaccount:shop:web" cannot patch resource "deployments" in API group "apps" in the namespace "shop": RBAC`: "patch deployments.apps in namespace shop",
		`forbidden: x is forbidden: User "system:serviceaccount:shop:web" cannot get path "/metrics"`:                                                                    "get /metrics",
	} {
		if r, ok := loglines.LastReason(lines(line), false); !ok || refusedWords(r.Refused).String() != words {
			t.Errorf("%s: want %q, have %q %t", line, words, refusedWords(r.Refused), ok)
		}
	}
}
