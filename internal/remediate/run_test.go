package remediate

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/countersign-dev/countersign/internal/action"
)

func kinds() []action.Kind {
	return []action.Kind{action.DeletePod, action.Restart, action.Rollback, action.SetImage, action.SetResources}
}

// approved rehearses a and returns it with the bound hash, and the predicted one.
func approved(t *testing.T, s *apiServer, a action.Action) (action.Action, action.Hash) {
	t.Helper()
	r := s.run(action.Rehearse, a, "")
	if r.State != Rehearsed {
		t.Fatalf("rehearsal of %s: %s %s: %s", a.Kind, r.State, r.Code, r.Reason)
	}
	a.Bound = r.Before
	return a, r.After
}

func snapshot(t *testing.T, s *apiServer) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, err := json.MarshalIndent(s.objects, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestARehearsalTouchesNothingAndAnExecutionDoesWhatItShowed(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := serve(t)
			before := snapshot(t, s)
			a, after := approved(t, s, cartAction(kind))
			if d := cmp.Diff(before, snapshot(t, s)); d != "" {
				t.Fatalf("the rehearsal changed something:\n%s", d)
			}
			for _, w := range s.writes {
				if !strings.HasSuffix(w, " dry") {
					t.Errorf("the rehearsal sent %q", w)
				}
			}
			s.writes = nil
			r := s.run(action.Apply, a, after)
			if r.State != Applied || r.Code != "" || r.After != after {
				t.Fatalf("%s %s: %s", r.State, r.Code, r.Reason)
			}
			if len(s.writes) != 3 || strings.HasSuffix(s.writes[2], " dry") {
				t.Errorf("want the wall, the dry run and one write, got %q", s.writes)
			}
			if again := s.run(action.Apply, a, after); again.State != Refused {
				t.Errorf("a second run of the same order: %s %s", again.State, again.Code)
			}
		})
	}
}

func TestAnExecutionLeavesTheChangeAndTheStampsAndNothingElse(t *testing.T) {
	for kind, want := range map[action.Kind]string{
		action.Restart:      "/spec/template/metadata/annotations",
		action.SetImage:     "/spec/template/spec/containers/0/image",
		action.SetResources: "/spec/template/spec/containers/0/resources/limits/memory",
		action.Rollback:     "/spec/template/spec/containers/0/image",
	} {
		s := serve(t)
		a, after := approved(t, s, cartAction(kind))
		old := shop(t)[cartPath]
		s.run(action.Apply, a, after)
		now := s.objects[cartPath]
		notes := now["metadata"].(map[string]any)["annotations"].(map[string]any)
		if d := cmp.Diff(map[string]any{
			"deployment.kubernetes.io/revision": "2", "countersign.dev/incident": "i0123456789ab",
			"countersign.dev/approved-by": "U02ALICE", "countersign.dev/at": "2026-11-20T14:00:00Z",
		}, notes); d != "" {
			t.Errorf("%s: annotations (-want +got):\n%s", kind, d)
		}
		delete(old["metadata"].(map[string]any), "annotations")
		delete(now["metadata"].(map[string]any), "annotations")
		var changed []string
		differences("", old, now, &changed)
		if len(changed) != 1 || changed[0] != want {
			t.Errorf("%s changed %q", kind, changed)
		}
	}
}

func differences(path string, a, b any, found *[]string) {
	am, aok := a.(map[string]any)
	bm, bok := b.(map[string]any)
	al, alok := a.([]any)
	bl, blok := b.([]any)
	switch {
	case aok && bok:
		for k := range am {
			differences(path+"/"+k, am[k], bm[k], found)
		}
		for k := range bm {
			if _, both := am[k]; !both {
				*found = append(*found, path+"/"+k)
			}
		}
	case alok && blok && len(al) == len(bl):
		for i := range al {
			differences(path+"/"+string(rune('0'+i)), al[i], bl[i], found)
		}
	case !cmp.Equal(a, b):
		*found = append(*found, path)
	}
}

// set changes one value of an object of the server, by path.
func set(obj map[string]any, value any, path ...string) {
	for _, p := range path[:len(path)-1] {
		next, ok := obj[p].(map[string]any)
		if !ok {
			next = map[string]any{}
			obj[p] = next
		}
		obj = next
	}
	if value == nil {
		delete(obj, path[len(path)-1])
		return
	}
	obj[path[len(path)-1]] = value
}
