package watch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
)

func both(t *testing.T, f func(t *testing.T, api *fakeAPI)) {
	for name, streams := range map[string]bool{"streamed lists": true, "plain lists": false} {
		t.Run(name, func(t *testing.T) { f(t, newFakeAPI(t, streams)) })
	}
}

func TestAFaultThatStandsIsToldAtTheStartWithItsWorkload(t *testing.T) {
	both(t, func(t *testing.T, api *fakeAPI) {
		api.put("pods", healthyPod("well"))
		api.put("pods", waitingPod("ill", "ImagePullBackOff", notFound))
		api.put("replicasets", replicaSet())
		w := start(t, api, nil)
		s := next(t, w)
		if s.Symptom != incident.SymptomImagePull || s.Object.Name != "ill" || s.Object.UID != "uid-ill" || s.Object.APIVersion != "v1" {
			t.Errorf("signal %+v", s)
		}
		if s.Subject.Kind != "Deployment" || s.Subject.Name != "api" || s.Subject.UID != "uid-deploy" || s.Subject.Namespace != "shop" {
			t.Errorf("subject %+v, want the Deployment", s.Subject)
		}
		if !strings.Contains(s.Message.String(), "not found") || s.Since.IsZero() {
			t.Errorf("message %q since %v", s.Message, s.Since)
		}
		if !w.Synced() {
			t.Error("a signal came before the lists were in")
		}
		if st := w.Stats(); st.Pods != 2 || st.Faults != 1 || st.Delivered != 1 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestAChangeIsToldAndAnotherWordingIsNot(t *testing.T) {
	api := newFakeAPI(t, true)
	api.put("replicasets", replicaSet())
	api.put("pods", waitingPod("a", "ImagePullBackOff", notFound))
	w := start(t, api, nil)
	wantTold(t, w, "image-pull a")
	api.put("pods", waitingPod("a", "ErrImagePull", "rpc error: code = NotFound desc = not found, said otherwise"))
	api.put("pods", waitingPod("a", "ImagePullBackOff", "Back-off pulling image"))
	api.put("pods", waitingPod("a", "ErrImagePull", "dial tcp: lookup registry.example: no such host"))
	if s := next(t, w); !strings.Contains(s.Message.String(), "no such host") {
		t.Errorf("told %q, want the change of class", s.Message)
	}
	api.put("pods", waitingPod("a", "ImagePullBackOff", notFound)) // told before
	api.put("pods", waitingPod("b", "CreateContainerConfigError", `configmap "x" not found`))
	wantTold(t, w, "config-error b")
}

func TestAFaultThatComesBackIsToldAgain(t *testing.T) {
	api := newFakeAPI(t, true)
	api.put("replicasets", replicaSet())
	api.put("pods", waitingPod("a", "ImagePullBackOff", notFound))
	w := start(t, api, nil)
	wantTold(t, w, "image-pull a")
	api.put("pods", healthyPod("a"))
	eventually(t, "the fault is gone", func() bool { return w.Stats().Faults == 0 })
	api.put("pods", waitingPod("a", "ImagePullBackOff", notFound))
	wantTold(t, w, "image-pull a")
}

func TestAClosedWatchLosesNothing(t *testing.T) {
	both(t, func(t *testing.T, api *fakeAPI) {
		api.put("replicasets", replicaSet())
		w := start(t, api, nil)
		eventually(t, "the Watcher is synced", w.Synced)
		for i := range 5 {
			name := fmt.Sprint("p", i)
			api.closeWatches()
			api.put("pods", waitingPod(name, "ImagePullBackOff", notFound))
			wantTold(t, w, "image-pull "+name)
		}
	})
}

func TestAnExpiredVersionIsListedAgain(t *testing.T) {
	both(t, func(t *testing.T, api *fakeAPI) {
		api.put("replicasets", replicaSet())
		api.put("pods", waitingPod("goes", "ImagePullBackOff", notFound))
		api.put("pods", healthyPod("stays"))
		w := start(t, api, nil)
		wantTold(t, w, "image-pull goes")
		api.mu.Lock() // the Watcher sees none of this as it happens
		delete(api.objects["pods"], "shop/goes")
		api.mu.Unlock()
		api.put("pods", waitingPod("comes", "ImagePullBackOff", notFound))
		api.expire()
		api.closeWatches()
		wantTold(t, w, "image-pull comes")
		eventually(t, "the deleted pod is forgotten", func() bool { return w.Stats().Pods == 2 && w.Stats().Faults == 1 })
	})
}

func TestARestartOfTheServerLosesNothing(t *testing.T) {
	both(t, func(t *testing.T, api *fakeAPI) {
		api.put("replicasets", replicaSet())
		api.put("pods", waitingPod("before", "ImagePullBackOff", notFound))
		w := start(t, api, nil)
		wantTold(t, w, "image-pull before")
		api.down()
		eventually(t, "the Watcher notices", func() bool { return w.Stats().Behind > 0 })
		api.put("pods", waitingPod("meanwhile", "ImagePullBackOff", notFound))
		api.up(t)
		wantTold(t, w, "image-pull meanwhile") // and "before" not again
		eventually(t, "the Watcher is no longer behind", func() bool { return w.Stats().Behind == 0 })
	})
}

func TestAServerThatIsAwayAtTheStartIsWaitedFor(t *testing.T) {
	api := newFakeAPI(t, true)
	api.put("replicasets", replicaSet())
	api.put("pods", waitingPod("a", "ImagePullBackOff", notFound))
	api.down()
	w := start(t, api, nil)
	if err := w.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("Check = %v, want a sentence about the server", err)
	}
	if w.Synced() {
		t.Error("synced with a server that is away")
	}
	api.up(t)
	wantTold(t, w, "image-pull a")
}

func TestANewWatcherTellsWhatStandsAgain(t *testing.T) {
	api := newFakeAPI(t, true)
	api.put("replicasets", replicaSet())
	api.put("pods", waitingPod("a", "ImagePullBackOff", notFound))
	for range 2 {
		t.Run("run", func(t *testing.T) { wantTold(t, start(t, api, nil), "image-pull a") })
	}
}
