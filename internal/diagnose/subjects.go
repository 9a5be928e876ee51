package diagnose

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// Subjects lists what is wrong in the snapshot, by state: one signal for each
// symptom of each object, sorted. Several signals may share a subject.
func Subjects(s *kube.Snapshot, now time.Time) []incident.Signal {
	x := s.Index()
	seen := map[action.Ref]bool{}
	var out []incident.Signal
	visit := func(obj metav1.Object) {
		subject := x.Subject(kube.RefOf(obj))
		if seen[subject] {
			return
		}
		seen[subject] = true
		out = append(out, signals(newLook(x, subject, Options{Now: now}))...)
	}
	visitAll(visit, s.Pods)
	visitAll(visit, s.Deployments)
	visitAll(visit, s.StatefulSets)
	visitAll(visit, s.DaemonSets)
	visitAll(visit, s.ReplicaSets)
	visitAll(visit, s.Jobs)
	visitAll(visit, s.CronJobs)
	visitAll(visit, s.Nodes)
	visitAll(visit, s.Services)
	visitAll(visit, s.Ingresses)
	visitAll(visit, s.Autoscalers)
	visitAll(visit, s.Budgets)
	visitAll(visit, s.Claims)
	visitAll(visit, s.Namespaces)
	slices.SortFunc(out, func(a, b incident.Signal) int {
		return cmp.Or(
			cmp.Compare(a.Subject.Namespace, b.Subject.Namespace), cmp.Compare(a.Subject.Kind, b.Subject.Kind),
			cmp.Compare(a.Subject.Name, b.Subject.Name), cmp.Compare(a.Symptom, b.Symptom), cmp.Compare(a.Object.Name, b.Object.Name),
		)
	})
	return out
}

func visitAll[T metav1.Object](visit func(metav1.Object), objs []T) {
	for _, o := range objs {
		visit(o)
	}
}

// signals are the representatives of a subject's faults.
func signals(l *look) []incident.Signal {
	var out []incident.Signal
	for _, f := range l.faults() {
		s := incident.Signal{
			Symptom: symptom(f.symptom.Kind), Object: f.object, Subject: l.subject,
			Message: text(f.symptom.Message), Since: f.symptom.Since,
		}
		same := func(o incident.Signal) bool { return o.Symptom == s.Symptom && o.Object == s.Object }
		if !slices.ContainsFunc(out, same) {
			out = append(out, s)
		}
	}
	return out
}

// symptom is the incident's word; pressure on a node is told as the node's
// trouble.
func symptom(k kube.SymptomKind) incident.Symptom {
	if k == kube.NodePressure {
		return incident.SymptomNodeNotReady
	}
	return incident.Symptom(k)
}

// All diagnoses every subject that shows a symptom, in the order of Subjects,
// and folds what one cause explains into one finding.
func All(s *kube.Snapshot, opts Options) []Finding {
	x := s.Index()
	seen := map[action.Ref]bool{}
	var out []Finding
	for _, signal := range Subjects(s, opts.Now) {
		if seen[signal.Subject] {
			continue
		}
		seen[signal.Subject] = true
		if f := DiagnoseIndexed(x, signal.Subject, opts); !f.Healthy && !f.Missing {
			out = append(out, f)
		}
	}
	return Correlate(out)
}
