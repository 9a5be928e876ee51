package watch

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/kube"
)

// Bounds on what an unruly cluster can make us remember.
const (
	maxEvents  = 12   // telling events per pod: one per container and probe
	maxRefused = 5000 // controllers that are refused their pods, known by events alone
)

// refused is the pseudo-kind of records that rest on FailedCreate events. The
// record of a Job that failed is another one.
const refused = "refused"

// The put functions below are called with mu held, except where they take it.

func (w *Watcher) putPod(p *corev1.Pod) {
	rec := w.at("Pod", ref("Pod", p))
	if rec.owner.none() {
		rec.owner = controller(p)
	}
	w.judge(rec, p)
}

// judge looks at a pod, now. The pod is kept only while time or an event could
// change the answer.
func (w *Watcher) judge(rec *record, p *corev1.Pod) {
	now := w.now()
	rec.events = slices.DeleteFunc(rec.events, func(e kube.Event) bool { return now.Sub(e.Last) >= kube.EventAge })
	found, again := kube.PodSymptoms(p, rec.events, now)
	w.settle(rec, found)
	switch {
	case len(found) == 0 && again.IsZero() && !startingOrUnready(p):
		rec.pod = nil
		if len(rec.events) > 0 {
			again = rec.events[0].Last.Add(kube.EventAge)
		}
	case rec.pod != p:
		rec.pod = slim(p)
	}
	w.lookAgain(rec, again)
}

func startingOrUnready(p *corev1.Pod) bool {
	if p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return false
	}
	unready := func(cs corev1.ContainerStatus) bool { return !cs.Ready }
	return p.Status.Phase == corev1.PodPending || slices.ContainsFunc(p.Status.ContainerStatuses, unready)
}

func (w *Watcher) putDeployment(d *appsv1.Deployment) {
	w.putOther("Deployment", d, kube.DeploymentSymptoms(d))
}

func (w *Watcher) putNode(n *corev1.Node) { w.putOther("Node", n, kube.NodeSymptoms(n)) }

// putOther keeps a record only while something is wrong.
func (w *Watcher) putOther(kind string, o metav1.Object, found []kube.Symptom) {
	if len(found) == 0 {
		w.forgetFaults(kind, o.GetUID())
		return
	}
	w.settle(w.at(kind, ref(kind, o)), found)
}

func (w *Watcher) forgetFaults(kind string, uid types.UID) {
	if rec := w.records[kind][uid]; rec != nil {
		w.settle(rec, nil)
		delete(w.records[kind], uid)
	}
}

// putJob follows the Jobs of a CronJob: a failed one is history once a younger
// one has succeeded.
func (w *Watcher) putJob(j *batchv1.Job) {
	by, found, made := controller(j), kube.JobSymptoms(j), j.CreationTimestamp.Time
	if !by.none() {
		w.jobs[j.UID] = by
		cron := by.ref().UID
		if jobComplete(j) && made.After(w.lastGood[cron]) {
			w.lastGood[cron] = made
			w.supersede(by, made)
		}
		if made.Before(w.lastGood[cron]) {
			found = nil
		}
	}
	w.putOther("Job", j, found)
	if rec := w.records["Job"][j.UID]; rec != nil {
		rec.owner, rec.made = by, made
	}
}

func (w *Watcher) supersede(cron owner, good time.Time) {
	for uid, rec := range w.records["Job"] {
		if rec.owner == cron && rec.made.Before(good) {
			w.forgetFaults("Job", uid)
		}
	}
}

func jobComplete(j *batchv1.Job) bool {
	return slices.ContainsFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue
	})
}

// replicaSets is the sink of ReplicaSets in a scope: of them only the owner
// matters.
func (w *Watcher) replicaSets(ns string) sink {
	return sink{
		put: func(o runtime.Object) {
			if m, ok := o.(metav1.Object); ok {
				if by := controller(m); !by.none() {
					w.mu.Lock()
					defer w.mu.Unlock()
					w.sets[m.GetUID()] = by
				}
			}
		},
		drop: func(o runtime.Object) {
			if m, ok := o.(metav1.Object); ok {
				w.mu.Lock()
				defer w.mu.Unlock()
				delete(w.sets, m.GetUID())
			}
		},
		keep: func(seen map[types.UID]bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			keepOwners(w.sets, ns, seen)
		},
	}
}

