package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/remediate"
)

// proof is what one look at the fence gave.
type proof struct {
	// wall is what has to stand; nil where it did not come to that.
	wall *wall
	// faults of policies and bindings, by what they are of.
	faults map[string]string
	// fault is the first sentence that something else is wrong.
	fault string
}

func (p proof) good() bool { return p.wall != nil && len(p.faults) == 0 && p.fault == "" }

// unproven is an error with a sentence for people, which is always the same for
// the same cause; the error beneath is for the log.
type unproven struct {
	why string
	err error
}

func (u *unproven) Error() string { return u.why + ": " + u.err.Error() }
func (u *unproven) Unwrap() error { return u.err }

func couldNot(why string, err error) error { return &unproven{why: why, err: err} }

// definite tells an answer of the API server's from one that another try may
// change.
func definite(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= http.StatusBadRequest && code < http.StatusInternalServerError &&
		code != http.StatusTooManyRequests && code != http.StatusUnauthorized && code != http.StatusRequestTimeout
}

// passing tells an API server that fails, or whose answer was lost, from
// everything else that keeps a proof from being made.
func passing(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return !definite(err)
	}
	var lost *url.Error // of every request that came to no answer
	return errors.As(err, &lost)
}

// prove looks at everything once, in an order in which a fault makes the rest
// needless: nobody is probed behind a policy that is not there.
func (p *Prover) prove(ctx context.Context) (proof, error) {
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	info, err := p.client.Discovery().ServerVersion()
	if err != nil {
		return proof{}, couldNot("the API server does not answer", err)
	}
	if old, ok := tooOld(info.GitVersion); old || !ok {
		return proof{fault: fmt.Sprintf("this cluster runs Kubernetes %s, and before 1.33 no admission policy can hold Countersign to what was approved: there are proposals, but no buttons", info.GitVersion)}, nil
	}
	sample, err := p.cfg.Template.Sample()
	if err != nil {
		return proof{}, couldNot("the executor Job cannot be built", err)
	}
	done, refused, err := completeAsGate(ctx, p.client, p.cfg.Wall, sample)
	if err != nil {
		return proof{}, couldNot("the gate cannot try its own Job", err)
	}
	if refused != "" {
		return p.withFaults(ctx, proof{fault: refused})
	}
	got := proof{}
	if got.wall, err = newWall(p.cfg.Wall, done); err != nil {
		return proof{}, couldNot("the policies of this version cannot be generated", err)
	}
	if got, err = p.withFaults(ctx, got); err != nil || !got.good() {
		return got, err
	}
	if got.fault, err = triesAsGate(ctx, p.client, p.cfg.Wall, sample, got.wall.mark); err != nil || got.fault != "" {
		if err != nil {
			err = couldNot("the gate cannot try what must be refused to it", err)
		}
		return got, err
	}
	got.fault, err = p.probeExecutors(ctx)
	return got, err
}

// withFaults reads every policy and binding. Without a wall to compare with it
// only says which are absent.
func (p *Prover) withFaults(ctx context.Context, got proof) (proof, error) {
	got.faults = map[string]string{}
	at := p.client.AdmissionregistrationV1()
	for _, name := range p.cfg.Wall.PolicyNames() {
		policy, err := at.ValidatingAdmissionPolicies().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			policy, err = nil, nil
		}
		if err != nil {
			return proof{}, couldNot("the policies cannot be read", err)
		}
		binding, err := at.ValidatingAdmissionPolicyBindings().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			binding, err = nil, nil
		}
		if err != nil {
			return proof{}, couldNot("the policies cannot be read", err)
		}
		for what, fault := range map[string]string{"policy " + name: got.wall.policyFault(name, policy), "binding " + name: got.wall.bindingFault(name, binding)} {
			if fault != "" {
				got.faults[what] = fault
			}
		}
	}
	return got, nil
}

// probeExecutors sends one Job for each account, all at once.
func (p *Prover) probeExecutors(ctx context.Context) (string, error) {
	clock, err := p.cfg.Launcher.ServerNow(ctx)
	if err != nil {
		return "", couldNot("the API server does not say the time", err)
	}
	on, err := readObjects(ctx, p.client, p.cfg.Wall.ProbeNamespace())
	if err != nil {
		return "", couldNot("the objects for probes cannot be read", err)
	}
	p.attempt++
	kinds := p.cfg.Wall.Kinds
	found := make([]string, len(kinds))
	var group errgroup.Group
	for i, kind := range kinds {
		group.Go(func() (err error) {
			found[i], err = p.probeExecutor(ctx, kind, on, clock)
			return err
		})
	}
	err = group.Wait()
	for _, why := range found {
		if why != "" {
			return why, nil
		}
	}
	return "", err
}

// probeLabel stands in a probe's Job where an incident's id would.
const probeLabel = "probe"

func (p *Prover) probeExecutor(ctx context.Context, kind action.Kind, on objects, clock time.Time) (string, error) {
	why := fmt.Sprintf("the probe of %s did not report", kind)
	a, err := on.actionOf(kind, clock)
	var lacks lacking
	if errors.As(err, &lacks) {
		return string(lacks), nil
	}
	order, err := p.order(a, clock)
	if err != nil {
		return "", couldNot(why, err)
	}
	if _, err := p.cfg.Launcher.Launch(ctx, order); err != nil {
		return "", couldNot(why, err)
	}
	end, err := p.cfg.Launcher.Result(ctx, order.Execution)
	if err != nil {
		return "", couldNot(why, err)
	}
	r, err := remediate.DecodeResult(end.Message)
	if err != nil {
		return "", couldNot(why, fmt.Errorf("job %s ended with %s %s %s: %w", order.Execution, end.Ending, end.Reason, end.Detail, err))
	}
	if r.Execution != order.Execution || r.Proposal != order.Proposal {
		return "", couldNot(why, fmt.Errorf("job %s reported on %s", order.Execution, r.Execution))
	}
	if fault := verdict(kind, p.cfg.Wall.ExecutorPolicy(kind), r); fault != "" {
		p.log.Warn("a probe does not prove the fence", "kind", kind, "fault", fault, "state", r.State, "code", r.Code, "reason", r.Reason.String(), "probes", r.Probes)
		return fault, nil
	}
	return "", nil
}

func (p *Prover) order(a action.Action, clock time.Time) (action.Order, error) {
	expires := clock.Add(action.OrderLife).UTC().Truncate(time.Second)
	terms := action.NewTerms(a, "", expires)
	name, err := action.JobName(action.Probe, terms, p.attempt%10)
	if err != nil {
		return action.Order{}, err
	}
	return action.Order{Execution: name, Incident: probeLabel, Mode: action.Probe, Terms: terms, ExpiresAt: expires}.Sign(p.cfg.Key)
}
