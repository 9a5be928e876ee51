package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/redact"
)

const (
	// pace is the time from one proof to the next while nothing changes.
	pace = 10 * time.Minute
	// tooLong is for how long a proof holds while the next one fails to be made.
	tooLong = pace + 5*time.Minute
	// settle is how long a change of a policy is left to take effect: a deleted
	// binding refuses for a second more, a new one binds after as long.
	settle = 2 * time.Second
	// firstPause and longPause bound the time between two tries where a proof
	// failed; each try may start a Job for every kind of action.
	firstPause = 5 * time.Second
	longPause  = 2 * time.Minute
	// proofTimeout outlasts an Order's life and the run of its Job.
	proofTimeout = 3 * time.Minute
)

// Launcher creates the Jobs of Orders and reads what they leave.
type Launcher interface {
	Launch(ctx context.Context, o action.Order) (jobs.Launched, error)
	Result(ctx context.Context, job string) (jobs.Finished, error)
	ServerNow(ctx context.Context) (time.Time, error)
}

// Config of a Prover; all but Log are required. REST is the gate's own account.
// Template and Key are the gate's, Wall is what was installed.
type Config struct {
	REST     *rest.Config
	Launcher Launcher
	Template jobs.Template
	Key      action.SigningKey
	Wall     admission.Config
	Redactor *redact.Redactor
	Log      *slog.Logger
}

// Prover proves the fence without end. Its methods are safe for concurrent use.
type Prover struct {
	cfg     Config
	client  kubernetes.Interface
	log     *slog.Logger
	changed chan struct{}
	wake    chan struct{}
	attempt int // of Run alone: counts the probes

	mu sync.Mutex
	state
}

// New checks the configuration. It sends nothing; until Run has proven the fence
// Halt says that it is being proven.
func New(cfg Config) (*Prover, error) {
	if cfg.REST == nil || cfg.Launcher == nil || cfg.Redactor == nil || len(cfg.Wall.PolicyNames()) == 0 {
		return nil, errors.New("a prover needs the gate's connection, a launcher, a redactor and what was installed")
	}
	conn := rest.CopyConfig(cfg.REST)
	conn.QPS, conn.Burst = 50, 100 // a proof is some forty requests at once
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("connect as the gate: %w", err)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Prover{
		cfg: cfg, client: client, log: cfg.Log, changed: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		state: newState(),
	}, nil
}

// Halt is one sentence on why the fence is not proven, without a full stop; empty
// while it is. It stays the same while its cause does.
func (p *Prover) Halt() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sentence(time.Now())
}

// Changed is sent to whenever Halt has changed. Changes that nobody has taken yet
// are one.
func (p *Prover) Changed() <-chan struct{} { return p.changed }

// change alters the state and tells if Halt is another one now.
func (p *Prover) change(alter func(*state)) {
	p.mu.Lock()
	alter(&p.state)
	now := p.sentence(time.Now())
	told := now != p.told
	p.told = now
	p.mu.Unlock()
	if !told {
		return
	}
	if now == "" {
		p.log.Info("the fence is proven")
	} else {
		p.log.Warn("no fix is offered or executed", "because", now)
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Run proves until ctx ends: at once, after every change of a policy or binding,
// and at its pace. It returns when its goroutines have.
func (p *Prover) Run(ctx context.Context) error {
	watching := p.watch(ctx)
	defer watching.Wait()
	next := time.NewTimer(0)
	defer next.Stop()
	pause := firstPause
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.wake:
			pause = firstPause
			next.Reset(settle)
			continue
		case <-next.C:
		}
		if !watching.synced() {
			next.Reset(100 * time.Millisecond)
			continue
		}
		if p.once(ctx) {
			pause = firstPause
			next.Reset(pace)
			continue
		}
		if p.Halt() == BeingProven {
			next.Reset(settle) // people wait for it
			continue
		}
		next.Reset(pause)
		pause = min(2*pause, longPause)
	}
}

// once makes one proof and takes its result in, unless something changed
// meanwhile. It reports whether the fence is proven.
func (p *Prover) once(ctx context.Context) bool {
	p.mu.Lock()
	before := p.changes
	p.mu.Unlock()
	began := time.Now()
	got, err := p.prove(ctx)
	if ctx.Err() != nil {
		return false
	}
	good := err == nil && got.good()
	if err != nil {
		p.log.Warn("the fence could not be proven", "error", p.cfg.Redactor.Redact(err.Error()).String())
	} else {
		p.log.Debug("looked at the fence", "proven", good, "took", time.Since(began).Round(time.Millisecond))
	}
	p.change(func(s *state) { s.take(before, got, err, time.Now()) })
	return good
}
