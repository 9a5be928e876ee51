package diagnose

import (
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// rollbackTarget is the revision that a rollback would bring back; nil if none
// is proven better.
func (l *look) rollbackTarget(p proof) *appsv1.ReplicaSet {
	for _, rs := range l.preferred() {
		c := l.changeFrom(rs)
		if c.other || len(c.fields) == 0 || !l.blames(p, c) {
			continue
		}
		return rs
	}
	return nil
}

// rolloutBlame is how long after a rollout a fault may begin and still be
// blamed on it.
const rolloutBlame = time.Hour

// blames reports whether the change can have brought the fault.
func (l *look) blames(p proof, c *change) bool {
	f, name := p.fault, p.fault.symptom.Container
	late := f.symptom.Since.Sub(c.at) > rolloutBlame
	switch p.cause {
	case incident.ImageNotFound, incident.ImageNameInvalid, incident.ImageNeverPulled, incident.ImagePlatformMismatch,
		incident.RunAsNonRootViolation:
		return c.touches(name, "image")
	case incident.ImageRegistryUnreachable, incident.ImagePullUnauthorized:
		older := imageOf(&c.from.Spec.Template.Spec, name)
		return c.touches(name, "image") && usable(p.cause, f.containerImage(), older, c.from)
	case incident.ConfigMapMissing, incident.ConfigMapKeyMissing, incident.SecretMissing, incident.SecretKeyMissing:
		return !asksFor(&c.from.Spec.Template.Spec, p.root.Kind, p.root.Name) || keyIsNew(c, p)
	case incident.CommandNotFound:
		return c.touches(name, "image", "command", "env")
	case incident.EnvVarMissing:
		return !late && c.touches(name, "image", "command", "env")
	case incident.AppError, incident.InitContainerFailed:
		return !late && c.touches(name, "image", "command", "env")
	case incident.OOMKilled:
		return !late && c.touches(name, "image", "command", "env", "resources")
	case incident.ProbeMisconfigured:
		return c.touches(name, f.symptom.Class+" probe", "image", "command", "env")
	case incident.LivenessProbeFailing, incident.ReadinessProbeFailing, incident.StartupProbeFailing:
		return !late && c.touches(name, f.symptom.Class+" probe", "image", "command", "env")
	case incident.InsufficientCPU, incident.InsufficientMemory, incident.InsufficientResource:
		return requestsRose(c)
	case incident.RolloutStuck:
		return true
	default:
		return false
	}
}

// keyIsNew reports whether the older revision did not ask for the absent key.
func keyIsNew(c *change, p proof) bool {
	if p.cause != incident.ConfigMapKeyMissing && p.cause != incident.SecretKeyMissing || p.fault.container == nil {
		return false
	}
	return p.key != "" && !asksForKey(&c.from.Spec.Template.Spec, p.root.Kind, p.root.Name, p.key)
}

func (l *look) rollback(d *appsv1.Deployment, to *appsv1.ReplicaSet) incident.Candidate {
	from := l.currentSet()
	c := l.changeFrom(to)
	return incident.Candidate{
		Action: action.Action{Kind: action.Rollback, Target: kube.RefOf(d), Params: action.Params{
			Rollback: &action.RollbackParams{
				ToRevision: kube.Revision(to), FromRevision: kube.Revision(from),
				To:   action.Pinned{ReplicaSet: to.Name, UID: string(to.UID)},
				From: action.Pinned{ReplicaSet: from.Name, UID: string(from.UID)},
			},
		}},
		Why: redact.Sprintf("brings back revision %s%s; %s", redact.Int(kube.Revision(to)), runsNow(to), c.describe()),
	}
}

// requestsRose reports whether a container asks for more than in the older
// revision.
func requestsRose(c *change) bool {
	for i := range c.to.Spec.Template.Spec.Containers {
		is := &c.to.Spec.Template.Spec.Containers[i]
		for name, now := range is.Resources.Requests {
			before, had := requestOf(&c.from.Spec.Template.Spec, is.Name)[name]
			if !had || now.Cmp(before) > 0 {
				return true
			}
		}
	}
	return false
}

func requestOf(spec *corev1.PodSpec, container string) corev1.ResourceList {
	for i := range spec.Containers {
		if spec.Containers[i].Name == container {
			return spec.Containers[i].Resources.Requests
		}
	}
	return nil
}

// asksForKey reports whether an environment variable needs that key.
func asksForKey(spec *corev1.PodSpec, kind, name, key string) bool {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			for _, e := range list[i].Env {
				from := e.ValueFrom
				if from == nil {
					continue
				}
				if r := from.ConfigMapKeyRef; kind == "ConfigMap" && r != nil && r.Name == name && r.Key == key {
					return true
				}
				if r := from.SecretKeyRef; kind == "Secret" && r != nil && r.Name == name && r.Key == key {
					return true
				}
			}
		}
	}
	return false
}

// registry is the host of an image; Docker Hub's where the name has none.
func registry(image string) string {
	host, _, ok := strings.Cut(image, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return "docker.io"
	}
	return host
}

// repository is an image without tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		image = image[:i]
	}
	return image
}
