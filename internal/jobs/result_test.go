package jobs

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

const (
	rehearsal = "cs-r0-" + testUID + "-0123456789ab"
	execution = "cs-a-" + testUID + "-0123456789ab"
)

// aJob and aPod are what the controllers would have made.
func aJob(name string, conditions ...batchv1.JobCondition) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "countersign-exec", UID: "job-uid", Labels: map[string]string{IncidentLabel: "i1"}},
		Status:     batchv1.JobStatus{Conditions: conditions},
	}
}

func condition(kind batchv1.JobConditionType, reason string) batchv1.JobCondition {
	return batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: "the job says so"}
}

func aPod(job string, phase corev1.PodPhase, state corev1.ContainerState) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: job + "-x7k2p", Namespace: "countersign-exec", Labels: map[string]string{IncidentLabel: "i1"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: job, UID: "job-uid", Controller: new(true)}},
		},
		Status: corev1.PodStatus{Phase: phase, ContainerStatuses: []corev1.ContainerStatus{{Name: Container, State: state}}},
	}
}

func ended(code int32, reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message}}
}

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "the kubelet says so"}}
}

func TestTheEndOfAJobIsReadFromItsPodAndItself(t *testing.T) {
	deadlineOver := condition(batchv1.JobFailed, batchv1.JobReasonDeadlineExceeded)
	leaving := func(p *corev1.Pod) *corev1.Pod { p.DeletionTimestamp = new(metav1.Now()); return p }
	cases := []struct {
		name                    string
		job                     *batchv1.Job
		pod                     *corev1.Pod
		ending                  Ending
		reason, message, detail string
	}{
		{"no pod yet", aJob(rehearsal), nil, "", "", "", ""},
		{"running", aJob(rehearsal), aPod(rehearsal, corev1.PodRunning, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}), "", "", "", ""},
		{"creating the container", aJob(rehearsal), aPod(rehearsal, corev1.PodPending, waiting("ContainerCreating")), "", "", "", ""},
		{"ended well", aJob(rehearsal), aPod(rehearsal, corev1.PodSucceeded, ended(0, "Completed", "{}")), Exited, "Completed", "{}", ""},
		{"ended badly with a word", aJob(rehearsal), aPod(rehearsal, corev1.PodFailed, ended(1, "Error", `{"refused":1}`)), Exited, "Error", `{"refused":1}`, ""},
		{"ended badly without a word", aJob(rehearsal), aPod(rehearsal, corev1.PodFailed, ended(2, "Error", "")), Exited, "Error", "", ""},
		{"out of memory", aJob(rehearsal), aPod(rehearsal, corev1.PodFailed, ended(137, "OOMKilled", "")), Exited, "OOMKilled", "", ""},
		{"the runtime cannot start it", aJob(rehearsal), aPod(rehearsal, corev1.PodFailed, ended(128, "StartError", "exec: not found")), NotStarted, "StartError", "", "exec: not found"},
		{"the image is not there", aJob(rehearsal), aPod(rehearsal, corev1.PodPending, waiting("ImagePullBackOff")), NotStarted, "ImagePullBackOff", "", "the kubelet says so"},
		{"a word beyond the kubelet's bound is cut", aJob(rehearsal), aPod(rehearsal, corev1.PodSucceeded, ended(0, "Completed", strings.Repeat("x", MaxMessage+9))), Exited, "Completed", strings.Repeat("x", MaxMessage), ""},
		{"the deadline with a word is the word", aJob(rehearsal, deadlineOver), aPod(rehearsal, corev1.PodFailed, ended(1, "Error", "late")), Exited, "Error", "late", ""},
		{"the deadline without a word", aJob(rehearsal, deadlineOver), aPod(rehearsal, corev1.PodFailed, ended(143, "Error", "")), TimedOut, "DeadlineExceeded", "", "Error"},
		{"the deadline while the image was pulled", aJob(rehearsal, deadlineOver), aPod(rehearsal, corev1.PodPending, waiting("ImagePullBackOff")), TimedOut, "DeadlineExceeded", "", "ImagePullBackOff: the kubelet says so"},
		{"the deadline without a pod", aJob(rehearsal, deadlineOver), nil, TimedOut, "DeadlineExceeded", "", "the job says so"},
		{"the deadline has been called", aJob(rehearsal, condition(batchv1.JobFailureTarget, batchv1.JobReasonDeadlineExceeded)), leaving(aPod(rehearsal, corev1.PodFailed, ended(143, "Error", ""))), TimedOut, "DeadlineExceeded", "", "Error"},
		{"killed, and the job has not said why", aJob(rehearsal), leaving(aPod(rehearsal, corev1.PodFailed, ended(143, "Error", ""))), "", "Error", "", ""},
		{"evicted", aJob(rehearsal), &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "the node was low"}}, Failed, "Evicted", "", "the node was low"},
		{"failed without a pod", aJob(rehearsal, condition(batchv1.JobFailed, "BackoffLimitExceeded")), nil, Failed, "BackoffLimitExceeded", "", "the job says so"},
		{"complete without a pod", aJob(rehearsal, condition(batchv1.JobComplete, "")), nil, Failed, "", "", "the job completed and its pod is gone"},
	}
	l := &Launcher{redactor: redact.New(redact.Config{})}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			end := l.assess(tc.job, tc.pod)
			if end.Ending != tc.ending || string(end.Message) != tc.message || tc.ending != "" && end.Reason != tc.reason {
				t.Errorf("ending %q, reason %q, message of %d bytes %.40q", end.Ending, end.Reason, len(end.Message), end.Message)
			}
			if !strings.Contains(end.Detail.String(), tc.detail) {
				t.Errorf("detail %q", end.Detail)
			}
		})
	}
}

