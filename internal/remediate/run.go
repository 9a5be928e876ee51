package remediate

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/client-go/dynamic"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Config is what an executor was started with: its connection and what the
// Job's arguments pin. An empty one refuses every Order.
type Config struct {
	Client    dynamic.Interface
	Clock     *Clock
	Keys      action.Keys
	Pod       string   // the executor's own pod name
	Control   string   // namespace of the kill switch and the allowed signers
	Protected []string // namespaces in which nothing may be changed
	Redactor  *redact.Redactor
}

// run is one Order under way.
type run struct {
	cfg   Config
	order action.Order
	now   time.Time
	live  live
	res   Result
}

// Run carries out one encoded Order and always returns a Result that says what
// became of it.
func Run(ctx context.Context, cfg Config, orderText string) (res Result) {
	// A stopwatch; what time it is, only the API server says.
	began := time.Now()
	r := &run{cfg: cfg, res: Result{Version: Version}}
	defer func() {
		if recover() != nil {
			r.res.State, r.res.Code = Failed, CodeInternal
			r.res.Reason = redact.Literal("The executor met a fault of its own; look at the target before trying again.")
		}
		r.res.Took = time.Since(began).Round(time.Millisecond)
		if cfg.Clock != nil {
			r.res.ServerTime = cfg.Clock.Now()
		}
		res = r.res
	}()
	if s := r.carryOut(ctx, orderText); s != nil {
		r.res.State, r.res.Code, r.res.Reason = s.state, s.code, s.reason.Truncate(400)
	}
	return r.res
}

// carryOut is the whole path, in order.
func (r *run) carryOut(ctx context.Context, orderText string) *stop {
	if s := r.accept(ctx, orderText); s != nil {
		return s
	}
	if r.order.Mode == action.Probe {
		return r.probe(ctx)
	}
	for _, step := range []func(context.Context) *stop{r.notStopped, r.look, r.sameObject, r.countersigned} {
		if s := step(ctx); s != nil {
			return s
		}
	}
	if r.order.Terms.Action.Kind == action.DeletePod {
		return r.deletePod(ctx)
	}
	return r.changeWorkload(ctx)
}

// accept decides whether the Order is one that this pod may carry out now.
func (r *run) accept(ctx context.Context, text string) *stop {
	cfg := r.cfg
	if cfg.Client == nil || cfg.Clock == nil || cfg.Redactor == nil || len(cfg.Keys) == 0 || len(cfg.Protected) == 0 || cfg.Control == "" {
		r.cfg.Redactor = redact.New(redact.Config{})
		return fail(CodeMisconfigured, redact.Literal("The executor was started without its keys, its namespaces or its connection."))
	}
	now, err := cfg.Clock.Ask(ctx)
	if err != nil {
		return r.couldNot(redact.Literal("ask the API server's time"), err)
	}
	order, err := action.VerifyOrder(text, cfg.Keys, now)
	if err != nil {
		code := CodeBadOrder
		switch {
		case errors.Is(err, action.ErrOrderExpired):
			code = CodeExpired
		case errors.Is(err, action.ErrOrderSignature):
			code = CodeBadSignature
		}
		return refuse(code, redact.Sprintf("The order is not valid: %s.", r.tell(err)))
	}
	r.order, r.now = order, now
	r.res.Execution, r.res.Mode, r.res.Proposal = order.Execution, order.Mode, order.Proposal
	if !action.PodOf(order.Execution, cfg.Pod) {
		return refuse(CodeWrongPod, redact.Literal("The order belongs to another Job than the one this pod was made by."))
	}
	if order.Mode != action.Probe && slices.Contains(cfg.Protected, order.Terms.Action.Target.Namespace) {
		return r.protected()
	}
	return nil
}

func (r *run) protected() *stop {
	return refuse(CodeProtected, redact.Sprintf("Namespace %s is protected: nothing may be changed there from Slack.",
		redact.Name(r.order.Terms.Action.Target.Namespace)))
}

// sameObject compares the live object with what the Order names. For a
// rehearsal the bound hash is measured, for an execution it must be the
// approved one.
func (r *run) sameObject(context.Context) *stop {
	a := r.order.Terms.Action
	target := redact.Name(a.Target.String())
	if r.live.namespace.GetLabels()[action.ProtectedLabel] == "true" {
		return r.protected()
	}
	if uid := string(r.live.object.GetUID()); uid != a.Target.UID {
		return refuse(CodeUIDChanged, redact.Sprintf("%s was deleted and made again since: this is another object of the same name.", target))
	}
	if r.live.object.GetDeletionTimestamp() != nil {
		return refuse(CodeTerminating, redact.Sprintf("%s is already being deleted.", target))
	}
	before, err := action.BoundHash(a.Kind, r.live.object.Object)
	if err != nil {
		return r.couldNot(redact.Literal("hash the live object"), err)
	}
	r.res.UID, r.res.Before = a.Target.UID, before
	if r.order.Mode == action.Apply && before != a.Bound {
		return boundChanged(target)
	}
	return nil
}

func boundChanged(target redact.Text) *stop {
	return refuse(CodeBoundChanged, redact.Sprintf("%s was changed since the rehearsal, so the approval no longer fits it: rehearse and vote again.", target))
}
