package diagnose

import (
	"slices"
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
func (l *look) rollbackTarget(p proof) *change {
	if !slices.Contains(remedyOf(p.cause).offers, offerRollback) {
		return nil
	}
	all := l.revisionsOf(l.top)
	for _, older := range l.preferred() {
		c := changeFrom(l.top, all, older)
		if c.other || len(c.fields) == 0 || !l.blames(p, c) {
			continue
		}
		return c
	}
	return nil
}

// blameFor is how long after a change a fault may begin and still be blamed on
// it.
const blameFor = time.Hour

// blames reports whether the rollout can have brought the fault. Where the
// present manifest itself proves the cause, time says nothing; elsewhere the
// rollout must be the last change before the fault.
func (l *look) blames(p proof, c *change) bool {
	f := p.fault
	switch p.cause {
	case incident.ImageRegistryUnreachable, incident.ImagePullUnauthorized:
		older := imageOf(&c.from.template.Spec, f.symptom.Container)
		return c.brings(p) && usable(p.cause, f.containerImage(), older, c.from.set)
	case incident.ConfigMapMissing, incident.ConfigMapKeyMissing, incident.SecretMissing, incident.SecretKeyMissing:
		return !asksFor(&c.from.template.Spec, p.root.Kind, p.root.Name) || keyIsNew(c, p)
	case incident.InsufficientCPU, incident.InsufficientMemory, incident.InsufficientResource:
		return requestsRose(c)
	case incident.EnvVarMissing, incident.AppError, incident.InitContainerFailed, incident.OOMKilled,
		incident.LivenessProbeFailing, incident.ReadinessProbeFailing, incident.StartupProbeFailing:
		return c.brings(p) && f.symptom.Since.Sub(c.at) <= blameFor && !l.overtaken(c)
	case incident.RolloutStuck:
		return !l.overtaken(c)
	case incident.ImageNotFound, incident.ImageNameInvalid, incident.ImageNeverPulled, incident.ImagePlatformMismatch,
		incident.RunAsNonRootViolation, incident.CommandNotFound, incident.ProbeMisconfigured:
		return c.brings(p)
	default:
		return false
	}
}

// brings reports whether the rollout touched what the cause may come from.
func (c *change) brings(p proof) bool {
	for _, field := range remedyOf(p.cause).fields {
		if field == "probe" {
			field = p.fault.symptom.Class + " probe"
		}
		if c.touches(p.fault.symptom.Container, field) {
			return true
		}
	}
	return false
}

// overtaken reports whether something else was changed between the rollout and
// the fault: a rollback would leave that in place.
func (l *look) overtaken(c *change) bool {
	return len(l.recent) > 0 && l.recent[0].rollout == nil && l.recent[0].at.After(c.at)
}

// keyIsNew reports whether the older revision did not ask for the absent key.
func keyIsNew(c *change, p proof) bool {
	if p.cause != incident.ConfigMapKeyMissing && p.cause != incident.SecretKeyMissing || p.fault.container == nil {
		return false
	}
	return p.key != "" && !asksForKey(&c.from.template.Spec, p.root.Kind, p.root.Name, p.key)
}

func (l *look) rollback(d *appsv1.Deployment, c *change) incident.Candidate {
	return incident.Candidate{
		Action: action.Action{Kind: action.Rollback, Target: kube.RefOf(d), Params: action.Params{
			Rollback: &action.RollbackParams{
				ToRevision: c.from.number, FromRevision: c.to.number,
				To:   action.Pinned{ReplicaSet: c.from.set.Name, UID: string(c.from.set.UID)},
				From: action.Pinned{ReplicaSet: c.to.set.Name, UID: string(c.to.set.UID)},
			},
		}},
		Why: redact.Sprintf("brings back revision %s%s; %s", redact.Int(c.from.number), runsNow(c.from.set), c.describe()),
		Given: redact.Sprintf("revision %s is kept and none of its pods shows this fault; the rollout changed nothing but what a rollback may bring back",
			redact.Int(c.from.number)),
	}
}

// requestsRose reports whether a container asks for more than in the older
// revision.
func requestsRose(c *change) bool {
	for i := range c.to.template.Spec.Containers {
		is := &c.to.template.Spec.Containers[i]
		for name, now := range is.Resources.Requests {
			before, had := requestOf(&c.from.template.Spec, is.Name)[name]
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