// watching makes a running Launcher over a fake tracker, for the order of
// events that a real cluster gives only by chance.
func watching(t *testing.T) (*Launcher, *fake.Clientset) {
	t.Helper()
	client := fake.NewClientset()
	l := &Launcher{
		template: testTemplate(), client: client, redactor: redact.New(redact.Config{}), log: quiet(),
		clock: &serverClock{}, watched: newWatched(client, "countersign-exec"),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l, client
}

type outcome struct {
	end Finished
	err error
}

func resultOf(t *testing.T, l *Launcher, name string) <-chan outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 80*time.Second)
	t.Cleanup(cancel)
	c := make(chan outcome, 1)
	go func() {
		end, err := l.Result(ctx, name)
		c <- outcome{end, err}
	}()
	return c
}

func TestResultWakesWhenThePodEnds(t *testing.T) {
	l, client := watching(t)
	ctx := t.Context()
	if _, err := client.BatchV1().Jobs("countersign-exec").Create(ctx, aJob(execution), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pods := client.CoreV1().Pods("countersign-exec")
	if _, err := pods.Create(ctx, aPod(execution, corev1.PodRunning, corev1.ContainerState{}), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	first, second := resultOf(t, l, execution), resultOf(t, l, execution)
	if _, err := pods.UpdateStatus(ctx, aPod(execution, corev1.PodSucceeded, ended(0, "Completed", "done")), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []<-chan outcome{first, second} {
		if got := <-c; got.err != nil || string(got.end.Message) != "done" || got.end.Phase != corev1.PodSucceeded {
			t.Errorf("%+v", got)
		}
	}
}

func TestAPodOfAnotherJobDoesNotSpeakForThisOne(t *testing.T) {
	foreign := aPod(execution, corev1.PodSucceeded, ended(0, "Completed", "forged"))
	foreign.OwnerReferences[0].UID = "another-uid"
	unowned := aPod(execution, corev1.PodSucceeded, ended(0, "Completed", "forged"))
	unowned.OwnerReferences = nil
	for name, pod := range map[string]*corev1.Pod{"of a job with another UID": foreign, "of no job": unowned} {
		t.Run(name, func(t *testing.T) {
			l, client := watching(t)
			if _, err := client.BatchV1().Jobs("countersign-exec").Create(t.Context(), aJob(execution), metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := client.CoreV1().Pods("countersign-exec").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if end, err := l.Result(ctx, execution); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%+v, %v", end, err)
			}
		})
	}
}

func TestARehearsalThatCannotStartIsGivenUpAndAnApplyIsNot(t *testing.T) {
	refusal := func(job string) *corev1.Event {
		return &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: "e-" + job, Namespace: "countersign-exec"},
			InvolvedObject: corev1.ObjectReference{Kind: "Job", Name: job, UID: "job-uid"}, Reason: "FailedCreate", Message: "exceeded quota",
		}
	}
	t.Run("a rehearsal", func(t *testing.T) {
		l, client := watching(t)
		if _, err := client.CoreV1().Events("countersign-exec").Create(t.Context(), refusal(rehearsal), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.BatchV1().Jobs("countersign-exec").Create(t.Context(), aJob(rehearsal), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		got := <-resultOf(t, l, rehearsal)
		if got.err != nil || got.end.Ending != NotStarted || got.end.Reason != "FailedCreate" || got.end.Detail.String() != "exceeded quota" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("an apply is waited for to its end", func(t *testing.T) {
		l, client := watching(t)
		jobs := client.BatchV1().Jobs("countersign-exec")
		if _, err := jobs.Create(t.Context(), aJob(execution), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.CoreV1().Pods("countersign-exec").Create(t.Context(), aPod(execution, corev1.PodPending, waiting("ErrImagePull")), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		waited := resultOf(t, l, execution)
		select {
		case got := <-waited:
			t.Fatalf("given up early: %+v", got)
		case <-time.After(300 * time.Millisecond):
		}
		if _, err := jobs.UpdateStatus(t.Context(), aJob(execution, condition(batchv1.JobFailed, batchv1.JobReasonDeadlineExceeded)), metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := <-waited; got.err != nil || got.end.Ending != TimedOut || !strings.Contains(got.end.Detail.String(), "ErrImagePull") {
			t.Errorf("%+v", got)
		}
	})
}

func TestAPodThatWentWithTheDeadlineIsStillHeard(t *testing.T) {
	l, client := watching(t)
	ctx, jobs, pods := t.Context(), client.BatchV1().Jobs("countersign-exec"), client.CoreV1().Pods("countersign-exec")
	if _, err := jobs.Create(ctx, aJob(execution), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := pods.Create(ctx, aPod(execution, corev1.PodFailed, ended(1, "Error", "last words")), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := <-resultOf(t, l, execution); string(got.end.Message) != "last words" {
		t.Fatalf("%+v", got)
	}
	if err := pods.Delete(ctx, execution+"-x7k2p", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := <-resultOf(t, l, execution); string(got.end.Message) != "last words" {
		t.Errorf("after the pod had gone: %+v", got)
	}
}

func TestLookDoesNotWaitAndChangesSayWhenToLookAgain(t *testing.T) {
	l, client := watching(t)
	ctx := t.Context()
	if _, err := client.BatchV1().Jobs("countersign-exec").Create(ctx, aJob(execution), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := <-l.Changes(); got != "i1" {
		t.Errorf("a change of %q", got)
	}
	if end, done, err := l.Look(ctx, execution); err != nil || done {
		t.Errorf("%+v, %v, %v", end, done, err)
	}
	if _, err := client.CoreV1().Pods("countersign-exec").Create(ctx, aPod(execution, corev1.PodSucceeded, ended(0, "Completed", "done")), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	<-l.Changes()
	if end, done, err := l.Look(ctx, execution); err != nil || !done || string(end.Message) != "done" {
		t.Errorf("%+v, %v, %v", end, done, err)
	}
}

func TestAJobThatDoesNotExistIsAnError(t *testing.T) {
	l, _ := watching(t)
	if got := <-resultOf(t, l, execution); !errors.Is(got.err, ErrNoJob) {
		t.Errorf("%+v", got)
	}
}

func TestTheJobOfAPodIsItsControllerOnly(t *testing.T) {
	good := aPod(execution, corev1.PodRunning, corev1.ContainerState{})
	for name, with := range map[string]func(*corev1.Pod){
		"an owner that is no controller": func(p *corev1.Pod) { p.OwnerReferences[0].Controller = nil },
		"an owner of another kind":       func(p *corev1.Pod) { p.OwnerReferences[0].Kind = "ReplicaSet" },
		"a Job of another group":         func(p *corev1.Pod) { p.OwnerReferences[0].APIVersion = "example.com/v1" },
		"a name that is not the Job's":   func(p *corev1.Pod) { p.Name = "x" + p.Name },
	} {
		pod := good.DeepCopy()
		with(pod)
		if got := jobOf(pod); got != "" {
			t.Errorf("%s: taken for a pod of %s", name, got)
		}
	}
	if jobOf(good) != execution || !action.PodOf(execution, good.Name) {
		t.Error("the right pod is not recognised")
	}
}
