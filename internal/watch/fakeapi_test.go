package watch

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// fakeAPI is an API server that speaks list and watch, in JSON, with the faults
// that a real one has: watches that close, versions that expire, rights that
// are missing, and times when it is away. It is for what a real API server
// cannot be made to do on command; the live test has a real one.
type fakeAPI struct {
	mu      sync.Mutex
	version int
	oldest  int // versions before this have expired
	objects map[string]map[string]stored
	log     []change
	changed chan struct{} // closed and replaced on every change
	cut     chan struct{} // closed and replaced to end all watches
	lists   map[string]int
	watches map[string]int

	streams bool            // serves lists as streams (sendInitialEvents)
	denied  map[string]bool // resources that are forbidden
	srv     *httptest.Server
	addr    string
}

type stored struct {
	raw     json.RawMessage
	version int
}

type change struct {
	version  int
	resource string
	kind     string // ADDED, MODIFIED, DELETED
	raw      json.RawMessage
}

var fakeKinds = map[string][2]string{
	"pods": {"v1", "Pod"}, "events": {"v1", "Event"}, "nodes": {"v1", "Node"},
	"deployments": {"apps/v1", "Deployment"}, "jobs": {"batch/v1", "Job"},
	"replicasets": {"meta.k8s.io/v1", "PartialObjectMetadata"},
	"services":    {"v1", "Service"}, "endpointslices": {"discovery.k8s.io/v1", "EndpointSlice"},
	"ingresses": {"networking.k8s.io/v1", "Ingress"}, "horizontalpodautoscalers": {"autoscaling/v2", "HorizontalPodAutoscaler"},
}

func newFakeAPI(t testing.TB, streams bool) *fakeAPI {
	t.Helper()
	f := &fakeAPI{
		version: 100, objects: map[string]map[string]stored{}, changed: make(chan struct{}), cut: make(chan struct{}),
		lists: map[string]int{}, watches: map[string]int{}, streams: streams, denied: map[string]bool{},
	}
	f.up(t)
	t.Cleanup(f.down)
	return f
}

// up starts the server, on the address that it had before.
func (f *fakeAPI) up(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", orDefault(f.addr, "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	f.srv = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.srv.Listener.Close()
	f.srv.Listener = l
	f.srv.Start()
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

// down ends every request, also those that come in while it does: Close alone
// waits for them, and a watch has no end.
func (f *fakeAPI) down() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		f.srv.Close()
	}()
	for {
		f.closeWatches()
		f.srv.CloseClientConnections()
		select {
		case <-closed:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (f *fakeAPI) config() *rest.Config { return &rest.Config{Host: "http://" + f.addr} }

// put creates or updates an object; the object's version is the server's.
func (f *fakeAPI) put(resource string, obj metav1.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	obj.SetResourceVersion(strconv.Itoa(f.version))
	raw := encode(resource, obj)
	key := obj.GetNamespace() + "/" + obj.GetName()
	if f.objects[resource] == nil {
		f.objects[resource] = map[string]stored{}
	}
	kind := "MODIFIED"
	if _, ok := f.objects[resource][key]; !ok {
		kind = "ADDED"
	}
	f.objects[resource][key] = stored{raw, f.version}
	f.record(change{f.version, resource, kind, raw})
}

// remove deletes an object.
func (f *fakeAPI) remove(resource string, obj metav1.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
	obj.SetResourceVersion(strconv.Itoa(f.version))
	delete(f.objects[resource], obj.GetNamespace()+"/"+obj.GetName())
	f.record(change{f.version, resource, "DELETED", encode(resource, obj)})
}

func (f *fakeAPI) record(c change) {
	f.log = append(f.log, c)
	close(f.changed)
	f.changed = make(chan struct{})
}

func encode(resource string, obj any) json.RawMessage {
	raw, err := json.Marshal(obj)
	if err != nil {
		panic(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		panic(err)
	}
	m["apiVersion"], m["kind"] = fakeKinds[resource][0], fakeKinds[resource][1]
	if resource == "replicasets" { // what a server answers that was asked for metadata
		m = map[string]any{"apiVersion": m["apiVersion"], "kind": m["kind"], "metadata": m["metadata"]}
	}
	raw, err = json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return raw
}

// closeWatches ends every watch, as a server does after some minutes.
func (f *fakeAPI) closeWatches() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.cut)
	f.cut = make(chan struct{})
}

// expire makes every version up to now too old to watch from.
func (f *fakeAPI) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.oldest, f.log = f.version+1, nil
	f.version++
}

func (f *fakeAPI) serve(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	resource := parts[len(parts)-1]
	if _, ok := fakeKinds[resource]; !ok {
		status(w, http.StatusNotFound, metav1.StatusReasonNotFound)
		return
	}
	f.mu.Lock()
	denied, streams := f.denied[resource], f.streams
	f.mu.Unlock()
	q := r.URL.Query()
	switch {
	case denied:
		status(w, http.StatusForbidden, metav1.StatusReasonForbidden)
	case q.Get("watch") == "":
		f.list(w, resource)
	case q.Get("sendInitialEvents") == "true" && !streams:
		status(w, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid)
	default:
		f.watch(w, r, resource)
	}
}

func status(w http.ResponseWriter, code int, reason metav1.StatusReason) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"as the test wants"}`, reason, code)
}

func (f *fakeAPI) list(w http.ResponseWriter, resource string) {
	f.mu.Lock()
	f.lists[resource]++
	items, version := f.all(resource), f.version
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"apiVersion":%q,"kind":%q,"metadata":{"resourceVersion":"%d"},"items":[`,
		fakeKinds[resource][0], fakeKinds[resource][1]+"List", version)
	for i, raw := range items {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		w.Write(raw)
	}
	fmt.Fprint(w, "]}")
}

func (f *fakeAPI) all(resource string) []json.RawMessage {
	var list []stored
	for _, s := range f.objects[resource] {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b stored) int { return a.version - b.version })
	var out []json.RawMessage
	for _, s := range list {
		out = append(out, s.raw)
	}
	return out
}

func (f *fakeAPI) watch(w http.ResponseWriter, r *http.Request, resource string) {
	q := r.URL.Query()
	from, _ := strconv.Atoi(q.Get("resourceVersion"))
	f.mu.Lock()
	f.watches[resource]++
	if from > 0 && from < f.oldest {
		f.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old"}}`+"\n")
		return
	}
	var initial []json.RawMessage
	stream := q.Get("sendInitialEvents") == "true"
	if stream {
		initial, from = f.all(resource), f.version
	}
	cut := f.cut
	f.mu.Unlock()

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	flush := w.(http.Flusher).Flush
	for _, raw := range initial {
		fmt.Fprintf(w, `{"type":"ADDED","object":%s}`+"\n", raw)
	}
	if stream {
		fmt.Fprintf(w, `{"type":"BOOKMARK","object":{"apiVersion":%q,"kind":%q,"metadata":{"resourceVersion":"%d","annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n",
			fakeKinds[resource][0], fakeKinds[resource][1], from)
	}
	flush()
	for {
		f.mu.Lock()
		var news []change
		for _, c := range f.log {
			if c.version > from && c.resource == resource {
				news = append(news, c)
			}
		}
		from = max(from, f.version)
		next := f.changed
		f.mu.Unlock()
		for _, c := range news {
			fmt.Fprintf(w, `{"type":%q,"object":%s}`+"\n", c.kind, c.raw)
		}
		flush()
		select {
		case <-next:
		case <-cut:
			return
		case <-r.Context().Done():
			return
		}
	}
}
