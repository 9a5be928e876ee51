package diagnose

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// remedy adds what can be done: candidates where Countersign may act, steps
// always, and who else writes the subject.
func (l *look) remedy(p proof, d *incident.Diagnosis) {
	by, helm := kube.Managed(l.top)
	d.Owner = text(by)
	if by == "" {
		d.Candidates = valid(l.candidates(p))
	}
	if helm != "" && by == "" {
		d.Note = redact.Sprintf("Helm release %s made %s: its next upgrade will undo a fix made here; change %s in the release's values too",
			text(helm), refText(l.subject), valueToChange(p))
	}
	d.Steps = l.steps(p, d.Owner)
}

// valid keeps what passes the catalogue's own check, so that nothing is offered
// that could not be proposed.
func valid(candidates []incident.Candidate) []incident.Candidate {
	return slices.DeleteFunc(candidates, func(c incident.Candidate) bool { return c.Action.Validate() != nil })
}

// candidates offers changes for the cause, the best first.
func (l *look) candidates(p proof) []incident.Candidate {
	if c, ok := l.deletePod(p); ok {
		return []incident.Candidate{c}
	}
	d, ok := l.top.(*appsv1.Deployment)
	if !ok || p.fault.pod != nil && ownerUID(p.fault.pod) != l.currentOwner() {
		return nil
	}
	if inTheImage(p.cause) {
		return l.imageCandidates(p, d)
	}
	var out []incident.Candidate
	if c, ok := l.raiseMemory(p, d); ok {
		out = append(out, c)
	}
	if to := l.rollbackTarget(p); to != nil {
		out = append(out, l.rollback(d, to))
	}
	if p.hung {
		out = append(out, incident.Candidate{
			Action: action.Action{Kind: action.Restart, Target: l.subject, Params: action.Params{
				Restart: &action.RestartParams{At: l.now.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05Z")},
			}},
			Why:         redact.Literal("starts every pod afresh; it does not remove what made them hang"),
			Symptomatic: true,
		})
	}
	return out
}

// inTheImage reports whether another image of the same container may be the
// cure.
func inTheImage(c incident.Cause) bool {
	return slices.Contains([]incident.Cause{
		incident.ImageNotFound, incident.ImageNameInvalid, incident.ImageNeverPulled, incident.ImagePlatformMismatch,
		incident.ImageRegistryUnreachable, incident.ImagePullUnauthorized, incident.RunAsNonRootViolation,
	}, c)
}

// imageCandidates go back to an image that ran: alone where nothing else
// changed, with everything else where more did.
func (l *look) imageCandidates(p proof, d *appsv1.Deployment) []incident.Candidate {
	var out []incident.Candidate
	to := l.rollbackTarget(p)
	image, ok := l.setImage(p, d)
	if to != nil {
		out = append(out, l.rollback(d, to))
	}
	if !ok {
		return out
	}
	if to == nil || l.changeFrom(to).onlyImages() {
		return append([]incident.Candidate{image}, out...)
	}
	return append(out, image)
}

// setImage offers the newest image that an older revision ran, one that still
// runs before one that is gone.
func (l *look) setImage(p proof, d *appsv1.Deployment) (incident.Candidate, bool) {
	f := p.fault
	if f.container == nil || f.init {
		return incident.Candidate{}, false
	}
	current := imageOf(&d.Spec.Template.Spec, f.container.Name)
	if current == "" || current != f.container.Image {
		return incident.Candidate{}, false // the rollout has moved on
	}
	for _, rs := range l.preferred() {
		was := imageOf(&rs.Spec.Template.Spec, f.container.Name)
		if was == "" || was == current || !usable(p.cause, current, was, rs) {
			continue
		}
		return incident.Candidate{
			Action: action.Action{Kind: action.SetImage, Target: l.subject, Params: action.Params{
				SetImage: &action.SetImageParams{Container: f.container.Name, From: current, To: was},
			}},
			Why: redact.Sprintf("goes back to image %s of revision %s%s", text(was), redact.Int(kube.Revision(rs)), runsNow(rs)),
		}, true
	}
	return incident.Candidate{}, false
}

// usable asks whether an older image would fare better than the present one: a
// registry that cannot be reached or refuses would do the same to its other
// images, unless they are on the nodes already.
func usable(c incident.Cause, current, older string, rs *appsv1.ReplicaSet) bool {
	switch c {
	case incident.ImageRegistryUnreachable:
		return rs.Status.ReadyReplicas > 0 || registry(older) != registry(current)
	case incident.ImagePullUnauthorized:
		return rs.Status.ReadyReplicas > 0 || repository(older) != repository(current)
	default:
		return true
	}
}

// preferred lists older revisions that are not faulty themselves: those with
// ready pods first, then the newest first.
func (l *look) preferred() []*appsv1.ReplicaSet {
	older := l.olderSets()
	slices.Reverse(older)
	older = slices.DeleteFunc(older, func(rs *appsv1.ReplicaSet) bool { return l.faulty[string(rs.UID)] > 0 })
	slices.SortStableFunc(older, func(a, b *appsv1.ReplicaSet) int {
		return ready(b) - ready(a)
	})
	return older
}

func ready(rs *appsv1.ReplicaSet) int {
	if rs.Status.ReadyReplicas > 0 {
		return 1
	}
	return 0
}

func runsNow(rs *appsv1.ReplicaSet) redact.Text {
	if rs.Status.ReadyReplicas > 0 {
		return redact.Sprintf(", which still runs (%s ready)", redact.Int(int64(rs.Status.ReadyReplicas)))
	}
	return redact.Text{}
}

// raiseMemory doubles the limit, or goes as far as the bound allows.
func (l *look) raiseMemory(p proof, d *appsv1.Deployment) (incident.Candidate, bool) {
	f := p.fault
	if p.cause != incident.OOMKilled || f.container == nil || f.init {
		return incident.Candidate{}, false
	}
	var live *corev1.Container
	for i := range d.Spec.Template.Spec.Containers {
		if c := &d.Spec.Template.Spec.Containers[i]; c.Name == f.container.Name {
			live = c
		}
	}
	if live == nil {
		return incident.Candidate{}, false
	}
	limit, ok := live.Resources.Limits[corev1.ResourceMemory]
	was, had := f.memoryLimit()
	if !ok || !had || limit.Cmp(was) != 0 {
		return incident.Candidate{}, false
	}
	to, ok := higherLimit(limit)
	if !ok {
		return incident.Candidate{}, false
	}
	params := &action.SetResourcesParams{Container: live.Name, FromMemoryLimit: limit.String(), ToMemoryLimit: to.String()}
	// A request equal to the limit is meant to be equal (class Guaranteed).
	if request, has := live.Resources.Requests[corev1.ResourceMemory]; has && request.Cmp(limit) == 0 {
		params.FromMemoryRequest, params.ToMemoryRequest = request.String(), to.String()
	}
	return incident.Candidate{
		Action: action.Action{Kind: action.SetResources, Target: kube.RefOf(d), Params: action.Params{SetResources: params}},
		Why: redact.Sprintf("raises the memory limit of container %s from %s to %s; it does not remove what uses the memory",
			text(live.Name), text(limit.String()), text(to.String())),
		Symptomatic: true,
	}, true
}

// higherLimit is twice the limit, and less than the catalogue's bound.
func higherLimit(limit resource.Quantity) (resource.Quantity, bool) {
	to := limit.DeepCopy()
	to.Add(limit)
	bound := resource.MustParse(action.MaxMemoryLimit)
	if to.Cmp(bound) < 0 {
		return to, true
	}
	to = bound.DeepCopy()
	to.Sub(resource.MustParse("256Mi"))
	return to, to.Cmp(limit) > 0
}

// deletePod is for the one bad pod of a workload whose other pods are well, and
// whose fault is not in what all pods share.
func (l *look) deletePod(p proof) (incident.Candidate, bool) {
	switch p.cause {
	case incident.AppError, incident.LivenessProbeFailing, incident.ReadinessProbeFailing, incident.StartupProbeFailing:
	default:
		return incident.Candidate{}, false
	}
	pod := p.fault.pod
	if pod == nil {
		return incident.Candidate{}, false
	}
	c := metav1.GetControllerOf(pod)
	if c == nil || c.Kind == "Job" || l.faulty[string(c.UID)] != 1 {
		return incident.Candidate{}, false
	}
	well := 0
	for _, other := range l.pods {
		if ownerUID(other) != string(c.UID) || other.UID == pod.UID {
			continue
		}
		if !podReady(other) {
			return incident.Candidate{}, false
		}
		well++
	}
	if well == 0 {
		return incident.Candidate{}, false
	}
	return incident.Candidate{
		Action: action.Action{Kind: action.DeletePod, Target: kube.RefOf(pod), Params: action.Params{DeletePod: &action.DeletePodParams{}}},
		Why: redact.Sprintf("replaces the one pod that fails; %s others of the same template are well, so the template is not at fault",
			redact.Int(int64(well))),
		Symptomatic: true,
	}, true
}
