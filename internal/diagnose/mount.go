package diagnose

import (
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// retriedWithin is how old the last try of the kubelet may be: it waits for two
// minutes between two at most.
const retriedWithin = 3 * time.Minute

// beforeContainers reports a pod that has a node and waits for its volumes or
// its sandbox. The condition turns true when both are there.
func beforeContainers(f fault) bool {
	if f.pod == nil || f.symptom.Class != "creating" || f.pod.Spec.NodeName == "" {
		return false
	}
	for i := range f.pod.Status.Conditions {
		if c := &f.pod.Status.Conditions[i]; c.Type == corev1.PodReadyToStartContainers {
			return c.Status != corev1.ConditionTrue
		}
	}
	return true
}

// persisting lists the events of one reason that came more than once and lately:
// what went wrong once while a pod started is no cause of what it waits for now.
func (l *look) persisting(pod action.Ref, reason string) []kube.Event {
	var out []kube.Event
	times := 0
	for _, e := range l.x.EventsOf(pod) {
		if e.Reason == reason {
			out = append(out, e)
			times += e.Count
		}
	}
	if times < 2 || l.now.Sub(out[len(out)-1].Last) > retriedWithin {
		return nil
	}
	return out
}

var (
	// The attach-detach controller says this once for each pod, and never again.
	multiAttach = regexp.MustCompile(`^Multi-Attach error for volume \\?"([^"\\]+)\\?" Volume is already (?:used by pod\(s\) ([a-z0-9.-]+(?:, [a-z0-9.-]+)*)(?: and \d+ pod\(s\) in different namespaces)?|used by \d+ pod\(s\) in different namespaces|exclusively attached to one node and can't be attached to another)\s*$`)
	mountFailed = regexp.MustCompile(`^(?:\(combined from similar events\): )?(?:MountVolume|AttachVolume|MapVolume)\.\w+(?: initialization)? failed for volume \\?"([^"\\]+)\\?" ?: (.+)`)
	// The kubelet's own caches, which come by themselves.
	cacheLate = regexp.MustCompile(`^failed to sync \w+ cache: |^object "[^"]*"/"[^"]*" not registered`)
)

// multiAttached finds the controller's word that a volume is in use elsewhere,
// and the pods that it names. Another node lets go of most volumes by itself
// after a while, and the next try succeeds.
func (l *look) multiAttached(pod action.Ref) (said kube.Event, holders []string, ok bool) {
	for _, e := range l.x.EventsOf(pod) {
		m := multiAttach.FindStringSubmatch(e.Message.String())
		switch {
		case e.Reason == "SuccessfulAttachVolume":
			said, holders, ok = kube.Event{}, nil, false
		case e.Reason == "FailedAttachVolume" && m != nil && l.now.Sub(e.Last) <= kube.EventAge:
			said, holders, ok = e, nil, true
			if m[2] != "" {
				holders = strings.Split(m[2], ", ")
			}
		}
	}
	return said, holders, ok
}

// proveMount finds a volume that cannot be attached or mounted. Where what it is
// made of is absent, the pod shows another symptom (ConfigError).
func proveMount(l *look, f fault) (proof, bool) {
	if !beforeContainers(f) {
		return proof{}, false
	}
	p := proof{cause: incident.VolumeMountFailed, cites: []string{l.status(f)}}
	p.ruledOut = []redact.Text{redact.Literal("bad image or crash: the container was never started")}
	if e, holders, ok := l.multiAttached(f.object); ok {
		by := redact.Literal("another node")
		if len(holders) > 0 {
			by = redact.Sprintf("Pod/%s on another node", text(holders[0]))
		}
		p.cites = append(p.cites, l.event(e))
		p.summary = redact.Sprintf("%s cannot start: its volume may be used on one node at a time (ReadWriteOnce) and is held by %s", refText(l.subject), by)
		return p, true
	}
	for _, reason := range []string{"FailedMount", "FailedAttachVolume"} {
		events := l.persisting(f.object, reason)
		for _, e := range slices.Backward(events) {
			m := mountFailed.FindStringSubmatch(e.Message.String())
			if m == nil || cacheLate.MatchString(m[2]) || !hasVolume(f.pod, m[1]) {
				continue
			}
			p.cites = append(p.cites, l.event(e))
			p.summary = redact.Sprintf("%s cannot start: its volume %s cannot be mounted: %s", refText(l.subject), text(m[1]), text(m[2]).Truncate(200))
			return p, true
		}
	}
	return proof{}, false
}

// hasVolume reports whether the pod has the volume of that name. Volumes of
// claims are named by their PersistentVolume, which the snapshot does not hold.
func hasVolume(pod *corev1.Pod, name string) bool {
	for i := range pod.Spec.Volumes {
		if v := &pod.Spec.Volumes[i]; v.Name == name || v.PersistentVolumeClaim != nil || v.Ephemeral != nil {
			return true
		}
	}
	return false
}