// keepOwners forgets what is not in a full list of the scope.
func keepOwners(m map[types.UID]owner, ns string, seen map[types.UID]bool) {
	maps.DeleteFunc(m, func(uid types.UID, by owner) bool {
		return !seen[uid] && (ns == "" || by.ref().Namespace == ns)
	})
}

// putEvent keeps the few events that say what no object's state says.
func (w *Watcher) putEvent(o runtime.Object) {
	e, ok := o.(*corev1.Event)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events++
	about := e.InvolvedObject
	switch e.Reason {
	case "Unhealthy", "FailedMount":
		rec := w.records["Pod"][about.UID]
		if rec == nil || about.Kind != "Pod" {
			return // out of scope, or gone
		}
		if !w.note(rec, e) {
			return
		}
		if rec.pod != nil {
			w.judge(rec, rec.pod)
			return
		}
		// A healthy pod keeps it for its next version, and not for ever.
		w.lookAgain(rec, rec.events[0].Last.Add(kube.EventAge))
	case "FailedCreate":
		w.putRefused(e)
	}
}

// note remembers an event on a record; false if it is too old or stale.
func (w *Watcher) note(rec *record, e *corev1.Event) bool {
	ev := kube.EventFrom(e, w.redactor.Redact(e.Message))
	if w.now().Sub(ev.Last) >= kube.EventAge {
		return false
	}
	// Ten thousand events share these words.
	ev.Object = rec.ref
	ev.Field, ev.Type, ev.Reason, ev.Source = intern(ev.Field), intern(ev.Type), intern(ev.Reason), intern(ev.Source)
	same := func(o kube.Event) bool {
		return o.Reason == ev.Reason && o.Field == ev.Field && firstWord(o.Message.String()) == firstWord(ev.Message.String())
	}
	if i := slices.IndexFunc(rec.events, same); i >= 0 {
		if ev.Last.Before(rec.events[i].Last) {
			return false
		}
		if rec.events[i].First.Before(ev.First) {
			ev.First = rec.events[i].First
		}
		rec.events[i] = ev
		return true
	}
	if len(rec.events) >= maxEvents {
		rec.events = slices.Delete(rec.events, 0, 1)
	}
	rec.events = append(rec.events, ev)
	return true
}

// intern makes equal strings share their memory for as long as one is used.
func intern(s string) string { return unique.Make(s).Value() }

// forgetEvents drops what is too old to count of a pod that does well.
func (w *Watcher) forgetEvents(rec *record) {
	now := w.now()
	rec.events = slices.DeleteFunc(rec.events, func(e kube.Event) bool { return now.Sub(e.Last) >= kube.EventAge })
	if len(rec.events) == 0 {
		rec.events, rec.again = nil, time.Time{}
		return
	}
	w.lookAgain(rec, rec.events[0].Last.Add(kube.EventAge))
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// putRefused records a controller that is refused its pods. A Deployment says
// so itself, so that its ReplicaSets' events add nothing.
func (w *Watcher) putRefused(e *corev1.Event) {
	about := e.InvolvedObject
	if kube.APIVersion(about.Kind) != about.APIVersion || about.UID == "" || w.cfg.Selector != "" {
		return // a selector cannot be applied to an object that is not watched
	}
	if by := w.sets[about.UID]; !by.none() && by.ref().Kind == "Deployment" {
		return
	}
	if w.records[refused][about.UID] == nil && len(w.records[refused]) >= maxRefused {
		return
	}
	rec := w.at(refused, kube.EventFrom(e, w.redactor.Redact("")).Object)
	if !w.note(rec, e) {
		if len(rec.events) == 0 {
			delete(w.records[refused], about.UID)
		}
		return
	}
	w.judgeRefused(rec)
}

func (w *Watcher) judgeRefused(rec *record) {
	found, again := kube.CreateSymptoms(rec.events, w.now())
	w.settle(rec, found)
	w.lookAgain(rec, again)
	if len(found) == 0 {
		delete(w.records[refused], types.UID(rec.ref.UID))
	}
}
