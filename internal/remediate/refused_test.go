package remediate

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
)

func TestWithoutTheWallNothingIsSent(t *testing.T) {
	for _, mode := range []action.Mode{action.Rehearse, action.Apply} {
		for _, kind := range kinds() {
			for name, open := range map[string]func(*apiServer){
				"no policy": func(s *apiServer) { s.wall = false },
				"a policy of somebody else": func(s *apiServer) {
					s.odd = func(w http.ResponseWriter, r *http.Request, _ bool) bool {
						if r.Method == http.MethodGet {
							return false
						}
						s.deny(w, "corp-hostnetwork", "see 'countersign-test'")
						return true
					}
				},
				"RBAC": func(s *apiServer) {
					s.odd = func(w http.ResponseWriter, r *http.Request, _ bool) bool {
						if r.Method == http.MethodGet {
							return false
						}
						s.refuse(w, 403, metav1.StatusReasonForbidden, "User cannot patch: ValidatingAdmissionPolicy 'countersign-x' denied request: no")
						return true
					}
				},
				"a webhook": func(s *apiServer) {
					s.odd = func(w http.ResponseWriter, r *http.Request, _ bool) bool {
						if r.Method == http.MethodGet {
							return false
						}
						s.refuse(w, 403, metav1.StatusReasonForbidden, `admission webhook "x" denied the request: no`)
						return true
					}
				},
			} {
				s := serve(t)
				a, after := approved(t, s, cartAction(kind))
				s.writes = nil
				open(s)
				r := s.run(mode, a, after)
				if r.State != Refused || r.Code != CodeWallOpen || len(s.writes) != 1 {
					t.Errorf("%s, %s, %s: %s %s after %q", mode, kind, name, r.State, r.Code, s.writes)
				}
			}
		}
	}
}

func TestAWorkloadOnTheHostsNetworkStillShowsTheWall(t *testing.T) {
	s := serve(t)
	set(s.objects[cartPath], true, "spec", "template", "spec", "hostNetwork")
	if r := s.run(action.Rehearse, cartAction(action.SetImage), ""); r.State != Rehearsed {
		t.Errorf("%s %s: %s", r.State, r.Code, r.Reason)
	}
}

func TestAnOrderForAnotherPodTimeOrKeyIsRefusedBeforeTheTargetIsRead(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(s *apiServer, cfg *Config, text *string)
		code   string
		state  State
	}{
		"another pod":       {func(_ *apiServer, c *Config, _ *string) { c.Pod = strings.Replace(c.Pod, "cs-a", "cs-r0", 1) }, CodeWrongPod, Refused},
		"no pod":            {func(_ *apiServer, c *Config, _ *string) { c.Pod = "" }, CodeWrongPod, Refused},
		"too late":          {func(s *apiServer, _ *Config, _ *string) { s.now = s.now.Add(action.OrderLife) }, CodeExpired, Refused},
		"another key":       {func(_ *apiServer, c *Config, _ *string) { c.Keys = action.Keys{"k1": make([]byte, 32)} }, CodeBadSignature, Refused},
		"cut":               {func(_ *apiServer, _ *Config, o *string) { *o = (*o)[:100] }, CodeBadOrder, Refused},
		"no order":          {func(_ *apiServer, _ *Config, o *string) { *o = "" }, CodeBadOrder, Refused},
		"protected by flag": {func(_ *apiServer, c *Config, _ *string) { c.Protected = []string{"shop"} }, CodeProtected, Refused},
		"nothing protected": {func(_ *apiServer, c *Config, _ *string) { c.Protected = nil }, CodeMisconfigured, Failed},
		"nothing steers it": {func(_ *apiServer, c *Config, _ *string) { c.Control = "" }, CodeMisconfigured, Failed},
		"no keys":           {func(_ *apiServer, c *Config, _ *string) { c.Keys = nil }, CodeMisconfigured, Failed},
		"nothing at all":    {func(_ *apiServer, c *Config, _ *string) { *c = Config{} }, CodeMisconfigured, Failed},
		"no server":         {func(s *apiServer, _ *Config, _ *string) { s.Close() }, CodeAPI, Failed},
	} {
		s := serve(t)
		a, after := approved(t, s, cartAction(action.SetImage))
		text, pod := order(t, action.Apply, a, after, s.now)
		cfg := config(t, &rest.Config{Host: s.URL}, pod)
		tc.change(s, &cfg, &text)
		read := 0
		s.odd = func(_ http.ResponseWriter, r *http.Request, _ bool) bool {
			if r.URL.Path != "/version" {
				read++
			}
			return false
		}
		r := roundTrip(t, Run(t.Context(), cfg, text))
		if r.State != tc.state || r.Code != tc.code || read != 0 || r.Reason.IsEmpty() {
			t.Errorf("%s: %s %s (%s), %d objects read", name, r.State, r.Code, r.Reason, read)
		}
	}
}

