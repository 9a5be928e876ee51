package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// clockTrust is for how long the API server's time is carried on from one
// answer before Launch asks anew.
const clockTrust = 2 * time.Second

// callTimeout bounds one request to the API server.
const callTimeout = 10 * time.Second

// Config of a Launcher. REST is the gate's own account, never an admin's.
type Config struct {
	REST     *rest.Config
	Template Template
	// Redactor cleans what the API server and the kubelet say; it is required.
	Redactor *redact.Redactor
	// Logger may be nil, which means silence.
	Logger *slog.Logger
}

// Launcher creates execution Jobs and reports their end. Launch and Now work at
// once; Result needs Run. It is safe for concurrent use.
type Launcher struct {
	template Template
	client   kubernetes.Interface
	redactor *redact.Redactor
	log      *slog.Logger
	clock    *serverClock
	watched  *watched
}

// New checks the template and makes a Launcher. It sends nothing.
func New(cfg Config) (*Launcher, error) {
	if err := cfg.Template.check(); err != nil {
		return nil, err
	}
	if cfg.REST == nil || cfg.Redactor == nil {
		return nil, errors.New("a launcher needs the gate's connection and a redactor")
	}
	clock := &serverClock{}
	conn := rest.CopyConfig(cfg.REST)
	conn.Wrap(clock.wrap)
	if conn.QPS == 0 {
		// client-go's default of 5 a second would delay clicks in a storm.
		conn.QPS, conn.Burst = 50, 100
	}
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("connect as the gate: %w", err)
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Launcher{
		template: cfg.Template, client: client, redactor: cfg.Redactor, log: log,
		clock: clock, watched: newWatched(client, cfg.Template.Namespace),
	}, nil
}

// Now is the API server's time, zero before its first answer.
func (l *Launcher) Now() time.Time {
	now, _, _ := l.clock.reading()
	return now
}

// ServerNow is Now from an answer that is recent enough to decide on; if there
// is none, it asks.
func (l *Launcher) ServerNow(ctx context.Context) (time.Time, error) {
	if now, age, ok := l.clock.reading(); ok && age < clockTrust {
		return now, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// An error answer carries the Date as well as a good one.
	err := l.client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Error()
	if now, age, ok := l.clock.reading(); ok && age < clockTrust {
		return now, nil
	}
	if err == nil {
		err = errors.New("its answers carry no Date header")
	}
	return time.Time{}, fmt.Errorf("read the API server's clock: %w", err)
}

// Changes carries the incidents whose Jobs or pods changed, as hints to look
// again: what nobody takes in time is dropped. It is never closed.
func (l *Launcher) Changes() <-chan string { return l.watched.changes }

// expired reports whether o may no longer be launched.
func expired(o action.Order, now time.Time) bool { return !now.Before(o.ExpiresAt) }
