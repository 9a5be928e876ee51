package incidents

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Condition is something that has to show. It is read from the API with other
// eyes than the product's: a fault that the product cannot see counts.
type Condition struct {
	State string `json:"state"`
	Of    string `json:"of"` // KIND/NAME, of a workload its pods
	// Reason is a regular expression over a reason, whole.
	Reason string `json:"reason"`
	Text   string `json:"text"`  // is contained in a message or a log
	Type   string `json:"type"`  // of a condition
	Is     string `json:"is"`    // status of a condition, or a phase; True if empty
	Times  int32  `json:"times"` // at least; 1 if 0
	// For is how long it has to stand without a break.
	For metav1.Duration `json:"for"`
}

func (c Condition) String() string {
	return strings.Join(strings.Fields(strings.Join([]string{c.State, c.Of, c.Type, c.Is, c.Reason, c.Text}, " ")), " ")
}

// The states. What is said of a workload's pods holds once one pod shows it.
const (
	stateReady       = "ready"       // the workload is rolled out and all its pods are ready
	stateUnready     = "unready"     // a pod runs and is not ready
	stateWaiting     = "waiting"     // a container waits with the reason
	stateEnded       = "ended"       // a container ended (with the reason) and was restarted times
	statePending     = "pending"     // a pod is on no node; with the reason of the scheduler, if one is given
	stateEvent       = "event"       // an event with the reason and text is about the object, or one that it made
	stateLog         = "log"         // a pod's log holds the text
	stateCondition   = "condition"   // status.conditions has the type with this status and reason
	statePhase       = "phase"       // status.phase
	stateExists      = "exists"      //
	stateTerminating = "terminating" // deletion was asked for and does not happen
)

var states = []string{stateReady, stateUnready, stateWaiting, stateEnded, statePending, stateEvent, stateLog, stateCondition, statePhase, stateExists, stateTerminating}

func (c Condition) check() error {
	if !slices.Contains(states, c.State) {
		return fmt.Errorf("unknown state %q", c.State)
	}
	if kind, name, ok := strings.Cut(c.Of, "/"); !ok || kind == "" || name == "" {
		return fmt.Errorf("state %s: of %q is not KIND/NAME", c.State, c.Of)
	}
	if _, err := regexp.Compile(c.Reason); err != nil {
		return fmt.Errorf("state %s: %w", c.State, err)
	}
	return nil
}

// sight is what was read of the cluster for one condition.
type sight struct {
	object *unstructured.Unstructured // nil if there is none
	pods   []corev1.Pod               // of the object
	events []corev1.Event             // of the namespace
	logs   []string                   // of the pods, read for stateLog only
	now    time.Time
}

// shows reports whether the condition holds in what was read.
func (c Condition) shows(s sight) bool {
	if s.object == nil && c.State != stateEvent {
		return false
	}
	switch c.State {
	case stateExists:
		return true
	case stateTerminating:
		return s.object.GetDeletionTimestamp() != nil
	case statePhase:
		phase, _, _ := unstructured.NestedString(s.object.Object, "status", "phase")
		return phase == c.Is
	case stateCondition:
		return c.hasCondition(s.object)
	case stateReady:
		return rolledOut(s.object, s.pods)
	case stateEvent:
		return slices.ContainsFunc(s.events, c.told)
	case stateLog:
		return slices.ContainsFunc(s.logs, func(l string) bool { return strings.Contains(l, c.Text) })
	}
	return slices.ContainsFunc(s.pods, func(p corev1.Pod) bool { return c.showsOn(&p) })
}

func (c Condition) showsOn(p *corev1.Pod) bool {
	switch c.State {
	case stateUnready:
		return p.Status.Phase == corev1.PodRunning && !podReady(p) && p.DeletionTimestamp == nil
	case statePending:
		return p.Spec.NodeName == "" && (c.Reason == "" || slices.ContainsFunc(p.Status.Conditions, func(pc corev1.PodCondition) bool {
			return pc.Type == corev1.PodScheduled && pc.Status == corev1.ConditionFalse && c.reason(pc.Reason)
		}))
	case stateWaiting:
		return slices.ContainsFunc(statuses(p), func(cs corev1.ContainerStatus) bool {
			return cs.State.Waiting != nil && c.reason(cs.State.Waiting.Reason)
		})
	case stateEnded:
		return slices.ContainsFunc(statuses(p), func(cs corev1.ContainerStatus) bool {
			ended := cs.State.Terminated
			if ended == nil {
				ended = cs.LastTerminationState.Terminated
			}
			return ended != nil && cs.RestartCount >= c.Times && c.reason(ended.Reason)
		})
	}
	return false
}

func (c Condition) reason(r string) bool {
	return c.Reason == "" || regexp.MustCompile("^(?:"+c.Reason+")$").MatchString(r)
}

// told takes events about the object and about what it made: their names begin
// with its name.
func (c Condition) told(e corev1.Event) bool {
	_, name, _ := strings.Cut(c.Of, "/")
	on := e.InvolvedObject.Name
	return (on == name || strings.HasPrefix(on, name+"-")) && c.reason(e.Reason) && strings.Contains(e.Message, c.Text) && max(e.Count, 1) >= c.Times
}

func (c Condition) hasCondition(o *unstructured.Unstructured) bool {
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	return slices.ContainsFunc(list, func(item any) bool {
		m, _ := item.(map[string]any)
		status, reason := fmt.Sprint(m["status"]), fmt.Sprint(m["reason"])
		return m["type"] == c.Type && status == firstOf(c.Is, "True") && c.reason(reason)
	})
}

func statuses(p *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses)
}

func podReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// rolledOut wants every wanted pod on the latest template and ready, and no
// other left.
func rolledOut(o *unstructured.Unstructured, pods []corev1.Pod) bool {
	want, found, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	if !found {
		want = 1
	}
	seen, given, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	if given && seen < o.GetGeneration() || int64(len(pods)) != want {
		return false
	}
	if o.GetKind() == "Deployment" {
		if updated, _, _ := unstructured.NestedInt64(o.Object, "status", "updatedReplicas"); updated != want {
			return false
		}
	}
	return !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return !podReady(&p) })
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