func TestAnAnswerThatNeverCameIsSettledByLookingAtTheTarget(t *testing.T) {
	for _, kind := range []action.Kind{action.SetImage, action.DeletePod} {
		for name, tc := range map[string]struct {
			effect, blind bool
			state         State
			code          string
		}{
			"it took effect":          {true, false, Applied, ""},
			"it did not":              {false, false, Failed, CodeAPI},
			"and nobody can tell now": {true, true, Failed, CodeUnknown},
		} {
			s := serve(t)
			a, after := approved(t, s, cartAction(kind))
			cut := false
			s.odd = func(w http.ResponseWriter, r *http.Request, dry bool) bool {
				switch {
				case cut && tc.blind:
					s.refuse(w, 500, metav1.StatusReasonInternalError, "down")
					return true
				case r.Method == http.MethodGet || dry || cut:
					return false
				}
				cut = true
				if tc.effect && kind == action.DeletePod {
					delete(s.objects, podPath)
				} else if tc.effect {
					set(s.objects[cartPath], "x", "metadata", "annotations", "countersign.dev/at")
					c := s.objects[cartPath]["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
					c["image"] = "registry.example/cart:v1"
				}
				panic(http.ErrAbortHandler) // the connection breaks
			}
			r := s.run(action.Apply, a, after)
			if r.State != tc.state || r.Code != tc.code {
				t.Errorf("%s, %s: %s %s: %s", kind, name, r.State, r.Code, r.Reason)
			}
		}
	}
}

func TestAReadThatFailsEndsTheRun(t *testing.T) {
	for _, kind := range []action.Kind{action.SetImage, action.DeletePod} {
		for _, path := range []string{nsPath, cartPath, podPath, rsPath, rsPath + "/cart-v2", hpaPath, pdbPath} {
			s := serve(t)
			a, after := approved(t, s, cartAction(kind))
			hit := false
			s.odd = func(w http.ResponseWriter, r *http.Request, _ bool) bool {
				if r.Method != http.MethodGet || r.URL.Path != path {
					return false
				}
				hit = true
				s.refuse(w, 403, metav1.StatusReasonForbidden, "forbidden")
				return true
			}
			s.writes = nil
			r := s.run(action.Apply, a, after)
			if hit && (r.State != Failed || r.Code != CodeForbidden || len(s.writes) != 0) {
				t.Errorf("%s without %s: %s %s, wrote %q", kind, path, r.State, r.Code, s.writes)
			}
			if !hit && r.State != Applied {
				t.Errorf("%s: %s %s", kind, r.State, r.Code)
			}
		}
	}
}

func TestARefusalOfTheChangeItselfSaysWhoRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(*apiServer, http.ResponseWriter)
		state  State
		code   string
		says   string
	}{
		"our policy":     {func(s *apiServer, w http.ResponseWriter) { s.deny(w, "countersign-set-image", "pod holds no order") }, Refused, CodeDenied, "holds no order"},
		"another policy": {func(s *apiServer, w http.ResponseWriter) { s.deny(w, "corp-images", "unsigned image") }, Refused, CodeDenied, "corp-images unsigned image"},
		"a webhook": {func(s *apiServer, w http.ResponseWriter) {
			s.refuse(w, 403, "", `admission webhook "x" denied the request: no`)
		}, Refused, CodeDenied, "denied the request"},
		"RBAC": {func(s *apiServer, w http.ResponseWriter) {
			s.refuse(w, 403, metav1.StatusReasonForbidden, "cannot patch")
		}, Refused, CodeForbidden, "cannot patch"},
		"validation": {func(s *apiServer, w http.ResponseWriter) {
			s.refuse(w, 422, metav1.StatusReasonInvalid, "must be positive")
		}, Refused, CodeInvalid, "must be positive"},
		"a conflict": {func(s *apiServer, w http.ResponseWriter) { s.refuse(w, 409, metav1.StatusReasonConflict, "modified") }, Refused, CodeConflict, "somebody else"},
		"no dry run": {func(s *apiServer, w http.ResponseWriter) {
			s.refuse(w, 400, metav1.StatusReasonBadRequest, "webhook does not support dry run")
		}, Refused, CodeInvalid, "dry run"},
		"an expired token": {func(s *apiServer, w http.ResponseWriter) {
			s.refuse(w, 401, metav1.StatusReasonUnauthorized, "Unauthorized")
		}, Failed, CodeAPI, "Unauthorized"},
		"a broken server": {func(s *apiServer, w http.ResponseWriter) { s.refuse(w, 500, metav1.StatusReasonInternalError, "etcd") }, Failed, CodeAPI, "etcd"},
		"a busy server": {func(s *apiServer, w http.ResponseWriter) {
			w.Header().Set("Retry-After", "1")
			s.refuse(w, 429, metav1.StatusReasonTooManyRequests, "later")
		}, Failed, CodeAPI, "later"},
		"no Status at all": {func(_ *apiServer, w http.ResponseWriter) { w.WriteHeader(502) }, Failed, CodeAPI, ""},
		"no object":        {func(s *apiServer, w http.ResponseWriter) { s.reply(w, 200, map[string]any{}) }, Failed, CodeAPI, ""},
		"an object without": {func(s *apiServer, w http.ResponseWriter) {
			s.reply(w, 200, map[string]any{"kind": "Deployment", "apiVersion": "apps/v1"})
		}, Failed, CodeAPI, "no spec"},
	} {
		s := serve(t)
		patches := 0
		s.odd = func(w http.ResponseWriter, r *http.Request, _ bool) bool {
			if r.Method == http.MethodPatch {
				patches++
			}
			if r.Method != http.MethodPatch || patches != 2 { // the first is the wall's
				return false
			}
			tc.answer(s, w)
			return true
		}
		r := s.run(action.Rehearse, cartAction(action.SetImage), "")
		if r.State != tc.state || r.Code != tc.code || !strings.Contains(r.Reason.String(), tc.says) {
			t.Errorf("%s: %s %s: %s", name, r.State, r.Code, r.Reason)
		}
		if patches > 2 {
			t.Errorf("%s: tried again", name)
		}
	}
}

