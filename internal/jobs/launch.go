package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Launched says that the Job of an Order exists. Again is true when it existed
// before, with the same Order byte for byte.
type Launched struct {
	Name  string
	UID   types.UID
	Again bool
	At    time.Time // the API server's time of creation
}

// ErrExpired means that the Order's expiry passed, by the API server's clock,
// before its Job was seen to exist. An answer may have been lost on the way, so
// that an Apply is settled by looking at its target.
var ErrExpired = errors.New("the order has expired")

// ConflictError means that a Job of this name exists with another Order, or is
// already gone again. Nothing was launched.
type ConflictError struct {
	Name string
	Gone bool
}

func (e *ConflictError) Error() string {
	if e.Gone {
		return fmt.Sprintf("job %s existed before this launch and is gone again", e.Name)
	}
	return fmt.Sprintf("job %s exists with another order", e.Name)
}

// RefusedError is a definitive no of the API server: admission, quota, rights or
// form. Reason is its text, redacted; Unwrap gives the API error itself.
type RefusedError struct {
	Name   string
	Reason redact.Text
	err    error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the API server refused job %s: %s", e.Name, e.Reason)
}
func (e *RefusedError) Unwrap() error { return e.err }

const (
	firstPause = 100 * time.Millisecond
	longPause  = 3 * time.Second
)

// Launch creates the Job of o. Answers that may be temporary are met by trying
// again, in growing intervals, until the Order expires or ctx ends; it may
// therefore block for action.OrderLife. Calling it again is safe: the name is
// the Order's, and an existing Job counts only with the same Order.
func (l *Launcher) Launch(ctx context.Context, o action.Order) (Launched, error) {
	encoded, err := o.Encode()
	if err != nil {
		return Launched{}, err
	}
	job, err := l.template.Job(o, encoded)
	if err != nil {
		return Launched{}, err
	}
	var last error
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		now, err := l.ServerNow(ctx)
		if err == nil && expired(o, now) {
			return l.late(ctx, o, job, last)
		}
		if err == nil {
			launched, again, err := l.create(ctx, job, o.ExpiresAt.Sub(now))
			if !again {
				return launched, err
			}
			last = err
		} else {
			last = err
		}
		l.log.Warn("job not created yet", "job", job.Name, "error", l.redactor.Redact(last.Error()).String())
		select {
		case <-ctx.Done():
			return Launched{}, fmt.Errorf("create job %s: %w (last: %w)", job.Name, ctx.Err(), last)
		case <-time.After(pause):
		}
	}
}

// create tries once. again is true where a further try may succeed.
func (l *Launcher) create(ctx context.Context, job *batchv1.Job, left time.Duration) (launched Launched, again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, min(left, callTimeout))
	defer cancel()
	created, err := l.client.BatchV1().Jobs(job.Namespace).Create(ctx, job, metav1.CreateOptions{})
	switch {
	case err == nil:
		return Launched{Name: created.Name, UID: created.UID, At: created.CreationTimestamp.UTC()}, false, nil
	case apierrors.IsAlreadyExists(err):
		return l.existing(ctx, job)
	case definitive(err):
		return Launched{}, false, &RefusedError{Name: job.Name, Reason: l.redactor.Redact(err.Error()), err: err}
	}
	return Launched{}, true, fmt.Errorf("create job %s: %w", job.Name, err)
}

// definitive lists the answers that another try cannot change. What is not
// listed is tried again, also a token that is being rotated: the name makes the
// repetition harmless.
func definitive(err error) bool {
	switch apierrors.ReasonForError(err) {
	case metav1.StatusReasonForbidden, metav1.StatusReasonInvalid,
		metav1.StatusReasonBadRequest, metav1.StatusReasonNotFound, metav1.StatusReasonMethodNotAllowed,
		metav1.StatusReasonNotAcceptable, metav1.StatusReasonUnsupportedMediaType,
		metav1.StatusReasonRequestEntityTooLarge, metav1.StatusReasonGone:
		return true
	default:
		return false
	}
}

// existing compares the Job that has the name already.
func (l *Launcher) existing(ctx context.Context, want *batchv1.Job) (launched Launched, again bool, err error) {
	have, err := l.client.BatchV1().Jobs(want.Namespace).Get(ctx, want.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return Launched{}, false, &ConflictError{Name: want.Name, Gone: true}
	case err != nil && definitive(err):
		return Launched{}, false, &RefusedError{Name: want.Name, Reason: l.redactor.Redact(err.Error()), err: err}
	case err != nil:
		return Launched{}, true, fmt.Errorf("look at existing job %s: %w", want.Name, err)
	case orderOf(have) == "" || orderOf(have) != orderOf(want):
		return Launched{}, false, &ConflictError{Name: want.Name}
	}
	return Launched{Name: have.Name, UID: have.UID, Again: true, At: have.CreationTimestamp.UTC()}, false, nil
}

// late is reached when the Order has expired. An earlier create, of this call or
// of a gate that has died since, may have succeeded with its answer lost.
func (l *Launcher) late(ctx context.Context, o action.Order, job *batchv1.Job, last error) (Launched, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	have, err := l.client.BatchV1().Jobs(job.Namespace).Get(ctx, job.Name, metav1.GetOptions{})
	if err == nil && orderOf(have) == orderOf(job) {
		return Launched{Name: have.Name, UID: have.UID, Again: true, At: have.CreationTimestamp.UTC()}, nil
	}
	late := fmt.Errorf("create job %s: %w at %s", job.Name, ErrExpired, o.ExpiresAt.Format(time.RFC3339))
	if last != nil {
		return Launched{}, fmt.Errorf("%w (last: %w)", late, last)
	}
	return Launched{}, late
}

func orderOf(job *batchv1.Job) string {
	for _, c := range job.Spec.Template.Spec.Containers {
		for _, e := range c.Env {
			if c.Name == Container && e.Name == OrderEnv {
				return e.Value
			}
		}
	}
	return ""
}
