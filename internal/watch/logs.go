package watch

import (
	"bytes"
	"context"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/countersign-dev/countersign/internal/kube"
)

// Bounds of one container's log.
const (
	logLines = 200
	logBytes = 64 << 10 // kept
	logRead  = 1 << 20  // read at most: the server counts from the tail's beginning, we want its end
)

// logs reads the current and the previous log of the containers that tell.
func (g *gather) logs(ctx context.Context, pods []telling) {
	for _, t := range pods {
		for _, name := range t.containers {
			st := statusOf(t.pod, name)
			if st == nil || st.State.Running == nil && st.State.Terminated == nil && st.LastTerminationState.Terminated == nil {
				continue // never started: there is no log, and that is no fault
			}
			g.do(func() { g.log(ctx, t.pod, name, false) })
			if st.RestartCount > 0 {
				g.do(func() { g.log(ctx, t.pod, name, true) })
			}
		}
	}
}

func statusOf(p *corev1.Pod, container string) *corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for i := range list {
			if list[i].Name == container {
				return &list[i]
			}
		}
	}
	return nil
}

func (g *gather) log(ctx context.Context, p *corev1.Pod, container string, previous bool) {
	l := kube.Log{Pod: kube.RefOf(p), Container: container, Previous: previous}
	raw, err := g.tail(ctx, p, container, previous)
	switch {
	case err == nil:
		l.Lines = g.red.Lines(raw, logLines)
	case apierrors.IsBadRequest(err) && previous:
		return // the older container is gone from the node
	default:
		l.Err = g.reason(err)
	}
	g.add(func(s *kube.Snapshot) { s.Logs = append(s.Logs, l) })
}

// tail reads the last lines of a log, whole ones only.
func (g *gather) tail(ctx context.Context, p *corev1.Pod, container string, previous bool) ([]byte, error) {
	lines, limit := int64(logLines), int64(logRead)
	body, err := g.c.cfg.Client.CoreV1().Pods(p.Namespace).GetLogs(p.Name, &corev1.PodLogOptions{
		Container: container, Previous: previous, TailLines: &lines, LimitBytes: &limit,
	}).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, logRead))
	if err != nil && len(raw) == 0 {
		return nil, err
	}
	return lastBytes(raw, logBytes), nil
}

// lastBytes cuts raw to its last n bytes, at the start of a line where there is
// one.
func lastBytes(raw []byte, n int) []byte {
	if len(raw) <= n {
		return raw
	}
	raw = raw[len(raw)-n:]
	if i := bytes.IndexByte(raw, '\n'); i >= 0 && i+1 < len(raw) {
		raw = raw[i+1:]
	}
	return raw
}