// faulty is a client that panics when it is used.
type faulty struct{ dynamic.Interface }

func TestAFaultOfTheExecutorItselfIsAResultToo(t *testing.T) {
	s := serve(t)
	text, pod := order(t, action.Rehearse, cartAction(action.Restart), "", s.now)
	cfg := config(t, &rest.Config{Host: s.URL}, pod)
	cfg.Client = faulty{}
	if r := roundTrip(t, Run(t.Context(), cfg, text)); r.State != Failed || r.Code != CodeInternal || r.ServerTime.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestAnObjectOfAnotherShapeEndsTheRunWithoutAPanic(t *testing.T) {
	for _, kind := range kinds() {
		for _, path := range []string{nsPath, cartPath, podPath, rsPath + "/cart-v2"} {
			for _, field := range []string{"metadata", "spec", "status"} {
				for _, value := range []any{"text", 1.5, []any{1.0}, map[string]any{"template": "x", "containers": 3.0, "labels": "y", "selector": []any{}}} {
					s := serve(t)
					if s.objects[path] == nil {
						t.Fatal(path)
					}
					s.objects[path][field] = value
					r := s.run(action.Rehearse, cartAction(kind), "")
					if r.Code == CodeInternal {
						t.Errorf("%s with %s.%s = %v: %s", kind, path, field, value, r.Code)
					}
				}
			}
		}
	}
}
