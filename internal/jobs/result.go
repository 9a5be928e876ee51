package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/countersign-dev/countersign/internal/redact"
)

// MaxMessage is what the kubelet keeps of a termination message, in bytes.
const MaxMessage = 4096

// lookAgain is how often a Job without a running pod is asked why.
const lookAgain = time.Second

var everything = labels.Everything()

// Ending says how a Job came to its end. The zero value is no end.
type Ending string

// The endings. Only Exited can carry a message of the executor.
const (
	Exited     Ending = "exited"     // the executor's container ended by itself
	TimedOut   Ending = "timed-out"  // the Job's deadline passed
	NotStarted Ending = "no-start"   // the container could not be started
	Failed     Ending = "job-failed" // the Job failed without a word from its pod
)

// Finished is the end of a Job. Message is the raw termination message, at most
// MaxMessage bytes, empty where the executor wrote none. Detail is what the
// kubelet or the API server said about a failure, redacted; Reason its reason in
// Kubernetes' words (ImagePullBackOff, FailedCreate, DeadlineExceeded, Error).
type Finished struct {
	Name     string
	Ending   Ending
	Phase    corev1.PodPhase
	ExitCode int32
	Message  []byte
	Reason   string
	Detail   redact.Text
	// Started and Ended are the kubelet's times, zero where nothing ran.
	Started, Ended time.Time
}

// ErrNoJob means that the API server knows no Job of this name (any more).
var ErrNoJob = errors.New("there is no such job")

// Result waits for the Job called name to end and returns what it left. A
// rehearsal or probe that cannot start is given up at once, because it has no
// effect; an Apply is waited for to the end, since its pod may still start. The
// error is ErrNoJob, or the context's.
func (l *Launcher) Result(ctx context.Context, name string) (Finished, error) {
	woken, stop := l.watched.wait(name)
	defer stop()
	if err := l.watched.sync(ctx); err != nil {
		return Finished{}, fmt.Errorf("wait for job %s: %w", name, err)
	}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		end, done, err := l.look(ctx, name)
		if err != nil || done {
			return end, err
		}
		select {
		case <-ctx.Done():
			return Finished{}, fmt.Errorf("wait for job %s: %w", name, ctx.Err())
		case <-woken:
		case <-tick.C:
		}
	}
}

// Look is Result without the wait: done is false while the Job has not ended, or
// while Run has not listed the namespace yet.
func (l *Launcher) Look(ctx context.Context, name string) (end Finished, done bool, err error) {
	if !l.watched.isSynced() {
		return Finished{}, false, nil
	}
	return l.look(ctx, name)
}

// look says whether the Job has ended, from the cache; it asks the API server
// only where the cache cannot tell.
func (l *Launcher) look(ctx context.Context, name string) (end Finished, done bool, err error) {
	job, err := l.watched.jobs.Get(name)
	if apierrors.IsNotFound(err) {
		// The cache may lag behind a create that has just been answered.
		live, err := l.client.BatchV1().Jobs(l.template.Namespace).Get(ctx, name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return Finished{}, false, fmt.Errorf("wait for job %s: %w", name, ErrNoJob)
		case err != nil:
			l.log.Warn("cannot look at job", "job", name, "error", l.redactor.Redact(err.Error()).String())
			return Finished{}, false, ctx.Err()
		}
		job = live
	} else if err != nil {
		return Finished{}, false, err
	}
	pod, err := l.watched.podOf(job)
	if err != nil {
		return Finished{}, false, err
	}
	end = l.assess(job, pod)
	if end.Ending == "" && pod == nil && !isApply(name) {
		end = l.blocked(ctx, job)
	}
	if end.Ending == NotStarted && isApply(name) && !over(job) {
		return Finished{}, false, nil
	}
	return end, end.Ending != "", nil
}

func isApply(name string) bool {
	return !strings.HasPrefix(name, "cs-r") && !strings.HasPrefix(name, "cs-p")
}

