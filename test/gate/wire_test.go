package gate_test

import (
	"encoding/pem"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// dice are shared by everything that decides what goes wrong.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newDice(seed uint64) *dice { return &dice{rng: rand.New(rand.NewPCG(seed, 0x9a7e))} }

func (d *dice) below(share float64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.Float64() < share
}

func (d *dice) n(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(n)
}

// moment is where a request is when something is done to it.
type moment int

const (
	before moment = iota // the server has not seen it
	after                // the server has done it, the client has no answer
)

// wire is an HTTP proxy between the product and one of the services that it
// depends on. It loses requests on their way and answers on theirs, answers for
// a server that has failed, sets the server's clock wrong, and calls somebody at
// the n-th request.
type wire struct {
	name   string
	dice   *dice
	server *httptest.Server
	proxy  *httputil.ReverseProxy
	to     atomic.Pointer[url.URL]
	share  atomic.Uint64 // of requests that are spoilt, in millionths
	skew   atomic.Int64  // added to the Date of every answer
	spare  func(*http.Request) bool

	requests, failed, lostBefore, lostAfter atomic.Int64

	mu   sync.Mutex
	left int // requests until do; 0 means that nobody waits
	when moment
	do   func()
}

// newWire listens at once. to may be set later; next carries the requests on.
func newWire(name string, d *dice, next http.RoundTripper, tls bool) *wire {
	w := &wire{name: name, dice: d}
	w.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(w.to.Load())
			r.Out.Host = ""
		},
		Transport: next, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		ModifyResponse: w.shift,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	w.server = httptest.NewUnstartedServer(w)
	w.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if tls {
		w.server.StartTLS()
	} else {
		w.server.Start()
	}
	return w
}

func (w *wire) authority() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw})
}

func (w *wire) spoil(share float64) { w.share.Store(uint64(share * 1e6)) }

// at calls do at the n-th request from now, before or after the server has seen
// it; the client gets no answer to that one.
func (w *wire) at(n int, when moment, do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.when, w.do = n, when, do
}

func (w *wire) turn() (when moment, do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == 0 {
		return 0, nil
	}
	if w.left--; w.left > 0 {
		return 0, nil
	}
	do, w.do = w.do, nil
	return w.when, do
}

// ServeHTTP passes a request on, or does to it what was decided.
func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.requests.Add(1)
	if when, do := w.turn(); do != nil {
		if when == after {
			w.swallow(r)
		}
		do()
		panic(http.ErrAbortHandler)
	}
	if w.spare != nil && w.spare(r) || !w.dice.below(float64(w.share.Load())/1e6) {
		w.proxy.ServeHTTP(rw, r)
		return
	}
	stream := r.URL.Query().Get("watch") == "true" || r.URL.Query().Get("watch") == "1"
	switch way := w.dice.n(3); {
	case way == 0:
		w.failed.Add(1)
		http.Error(rw, "the server has failed (made by the harness)", http.StatusInternalServerError)
	case way == 1 || stream:
		w.lostBefore.Add(1)
		panic(http.ErrAbortHandler)
	default:
		w.lostAfter.Add(1)
		w.swallow(r)
		panic(http.ErrAbortHandler)
	}
}

// swallow lets the server do what was asked and keeps the answer.
func (w *wire) swallow(r *http.Request) { w.proxy.ServeHTTP(httptest.NewRecorder(), r) }

// shift sets the clock of the answers wrong.
func (w *wire) shift(resp *http.Response) error {
	by := time.Duration(w.skew.Load())
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil && by != 0 {
		resp.Header.Set("Date", at.Add(by).UTC().Format(http.TimeFormat))
	}
	return nil
}

func (w *wire) spoilt() int64 { return w.failed.Load() + w.lostBefore.Load() + w.lostAfter.Load() }

// close ends every request, also those that come in while it does: a watch has
// no end.
func (w *wire) close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		w.server.Close()
	}()
	for {
		w.server.CloseClientConnections()
		select {
		case <-closed:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func mustURL(text string) *url.URL {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil {
		panic(err)
	}
	return u
}
