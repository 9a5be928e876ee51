package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/internal/redact"
)

// against makes a Prover of a server that only says its version.
func against(t *testing.T, version string) *Prover {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/version" || version == "" {
			http.Error(w, "not here", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"major": "1", "minor": "32", "gitVersion": %q}`, version)
	}))
	t.Cleanup(server.Close)
	p, err := New(Config{
		REST: &rest.Config{Host: server.URL}, Launcher: struct{ Launcher }{}, Wall: admission.Default(), Redactor: redact.New(redact.Config{}),
	})
	fatal(t, err)
	return p
}

func TestAnOldClusterGetsProposalsWithoutButtons(t *testing.T) {
	p := against(t, "v1.32.4")
	if p.once(t.Context()) {
		t.Error("the fence of an old cluster was proven")
	}
	halt := p.Halt()
	for _, words := range []string{notProven, "v1.32.4", "1.33", "proposals, but no buttons"} {
		if !strings.Contains(halt, words) {
			t.Errorf("Halt does not say %q: %s", words, halt)
		}
	}
}

func TestWhatCannotBeCheckedIsNotProven(t *testing.T) {
	p := against(t, "")
	if p.once(t.Context()) || p.Halt() != BeingProven {
		t.Errorf("after one lost answer Halt says %q", p.Halt())
	}
	p.unsure = p.unsure.Add(-unsureFor)
	if p.once(t.Context()) || p.Halt() != notProven+"the API server does not answer" {
		t.Errorf("Halt says %q", p.Halt())
	}
	p = against(t, "v1.36.3") // a template without an image, keys and namespaces
	if p.once(t.Context()) || p.Halt() != notProven+"the executor Job cannot be built" {
		t.Errorf("Halt says %q", p.Halt())
	}
}
