package diagnose

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
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
	if len(d.Candidates) == 0 {
		d.NoFix = l.whyNone(p, by)
	}
	d.Steps = l.steps(p, d.Owner)
}

// whyNone says why there is no button.
func (l *look) whyNone(p proof, by string) redact.Text {
	d, deployment := l.top.(*appsv1.Deployment)
	switch row := remedyOf(p.cause); {
	case by != "":
		return redact.Literal("it is managed elsewhere: a change made here would be reverted")
	case len(row.offers) == 0:
		return row.people
	case l.subject.Kind == "Pod":
		return redact.Literal("nothing would bring a pod back that has no controller")
	case !deployment:
		return redact.Sprintf("nothing is changed here but Deployments and single pods; %s", row.people)
	case d.Spec.Paused:
		return redact.Literal("its rollout is paused: a change would not reach its pods")
	default:
		return row.people
	}
}

// valid keeps what passes the catalogue's own check, so that nothing is offered
// that could not be proposed.
func valid(candidates []incident.Candidate) []incident.Candidate {
	return slices.DeleteFunc(candidates, func(c incident.Candidate) bool { return c.Action.Validate() != nil })
}

// candidates offers changes for the cause, the best first, by its row of the
// table.
func (l *look) candidates(p proof) []incident.Candidate {
	row := remedyOf(p.cause)
	if slices.Contains(row.offers, offerPod) {
		if c, ok := l.deletePod(p); ok {
			return []incident.Candidate{c}
		}
	}
	d, ok := l.top.(*appsv1.Deployment)
	if !ok || d.Spec.Paused || d.DeletionTimestamp != nil || p.fault.pod != nil && ownerUID(p.fault.pod) != l.currentOwner() {
		return nil
	}
	if slices.Contains(row.offers, offerImage) {
		return l.imageCandidates(p, d)
	}
	var out []incident.Candidate
	for _, o := range row.offers {
		switch o {
		case offerMemory:
			if c, ok := l.raiseMemory(p, d); ok {
				out = append(out, c)
			}
		case offerRollback:
			if c := l.rollbackTarget(p); c != nil {
				out = append(out, l.rollback(d, c))
			}
		case offerRestart:
			if p.hung {
				out = append(out, l.restart())
			}
		case offerPod, offerImage: // tried above, alone
		}
	}
	return out
}

func (l *look) restart() incident.Candidate {
	return incident.Candidate{
		Action: action.Action{Kind: action.Restart, Target: l.subject, Params: action.Params{
			Restart: &action.RestartParams{At: l.now.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05Z")},
		}},
		Why:         redact.Literal("starts every pod afresh; it does not remove what made them hang"),
		Given:       redact.Literal("the program runs and does not answer, and has never been restarted"),
		Symptomatic: true,
	}
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
	if to == nil || to.onlyImages() {
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
	for _, r := range l.preferred() {
		was := imageOf(&r.template.Spec, f.container.Name)
		if was == "" || was == current || !usable(p.cause, current, was, r.set) {
			continue
		}
		return incident.Candidate{
			Action: action.Action{Kind: action.SetImage, Target: l.subject, Params: action.Params{
				SetImage: &action.SetImageParams{Container: f.container.Name, From: current, To: was},
			}},
			Why:   redact.Sprintf("goes back to image %s of revision %s%s", text(was), redact.Int(r.number), runsNow(r.set)),
			Given: redact.Sprintf("this workload ran that image as revision %s, and none of its pods shows this fault", redact.Int(r.number)),
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

// preferred lists older revisions of a Deployment that are not faulty
// themselves: those with ready pods first, then the newest first.
func (l *look) preferred() []revision {
	all := l.revisionsOf(l.top)
	if len(all) < 2 {
		return nil
	}
	older := all[:len(all)-1]
	slices.Reverse(older)
	older = slices.DeleteFunc(older, func(r revision) bool { return r.set == nil || l.faulty[string(r.set.UID)] > 0 })
	slices.SortStableFunc(older, func(a, b revision) int { return ready(b.set) - ready(a.set) })
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
	if f.container == nil || f.init {
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
	twice := limit.DeepCopy()
	twice.Add(limit)
	params, ok := action.MemoryChange(live.Name, limit, live.Resources.Requests[corev1.ResourceMemory], twice)
	if !ok {
		return incident.Candidate{}, false
	}
	return incident.Candidate{
		Action: action.Action{Kind: action.SetResources, Target: kube.RefOf(d), Params: action.Params{SetResources: &params}},
		Why: redact.Sprintf("raises the memory limit of container %s from %s to %s; it does not remove what uses the memory",
			text(live.Name), text(params.FromMemoryLimit), text(params.ToMemoryLimit)),
		Given:       redact.Literal("it was killed at this very limit, and the new one is within the bounds of the catalogue"),
		Symptomatic: true,
	}, true
}

// deletePod is for the one bad pod of a workload whose other pods are well, and
// whose fault is not in what all pods share.
func (l *look) deletePod(p proof) (incident.Candidate, bool) {
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
		Given:       redact.Literal("its controller makes a new pod, and all others of its template are ready"),
		Symptomatic: true,
	}, true
}
