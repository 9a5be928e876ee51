package remediate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

func TestReadsAreAskedForAgainAndWritesAreSentOnce(t *testing.T) {
	var asked, failures atomic.Int64
	var cut atomic.Bool
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if failures.Add(-1) >= 0 {
			if cut.Load() {
				panic(http.ErrAbortHandler)
			}
			http.Error(w, "etcd is away", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}`))
	}))
	defer api.Close()
	client, _, err := Connect(&rest.Config{Host: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	pods := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace("shop")
	for _, c := range []struct {
		what     string
		failures int64
		cut      bool
		write    bool
		asked    int64
		fails    bool
	}{
		{what: "all is well", asked: 1},
		{what: "one answer is lost", failures: 1, cut: true, asked: 2},
		{what: "two failures", failures: 2, asked: 3},
		{what: "it stays away", failures: 9, asked: 3, fails: true},
		{what: "a write", write: true, asked: 1},
		{what: "a write that fails", failures: 1, write: true, asked: 1, fails: true},
		{what: "a write whose answer is lost", failures: 1, cut: true, write: true, asked: 1, fails: true},
	} {
		asked.Store(0)
		failures.Store(c.failures)
		cut.Store(c.cut)
		if c.write {
			_, err = pods.Patch(t.Context(), "p", types.JSONPatchType, []byte("[]"), metav1.PatchOptions{})
		} else {
			_, err = pods.Get(t.Context(), "p", metav1.GetOptions{})
		}
		if asked.Load() != c.asked || (err != nil) != c.fails {
			t.Errorf("%s: asked %d times, want %d; %v", c.what, asked.Load(), c.asked, err)
		}
	}

	failures.Store(9)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := pods.Get(short, "p", metav1.GetOptions{}); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	} else if !strings.Contains(err.Error(), "etcd is away") && !strings.Contains(err.Error(), "deadline") {
		t.Errorf("the reason is gone: %v", err)
	}
}
