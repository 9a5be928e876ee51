package remediate

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-dev/countersign/internal/action"
)

func TestWhatMovedBetweenRehearsalAndExecutionIsRefused(t *testing.T) {
	spec := func(path ...string) func(*apiServer) {
		return func(s *apiServer) { set(s.objects[cartPath], 7.0, append([]string{"spec"}, path...)...) }
	}
	for name, tc := range map[string]struct {
		move func(*apiServer)
		code string // empty: still applied
	}{
		"an image": {func(s *apiServer) {
			s.objects[cartPath] = in(t, strings.ReplaceAll(string(must(json.Marshal(s.objects[cartPath]))), "log:v1", "log:v2"))
		}, CodeBoundChanged},
		"the strategy":             {func(s *apiServer) { set(s.objects[cartPath], "Recreate", "spec", "strategy", "type") }, CodeBoundChanged},
		"a field that was not set": {spec("minReadySeconds"), CodeBoundChanged},
		"a field that was set":     {spec("revisionHistoryLimit"), CodeBoundChanged},
		"a template annotation":    {func(s *apiServer) { set(s.objects[cartPath], "x", "spec", "template", "metadata", "annotations", "a") }, CodeBoundChanged},
		"deleted":                  {func(s *apiServer) { delete(s.objects, cartPath) }, CodeNotFound},
		"deleted and made again":   {func(s *apiServer) { set(s.objects[cartPath], podUID, "metadata", "uid") }, CodeUIDChanged},
		"being deleted":            {func(s *apiServer) { set(s.objects[cartPath], "2026-11-20T14:00:00Z", "metadata", "deletionTimestamp") }, CodeTerminating},
		"protected meanwhile":      {func(s *apiServer) { set(s.objects[nsPath], "true", "metadata", "labels", "countersign.dev/protected") }, CodeProtected},
		"a signature asked for": {func(s *apiServer) {
			set(s.objects[nsPath], "true", "metadata", "labels", "countersign.dev/require-signature")
		}, CodeSignatureRequired},
		"the image history": {func(s *apiServer) { s.lists[rsPath] = s.lists[rsPath][1:] }, CodeImageNeverRan},
		"taken over by Flux": {func(s *apiServer) {
			set(s.objects[cartPath], "apps", "metadata", "labels", "kustomize.toolkit.fluxcd.io/name")
		}, CodeGitOps},
		"only the status":               {func(s *apiServer) { set(s.objects[cartPath], 0.0, "status", "readyReplicas") }, ""},
		"only a label":                  {func(s *apiServer) { set(s.objects[cartPath], "b", "metadata", "labels", "tier") }, ""},
		"only an annotation":            {func(s *apiServer) { set(s.objects[cartPath], "b", "metadata", "annotations", "note") }, ""},
		"only the replicas":             {func(s *apiServer) { set(s.objects[cartPath], 9.0, "spec", "replicas") }, ""},
		"only the generation":           {func(s *apiServer) { set(s.objects[cartPath], 19.0, "metadata", "generation") }, ""},
		"only the annotations, to none": {func(s *apiServer) { set(s.objects[cartPath], nil, "metadata", "annotations") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			a, after := approved(t, s, cartAction(action.SetImage))
			tc.move(s)
			before := snapshot(t, s)
			r := s.run(action.Apply, a, after)
			if tc.code == "" {
				if r.State != Applied {
					t.Errorf("refused: %s: %s", r.Code, r.Reason)
				}
				return
			}
			if r.State != Refused || r.Code != tc.code || r.Reason.IsEmpty() {
				t.Errorf("%s %s (%s), want refused %s", r.State, r.Code, r.Reason, tc.code)
			}
			if d := cmp.Diff(before, snapshot(t, s)); d != "" {
				t.Errorf("refused, and yet it changed:\n%s", d)
			}
		})
	}
}

func must(raw []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return raw
}

// The target moves after the executor's own look: only the patch itself can
// notice.
func TestWhatMovesUnderTheExecutorsHandsIsRefused(t *testing.T) {
	for _, nth := range []int{1, 2, 3} { // the wall, the dry run, the write
		for name, tc := range map[string]struct {
			kind action.Kind
			move func(*apiServer)
			code string
		}{
			"an edit":            {action.SetImage, func(s *apiServer) { set(s.objects[cartPath], "Recreate", "spec", "strategy", "type") }, CodeBoundChanged},
			"a field appears":    {action.SetImage, func(s *apiServer) { set(s.objects[cartPath], true, "spec", "paused") }, CodeBoundChanged},
			"another object":     {action.SetImage, func(s *apiServer) { set(s.objects[cartPath], podUID, "metadata", "uid") }, CodeUIDChanged},
			"no object":          {action.SetImage, func(s *apiServer) { delete(s.objects, cartPath) }, CodeNotFound},
			"another pod":        {action.DeletePod, func(s *apiServer) { set(s.objects[podPath], cartUID, "metadata", "uid") }, CodeUIDChanged},
			"no pod":             {action.DeletePod, func(s *apiServer) { delete(s.objects, podPath) }, CodeNotFound},
			"a scale is nothing": {action.SetImage, func(s *apiServer) { set(s.objects[cartPath], 5.0, "spec", "replicas") }, ""},
		} {
			if name == "another pod" && nth == 1 {
				continue // the wall's DELETE is refused before any UID is compared
			}
			s := serve(t)
			a, after := approved(t, s, cartAction(tc.kind))
			writes := 0
			s.odd = func(_ http.ResponseWriter, r *http.Request, _ bool) bool {
				if r.Method == http.MethodPatch || r.Method == http.MethodDelete {
					if writes++; writes == nth {
						tc.move(s)
					}
				}
				return false
			}
			r := s.run(action.Apply, a, after)
			if tc.code == "" && r.State != Applied || tc.code != "" && (r.State != Refused || r.Code != tc.code) {
				t.Errorf("%s before write %d: %s %s: %s", name, nth, r.State, r.Code, r.Reason)
			}
		}
	}
}
