package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// stubAPI answers for one namespace of Jobs. Its clock is ahead of this
// machine's by skew.
type stubAPI struct {
	mu      sync.Mutex
	skew    time.Duration
	jobs    map[string]*batchv1.Job
	answers []func(http.ResponseWriter) bool // one per create; true: answered
	creates int
	mute    bool // send no Date
}

func (s *stubAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", time.Now().Add(s.skew).UTC().Format(http.TimeFormat))
	if s.mute {
		w.Header()["Date"] = nil
	}
	switch {
	case r.URL.Path == "/version":
		reply(w, http.StatusOK, map[string]string{"gitVersion": "v1.36.3"})
	case r.Method == http.MethodPost:
		s.create(w, r)
	default:
		name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if job := s.jobs[name]; job != nil {
			reply(w, http.StatusOK, job)
			return
		}
		fail(w, http.StatusNotFound, metav1.StatusReasonNotFound)
	}
}

func (s *stubAPI) create(w http.ResponseWriter, r *http.Request) {
	s.creates++
	job := &batchv1.Job{}
	if err := json.NewDecoder(r.Body).Decode(job); err != nil {
		fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest)
		return
	}
	if s.jobs[job.Name] != nil {
		fail(w, http.StatusConflict, metav1.StatusReasonAlreadyExists)
		return
	}
	if len(s.answers) > 0 {
		answer := s.answers[0]
		s.answers = s.answers[1:]
		if answer(w) {
			return
		}
	}
	s.keep(job)
	reply(w, http.StatusCreated, job)
}

func (s *stubAPI) keep(job *batchv1.Job) {
	job.UID, job.CreationTimestamp = "u-1", metav1.NewTime(time.Now().Add(s.skew))
	if s.jobs == nil {
		s.jobs = map[string]*batchv1.Job{}
	}
	s.jobs[job.Name] = job
}

func reply(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, code int32, reason metav1.StatusReason) {
	reply(w, int(code), &metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: code, Reason: reason, Message: "the stub says " + string(reason),
	})
}

func refuse(code int32, reason metav1.StatusReason) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool { fail(w, code, reason); return true }
}

