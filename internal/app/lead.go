package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// errLostLead ends a process whose Lease another replica holds: its steps must
// stop at once, and a fresh start is the surest way.
var errLostLead = errors.New("another replica leads now")

// lead waits until this process holds the role's Lease, then returns the term
// (which rises with every change of leader) and a function that blocks while
// the Lease is held. The embedded store needs none of this: its file lock is
// the leadership.
func lead(ctx context.Context, client kubernetes.Interface, namespace, name string) (term int64, hold func() error, err error) {
	host, err := os.Hostname()
	if err != nil {
		return 0, nil, fmt.Errorf("name this replica: %w", err)
	}
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: namespace, Name: name},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: fmt.Sprintf("%s-%d", host, os.Getpid())},
	}
	started, ended := make(chan struct{}), make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second,
		ReleaseOnCancel: true, Name: name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(started) },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return 0, nil, fmt.Errorf("lease %s/%s: %w", namespace, name, err)
	}
	go func() {
		defer close(ended)
		elector.Run(ctx)
	}()
	select {
	case <-ended:
		return 0, nil, ctx.Err()
	case <-started:
	}
	lease, err := client.CoordinationV1().Leases(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return 0, nil, fmt.Errorf("read lease %s/%s: %w", namespace, name, err)
	}
	return termOf(lease), func() error {
		<-ended
		if ctx.Err() == nil {
			return errLostLead
		}
		return nil
	}, nil
}

func termOf(l *coordinationv1.Lease) int64 {
	if l.Spec.LeaseTransitions == nil {
		return 1
	}
	return int64(*l.Spec.LeaseTransitions) + 1
}
