package remediate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	cartUID = "0b0f2e1c-9f3a-4c57-8a34-5d1f0e6c7a11"
	rs1UID  = "11111111-9f3a-4c57-8a34-5d1f0e6c7a11"
	rs2UID  = "22222222-9f3a-4c57-8a34-5d1f0e6c7a11"
	podUID  = "33333333-9f3a-4c57-8a34-5d1f0e6c7a11"

	cartPath = "/apis/apps/v1/namespaces/shop/deployments/cart"
	podPath  = "/api/v1/namespaces/shop/pods/cart-v2-x2x7k"
	rsPath   = "/apis/apps/v1/namespaces/shop/replicasets"
	hpaPath  = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
	pdbPath  = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"
	nsPath   = "/api/v1/namespaces/shop"
)

// apiServer answers like an API server as far as an executor asks: objects by
// path, JSON Patch with the API server's own library, dry runs, a policy of
// ours. Its Date is its own.
type apiServer struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	now     time.Time
	objects map[string]map[string]any
	lists   map[string][]any
	wall    bool
	writes  []string // "VERB path" of every write, "dry" appended to dry runs

	// odd may answer a request itself; it may also change the world first.
	odd func(w http.ResponseWriter, r *http.Request, dry bool) (handled bool)
}

func serve(t *testing.T) *apiServer {
	s := &apiServer{t: t, now: time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC), wall: true, objects: shop(t), lists: map[string][]any{
		rsPath:  {replicaSet(t, "cart-v1", rs1UID, "1", "registry.example/cart:v1"), replicaSet(t, "cart-v2", rs2UID, "2", "registry.example/cart:v2")},
		hpaPath: {}, pdbPath: {},
	}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Close)
	return s
}

func (s *apiServer) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", s.now.Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	dry := r.URL.Query().Get("dryRun") == "All"
	var opts metav1.DeleteOptions
	if r.Method == http.MethodDelete {
		if err := json.Unmarshal(body, &opts); err != nil {
			s.t.Error(err)
		}
		dry = len(opts.DryRun) == 1 && opts.DryRun[0] == "All" // the query counts for nothing
	}
	if r.Method != http.MethodGet {
		s.writes = append(s.writes, strings.TrimSuffix(r.Method+" "+r.URL.Path+" "+map[bool]string{true: "dry"}[dry], " "))
	}
	if s.odd != nil && s.odd(w, r, dry) {
		return
	}
	obj, found := s.objects[r.URL.Path]
	list, listed := s.lists[r.URL.Path]
	switch {
	case r.URL.Path == "/version":
		s.reply(w, 200, map[string]any{"major": "1"})
	case listed && r.Method == http.MethodGet:
		s.reply(w, 200, map[string]any{"kind": "List", "apiVersion": "v1", "metadata": map[string]any{}, "items": list})
	case !found:
		s.refuse(w, 404, metav1.StatusReasonNotFound, "not found")
	case r.Method == http.MethodGet:
		s.reply(w, 200, obj)
	case r.Method == http.MethodPatch:
		s.patch(w, r, obj, body, dry)
	case r.Method == http.MethodDelete:
		s.remove(w, r, obj, opts, dry)
	default:
		s.refuse(w, 405, metav1.StatusReasonMethodNotAllowed, "no")
	}
}

func (s *apiServer) patch(w http.ResponseWriter, r *http.Request, obj map[string]any, body []byte, dry bool) {
	raw, err := json.Marshal(obj)
	if err != nil {
		s.t.Error(err)
	}
	patch, err := jsonpatch.DecodePatch(body)
	if err != nil {
		s.refuse(w, 400, metav1.StatusReasonBadRequest, err.Error())
		return
	}
	raw, err = patch.Apply(raw)
	if err != nil {
		s.refuse(w, 422, metav1.StatusReasonInvalid, "the server rejected our request due to an error in our request")
		return
	}
	var after map[string]any
	if err := json.Unmarshal(raw, &after); err != nil {
		s.t.Error(err)
	}
	if s.wall && hostNetwork(after) != hostNetwork(obj) {
		s.deny(w, "countersign-test", "only the image may change")
		return
	}
	if !dry {
		s.objects[r.URL.Path] = after
	}
	s.reply(w, 200, after)
}

func (s *apiServer) remove(w http.ResponseWriter, r *http.Request, obj map[string]any, opts metav1.DeleteOptions, dry bool) {
	meta, _ := obj["metadata"].(map[string]any)
	pinned := opts.Preconditions != nil && opts.Preconditions.UID != nil
	switch {
	case s.wall && !pinned:
		s.deny(w, "countersign-delete-pod", "delete must carry the uid")
	case pinned && string(*opts.Preconditions.UID) != meta["uid"]:
		s.refuse(w, 409, metav1.StatusReasonConflict, "precondition failed")
	default:
		if !dry {
			delete(s.objects, r.URL.Path)
		}
		s.reply(w, 200, obj)
	}
}

func hostNetwork(obj map[string]any) bool {
	spec, _ := obj["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	pod, _ := template["spec"].(map[string]any)
	on, _ := pod["hostNetwork"].(bool)
	return on
}

// deny is the API server's own form for a ValidatingAdmissionPolicy.
func (s *apiServer) deny(w http.ResponseWriter, policy, message string) {
	said := fmt.Sprintf("ValidatingAdmissionPolicy '%s' with binding '%s' denied request: %s", policy, policy, message)
	s.reply(w, 403, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: 403, Reason: metav1.StatusReasonForbidden,
		Message: `deployments.apps "cart" is forbidden: ` + said,
		Details: &metav1.StatusDetails{Name: "cart", Causes: []metav1.StatusCause{{Message: said}}},
	})
}

func (s *apiServer) refuse(w http.ResponseWriter, code int32, reason metav1.StatusReason, message string) {
	s.reply(w, int(code), metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: code, Reason: reason, Message: message,
	})
}

func (s *apiServer) reply(w http.ResponseWriter, code int, v any) {
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.t.Error(err)
	}
}