// assess is pure: what the two objects say. A zero Ending means not yet.
func (l *Launcher) assess(job *batchv1.Job, pod *corev1.Pod) Finished {
	end := Finished{Name: job.Name}
	failure := conditionOf(job, batchv1.JobFailed)
	if failure == nil {
		// Set when the Job is given up, before its pod is told to end.
		failure = conditionOf(job, batchv1.JobFailureTarget)
	}
	if pod != nil {
		end.Phase = pod.Status.Phase
		for _, c := range pod.Status.ContainerStatuses {
			if c.Name == Container {
				l.container(&end, c)
			}
		}
		if end.Ending == "" && pod.Status.Phase == corev1.PodFailed {
			end.Ending, end.Reason, end.Detail = Failed, pod.Status.Reason, l.redactor.Redact(pod.Status.Message)
		}
	}
	switch {
	case end.Ending == Exited && len(end.Message) > 0:
	case end.Ending == Exited && failure == nil && pod.DeletionTimestamp != nil:
		end.Ending = "" // killed by somebody; the Job is about to say why
	case failure != nil && failure.Reason == batchv1.JobReasonDeadlineExceeded:
		why := end.Reason
		end.Ending, end.Reason = TimedOut, failure.Reason
		if why == "" {
			end.Detail = l.redactor.Redact(failure.Message)
		} else {
			end.Detail = redact.Sprintf("%s: %s", redact.Name(why), end.Detail)
		}
	case failure != nil && end.Ending == "":
		end.Ending, end.Reason, end.Detail = Failed, failure.Reason, l.redactor.Redact(failure.Message)
	case end.Ending == "" && conditionOf(job, batchv1.JobComplete) != nil && pod == nil:
		end.Ending, end.Detail = Failed, redact.Literal("the job completed and its pod is gone")
	}
	return end
}

// startFailures are the reasons for which a kubelet does not start a container;
// some of them it tries again until the Job's deadline.
var startFailures = map[string]bool{
	"ErrImagePull": true, "ImagePullBackOff": true, "InvalidImageName": true, "ErrImageNeverPull": true,
	"CreateContainerConfigError": true, "CreateContainerError": true, "RunContainerError": true,
}

func (l *Launcher) container(end *Finished, c corev1.ContainerStatus) {
	switch {
	case c.State.Terminated != nil:
		t := c.State.Terminated
		end.Ending, end.ExitCode, end.Reason = Exited, t.ExitCode, t.Reason
		end.Started, end.Ended = t.StartedAt.UTC(), t.FinishedAt.UTC()
		if t.Reason == "StartError" || t.Reason == "ContainerCannotRun" {
			// The message is the container runtime's, not the executor's.
			end.Ending, end.Detail = NotStarted, l.redactor.Redact(t.Message)
			return
		}
		end.Message = []byte(t.Message)
		if len(end.Message) > MaxMessage {
			end.Message = end.Message[:MaxMessage]
		}
	case c.State.Waiting != nil && startFailures[c.State.Waiting.Reason]:
		end.Ending, end.Reason = NotStarted, c.State.Waiting.Reason
		end.Detail = l.redactor.Redact(c.State.Waiting.Message)
	}
}

// blocked asks the events of a Job without a pod why there is none: a quota, Pod
// Security or an admission policy may refuse it. The Job alone never says so.
func (l *Launcher) blocked(ctx context.Context, job *batchv1.Job) Finished {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	events, err := l.client.CoreV1().Events(job.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.uid": string(job.UID), "reason": "FailedCreate"}.String(), Limit: 20,
	})
	if err != nil {
		l.log.Warn("cannot read the job's events", "job", job.Name, "error", l.redactor.Redact(err.Error()).String())
		return Finished{}
	}
	if len(events.Items) == 0 {
		return Finished{}
	}
	last := events.Items[len(events.Items)-1]
	return Finished{Name: job.Name, Ending: NotStarted, Reason: last.Reason, Detail: l.redactor.Redact(last.Message)}
}

func over(job *batchv1.Job) bool {
	return conditionOf(job, batchv1.JobFailed) != nil || conditionOf(job, batchv1.JobComplete) != nil
}

func conditionOf(job *batchv1.Job, kind batchv1.JobConditionType) *batchv1.JobCondition {
	for i := range job.Status.Conditions {
		if c := &job.Status.Conditions[i]; c.Type == kind && c.Status == corev1.ConditionTrue {
			return c
		}
	}
	return nil
}