func newLauncher(t *testing.T, api *stubAPI) *Launcher {
	t.Helper()
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	// The stub reads JSON; client-go's default is protobuf.
	conn := &rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	l, err := New(Config{REST: conn, Template: testTemplate(), Redactor: redact.New(redact.Config{})})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLaunchCreatesTheJobOnce(t *testing.T) {
	api := &stubAPI{}
	l := newLauncher(t, api)
	order := testOrder(t, action.Apply, time.Now().Add(time.Minute))
	first, err := l.Launch(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.Launch(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	if first.Again || !second.Again || first.UID != second.UID || first.Name != order.Execution || len(api.jobs) != 1 {
		t.Errorf("first %+v, second %+v, %d jobs", first, second, len(api.jobs))
	}
}

func TestAJobOfThatNameWithAnotherOrderIsNoLaunch(t *testing.T) {
	api := &stubAPI{}
	l := newLauncher(t, api)
	order := testOrder(t, action.Apply, time.Now().Add(time.Minute))
	for name, spoil := range map[string]func(*batchv1.Job){
		"one byte differs": func(j *batchv1.Job) { j.Spec.Template.Spec.Containers[0].Env[0].Value += "A" },
		"no order":         func(j *batchv1.Job) { j.Spec.Template.Spec.Containers[0].Env = nil },
		"the order in another container": func(j *batchv1.Job) {
			j.Spec.Template.Spec.Containers[0].Name = "x"
		},
	} {
		t.Run(name, func(t *testing.T) {
			job, err := testTemplate().Job(order, encode(t, order))
			if err != nil {
				t.Fatal(err)
			}
			spoil(job)
			api.keep(job)
			_, err = l.Launch(t.Context(), order)
			var conflict *ConflictError
			if !errors.As(err, &conflict) || conflict.Name != order.Execution {
				t.Errorf("got %v, want a conflict", err)
			}
		})
	}
}

func TestPassingTroubleIsTriedAgain(t *testing.T) {
	cut := func(w http.ResponseWriter) bool { panic(http.ErrAbortHandler) }
	cases := map[string]func(http.ResponseWriter) bool{
		"an internal error":       refuse(500, metav1.StatusReasonInternalError),
		"a server that restarts":  refuse(503, metav1.StatusReasonServiceUnavailable),
		"a timeout":               refuse(504, metav1.StatusReasonTimeout),
		"a token in rotation":     refuse(401, metav1.StatusReasonUnauthorized),
		"a connection that drops": cut,
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			api := &stubAPI{answers: []func(http.ResponseWriter) bool{answer, answer}}
			order := testOrder(t, action.Apply, time.Now().Add(time.Minute))
			launched, err := newLauncher(t, api).Launch(t.Context(), order)
			if err != nil || launched.Again || api.creates != 3 {
				t.Errorf("%+v, %v after %d creates", launched, err, api.creates)
			}
		})
	}
}

func TestACreateWhoseAnswerIsLostIsFoundAgain(t *testing.T) {
	api := &stubAPI{}
	order := testOrder(t, action.Apply, time.Now().Add(time.Minute))
	job, err := testTemplate().Job(order, encode(t, order))
	if err != nil {
		t.Fatal(err)
	}
	api.answers = []func(http.ResponseWriter) bool{func(http.ResponseWriter) bool {
		api.keep(job)
		panic(http.ErrAbortHandler)
	}}
	launched, err := newLauncher(t, api).Launch(t.Context(), order)
	if err != nil || !launched.Again || len(api.jobs) != 1 {
		t.Errorf("%+v, %v, %d jobs", launched, err, len(api.jobs))
	}
}

func TestADefinitiveNoIsNotRepeated(t *testing.T) {
	for code, reason := range map[int32]metav1.StatusReason{
		403: metav1.StatusReasonForbidden, 422: metav1.StatusReasonInvalid, 404: metav1.StatusReasonNotFound, 400: metav1.StatusReasonBadRequest,
	} {
		t.Run(string(reason), func(t *testing.T) {
			api := &stubAPI{answers: []func(http.ResponseWriter) bool{refuse(code, reason)}}
			order := testOrder(t, action.Apply, time.Now().Add(time.Minute))
			_, err := newLauncher(t, api).Launch(t.Context(), order)
			var refused *RefusedError
			if !errors.As(err, &refused) || api.creates != 1 || !strings.Contains(refused.Reason.String(), "the stub says") {
				t.Errorf("%v after %d creates", err, api.creates)
			}
		})
	}
}

func TestTheExpiryIsByTheClockOfTheAPIServer(t *testing.T) {
	t.Run("expired there, not here", func(t *testing.T) {
		api := &stubAPI{skew: 2 * time.Minute}
		l := newLauncher(t, api)
		order := testOrder(t, action.Apply, time.Now().Add(time.Minute))
		if _, err := l.Launch(t.Context(), order); !errors.Is(err, ErrExpired) || api.creates != 0 {
			t.Errorf("%v after %d creates", err, api.creates)
		}
		if off := time.Until(l.Now()) - api.skew; off.Abs() > 2*time.Second {
			t.Errorf("Now is off by %s", off)
		}
	})
	t.Run("expired here, not there", func(t *testing.T) {
		api := &stubAPI{skew: -2 * time.Minute}
		order := testOrder(t, action.Apply, time.Now().Add(-time.Minute))
		if _, err := newLauncher(t, api).Launch(t.Context(), order); err != nil {
			t.Error(err)
		}
	})
	t.Run("an expired order whose job exists counts as launched", func(t *testing.T) {
		api := &stubAPI{}
		order := testOrder(t, action.Apply, time.Now().Add(-time.Second))
		job, err := testTemplate().Job(order, encode(t, order))
		if err != nil {
			t.Fatal(err)
		}
		api.keep(job)
		launched, err := newLauncher(t, api).Launch(t.Context(), order)
		if err != nil || !launched.Again {
			t.Errorf("%+v, %v", launched, err)
		}
	})
	t.Run("it expires while the server is in trouble", func(t *testing.T) {
		api := &stubAPI{}
		for range 100 {
			api.answers = append(api.answers, refuse(503, metav1.StatusReasonServiceUnavailable))
		}
		order := testOrder(t, action.Apply, time.Now().Add(2*time.Second))
		if _, err := newLauncher(t, api).Launch(t.Context(), order); !errors.Is(err, ErrExpired) || len(api.jobs) != 0 {
			t.Errorf("%v, %d jobs", err, len(api.jobs))
		}
	})
}

func TestWithoutTheServersClockNothingIsLaunched(t *testing.T) {
	api := &stubAPI{mute: true}
	l := newLauncher(t, api)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := l.Launch(ctx, testOrder(t, action.Apply, time.Now().Add(time.Minute)))
	if !errors.Is(err, context.DeadlineExceeded) || api.creates != 0 || !l.Now().IsZero() {
		t.Errorf("%v after %d creates, now %s", err, api.creates, l.Now())
	}
}

func TestALauncherNeedsAConnectionARedactorAndAWholeTemplate(t *testing.T) {
	good := Config{REST: &rest.Config{Host: "http://127.0.0.1:1"}, Template: testTemplate(), Redactor: redact.New(redact.Config{})}
	for name, with := range map[string]func(*Config){
		"no connection": func(c *Config) { c.REST = nil },
		"no redactor":   func(c *Config) { c.Redactor = nil },
		"no template":   func(c *Config) { c.Template = Template{} },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			with(&c)
			if _, err := New(c); err == nil {
				t.Error("a launcher was made")
			}
		})
	}
}
