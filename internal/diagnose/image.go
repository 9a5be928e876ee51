package diagnose

import (
	"regexp"
	"strings"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

var quoted = regexp.MustCompile(`\\?"[^"]*"`)

// pullPhrases are what registries and containerd say, most telling first, in
// lower case. Phrases inside quotes do not count: they are names and addresses.
var pullPhrases = []struct {
	cause   incident.Cause
	phrases []string
}{
	{incident.ImagePullRateLimited, []string{"toomanyrequests", "429 too many requests", "pull rate limit"}},
	{incident.ImagePullUnauthorized, []string{
		"401 unauthorized", "403 forbidden", "unauthorized:", "authorization failed", "authentication required",
		"insufficient_scope", "no basic auth credentials", "pull access denied", "access denied", "denied:",
	}},
	{incident.ImageRegistryUnreachable, []string{
		"no such host", "connection refused", "i/o timeout", "no route to host", "network is unreachable",
		"tls handshake timeout", "context deadline exceeded", "server misbehaving", "connection reset by peer",
		"502 bad gateway", "503 service unavailable", "504 gateway timeout",
	}},
	{incident.ImagePlatformMismatch, []string{"no match for platform in manifest", "no matching manifest for"}},
	{incident.ImageNotFound, []string{
		"manifest unknown", "name unknown", ": not found", "code = notfound", "404 not found", "repository does not exist",
		"repository name not known",
	}},
}

// pullCause reads why an image cannot be pulled; empty if the message does not
// say.
func pullCause(message, image string) incident.Cause {
	// The name of the image is foreign text: it must not answer the question.
	if image != "" {
		message = strings.ReplaceAll(message, image, "")
	}
	message = strings.ToLower(quoted.ReplaceAllString(message, ""))
	for _, p := range pullPhrases {
		for _, phrase := range p.phrases {
			if strings.Contains(message, phrase) {
				return p.cause
			}
		}
	}
	return ""
}

func proveImage(l *look, f fault) (proof, bool) {
	if f.status == nil || f.status.State.Waiting == nil {
		return proof{}, false
	}
	w := f.status.State.Waiting
	p := proof{fault: f, cites: []string{l.status(f)}}
	switch w.Reason {
	case "InvalidImageName":
		p.cause = incident.ImageNameInvalid
	case "ErrImageNeverPull":
		p.cause = incident.ImageNeverPulled
	default:
		said, id := l.pullMessage(f, w.Message)
		p.cause = pullCause(said, f.containerImage())
		if id != "" {
			p.cites = append(p.cites, id)
		}
	}
	if p.cause == "" {
		return proof{}, false
	}
	p.summary = imageSummary(l, f, p.cause)
	if p.cause == incident.ImagePullUnauthorized {
		if name, id := l.absentPullSecret(f); name != "" {
			p.root = kube.Key("Secret", f.object.Namespace, name)
			p.cites = append(p.cites, id)
			p.summary = redact.Sprintf("%s cannot start: the pull secret %s is missing, so the registry refuses image %s",
				refText(l.subject), text(name), image(f))
		}
	}
	p.ruledOut = imageRuledOut(p.cause)
	if p.cause == incident.ImageRegistryUnreachable || p.cause == incident.ImagePullRateLimited {
		p.thing = registry(f.containerImage())
	}
	return p, true
}

func (f fault) containerImage() string {
	if f.container == nil {
		return ""
	}
	return f.container.Image
}

// pullMessage finds the message that tells: a status in ImagePullBackOff may
// have lost it, then the event has it.
func (l *look) pullMessage(f fault, waiting string) (message, id string) {
	if pullCause(waiting, f.containerImage()) != "" {
		said := canonicalPull(text(waiting))
		return said.String(), l.evidence.add("status", f.object, redact.Literal("pull error"), said, f.symptom.Since)
	}
	events := l.x.EventsOf(f.object)
	for n := len(events) - 1; n >= 0; n-- {
		e := events[n]
		about := kube.ContainerOf(e.Field)
		if e.Reason != "Failed" || about != "" && about != f.symptom.Container || !strings.Contains(e.Message.String(), f.containerImage()) {
			continue
		}
		if pullCause(e.Message.String(), f.containerImage()) != "" {
			said := canonicalPull(e.Message)
			return said.String(), l.evidence.add("status", f.object, redact.Literal("pull error"), said, f.symptom.Since)
		}
	}
	return waiting, ""
}

var pullPrefix = regexp.MustCompile(`^(Back-off pulling image "[^"]*": |Failed to pull image "[^"]*": |ErrImagePull: |rpc error: code = \w+ desc = )+`)

// canonicalPull drops what alternates between ErrImagePull, ImagePullBackOff
// and the event.
func canonicalPull(t redact.Text) redact.Text {
	return text(pullPrefix.ReplaceAllString(t.String(), ""))
}

func imageSummary(l *look, f fault, c incident.Cause) redact.Text {
	who, what := refText(l.subject), image(f)
	switch c {
	case incident.ImageNotFound:
		return redact.Sprintf("%s cannot start: image %s does not exist in its registry", who, what)
	case incident.ImageRegistryUnreachable:
		return redact.Sprintf("%s cannot start: the registry of image %s cannot be reached", who, what)
	case incident.ImagePullUnauthorized:
		return redact.Sprintf("%s cannot start: the registry refuses to hand out image %s (no access)", who, what)
	case incident.ImagePullRateLimited:
		return redact.Sprintf("%s cannot start: the registry limits how often image %s may be pulled", who, what)
	case incident.ImageNameInvalid:
		return redact.Sprintf("%s cannot start: %s is not a valid image name", who, what)
	case incident.ImageNeverPulled:
		return redact.Sprintf("%s cannot start: image %s is not on the node and imagePullPolicy is Never", who, what)
	case incident.ImagePlatformMismatch:
		return redact.Sprintf("%s cannot start: image %s was not built for the node's platform", who, what)
	default:
		return redact.Sprintf("%s cannot start: image %s cannot be pulled", who, what)
	}
}

func imageRuledOut(c incident.Cause) []redact.Text {
	switch c {
	case incident.ImageNotFound:
		return []redact.Text{redact.Literal("registry down or access refused: the registry answered, and said that it has no such image")}
	case incident.ImageRegistryUnreachable:
		return []redact.Text{redact.Literal("missing tag: the registry never answered, so nothing is known about the image")}
	case incident.ImagePullUnauthorized:
		return []redact.Text{redact.Literal("registry down: it answered, and refused access")}
	default:
		return nil
	}
}

var absentPullSecret = regexp.MustCompile(`Unable to retrieve some image pull secrets \(([^)]*)\)`)

// absentPullSecret names a pull secret of the pod that is proven absent, by the
// kubelet or by the API server.
func (l *look) absentPullSecret(f fault) (name, id string) {
	for _, ref := range f.pod.Spec.ImagePullSecrets {
		if l.x.KnownAbsent("Secret", f.object.Namespace, ref.Name) {
			return ref.Name, l.absence(kube.Key("Secret", f.object.Namespace, ref.Name))
		}
		for _, e := range l.x.EventsOf(f.object) {
			m := absentPullSecret.FindStringSubmatch(e.Message.String())
			if m == nil || e.Reason != "FailedToRetrieveImagePullSecret" {
				continue
			}
			for _, said := range strings.Split(m[1], ",") {
				if strings.TrimSpace(said) == ref.Name {
					return ref.Name, l.event(e)
				}
			}
		}
	}
	return "", ""
}

// absence records that the API server said "not found".
func (l *look) absence(of action.Ref) string {
	return l.evidence.add("absence", of, redact.Text{}, redact.Sprintf("the API server has no %s", refText(of)), l.x.Taken)
}
