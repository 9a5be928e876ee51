package doctor

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/admission"
)

// answering makes a Reading of a server that answers each resource as told, and
// refuses the rest by RBAC.
func answering(t *testing.T, of map[string]metav1.Status) *Reading {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
		resource := ""
		for n, part := range path {
			if part == "namespaces" && n+2 < len(path) {
				resource = path[n+2]
			}
		}
		if r.Method != http.MethodGet && r.URL.Query().Get("dryRun") != "All" {
			t.Errorf("%s %s is no dry run", r.Method, r.URL)
		}
		status, told := of[resource]
		if !told {
			status = metav1.Status{Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden, Message: resource + ` is forbidden: User "w" cannot create resource "` + resource + `" in API group ""`}
		}
		status.TypeMeta, status.Status = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, metav1.StatusFailure
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(status.Code))
		_ = json.NewEncoder(w).Encode(status)
	}))
	t.Cleanup(server.Close)
	r, err := NewReading(&rest.Config{Host: server.URL, QPS: -1}, admission.Default(), slog.New(slog.DiscardHandler))
	fatal(t, err)
	return r
}

func TestAWatcherThatMayDoMoreThanReadIsTold(t *testing.T) {
	gone := metav1.Status{Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound, Message: "there is none"}
	invalid := metav1.Status{Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid, Message: "no containers"}
	policy := metav1.Status{Code: http.StatusForbidden, Reason: metav1.StatusReasonForbidden,
		Message: `jobs.batch "countersign-probe" is forbidden: ValidatingAdmissionPolicy 'countersign-gate' with binding 'countersign-gate' denied request: no`}
	away := metav1.Status{Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError, Message: "etcd is away"}
	for name, c := range map[string]struct {
		answers map[string]metav1.Status
		says    string
		told    bool
	}{
		"nothing is allowed":                 {told: true},
		"Secrets can be read":                {answers: map[string]metav1.Status{"secrets": gone}, says: "may read Secrets", told: true},
		"pods can be made":                   {answers: map[string]metav1.Status{"pods": invalid}, says: "may create Pods", told: true},
		"a policy alone refuses Jobs":        {answers: map[string]metav1.Status{"jobs": policy}, says: "may create Jobs", told: true},
		"the server fails":                   {answers: map[string]metav1.Status{"jobs": away}},
		"the server fails, one gets through": {answers: map[string]metav1.Status{"jobs": away, "configmaps": invalid}, says: "may create ConfigMaps"},
	} {
		r := answering(t, c.answers)
		told := r.once(t.Context())
		err := r.Excess()
		if told != c.told || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: told %v, %v", name, told, err)
		}
	}
}
