package diagnose

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// missing is what a kubelet says it lacks: a ConfigMap or Secret, or a key of
// one. Volume is set where the message names the volume instead of the object.
type missing struct {
	kind   string // ConfigMap, Secret
	name   string
	key    string
	volume string
}

var (
	objectNotFound = regexp.MustCompile(`\b(configmap|secret)s? \\?"([^"\\]+)\\?" not found`)
	keyNotFound    = regexp.MustCompile(`couldn't find key (\S+) in (ConfigMap|Secret) (?:[^/\s]+/)?([^\s"]+)`)
	keyInVolume    = regexp.MustCompile(`references? non-existent (config|secret) key: ([^\s"]+)`)
	cacheSync      = regexp.MustCompile(`\bfailed to sync (?:configmap|secret) cache: `)
	volumeOf       = regexp.MustCompile(`for volume \\?"([^"\\]+)\\?"`)
)

// parseMissing reads a kubelet's message; ok is false if it speaks of something
// else.
func parseMissing(message string) (m missing, ok bool) {
	if k := keyNotFound.FindStringSubmatch(message); k != nil {
		return missing{kind: k[2], name: k[3], key: k[1]}, true
	}
	if k := keyInVolume.FindStringSubmatch(message); k != nil {
		m = missing{kind: "ConfigMap", key: k[2]}
		if k[1] == "secret" {
			m.kind = "Secret"
		}
		if v := volumeOf.FindStringSubmatch(message); v != nil {
			m.volume = v[1]
		}
		return m, m.volume != ""
	}
	if o := objectNotFound.FindStringSubmatch(message); o != nil {
		m = missing{kind: "ConfigMap", name: o[2]}
		if o[1] == "secret" {
			m.kind = "Secret"
		}
		return m, true
	}
	return missing{}, false
}

func proveConfig(l *look, f fault) (proof, bool) {
	if f.pod == nil {
		return proof{}, false
	}
	id := l.status(f)
	m, ok := parseMissing(f.symptom.Message)
	if !ok {
		if m, id, ok = l.missingByEvent(f); !ok {
			if m, ok = l.absentReference(f); !ok {
				return proof{}, false
			}
			id = l.status(f)
		}
	}
	m, ok = l.resolve(f.pod, m)
	if !ok {
		return proof{}, false
	}
	p := proof{fault: f, cites: []string{id}, root: kube.Key(m.kind, f.object.Namespace, m.name), key: m.key}
	p.cause = missingCause(m)
	if l.x.KnownAbsent(m.kind, f.object.Namespace, m.name) {
		p.cites = append(p.cites, l.absence(p.root))
	}
	if m.key != "" {
		p.summary = redact.Sprintf("%s cannot start: %s has no key %s", refText(l.subject), refText(p.root), text(m.key))
	} else {
		p.summary = redact.Sprintf("%s cannot start: %s does not exist", refText(l.subject), refText(p.root))
	}
	p.ruledOut = []redact.Text{redact.Literal("bad image or crash: the container was never started")}
	return p, true
}

func missingCause(m missing) incident.Cause {
	switch {
	case m.kind == "Secret" && m.key != "":
		return incident.SecretKeyMissing
	case m.kind == "Secret":
		return incident.SecretMissing
	case m.key != "":
		return incident.ConfigMapKeyMissing
	}
	return incident.ConfigMapMissing
}

// missingByEvent looks where the status says nothing but ContainerCreating.
func (l *look) missingByEvent(f fault) (m missing, id string, ok bool) {
	events := l.x.EventsOf(f.object)
	for n := len(events) - 1; n >= 0; n-- {
		e := events[n]
		if e.Reason != "FailedMount" || l.now.Sub(e.Last) > kube.EventAge {
			continue
		}
		if m, ok = parseMissing(e.Message.String()); ok {
			return m, l.event(e), true
		}
	}
	return missing{}, "", false
}

// absentReference decides where the kubelet of a busy node has no more to say
// than that its cache is late: exactly one object that the pod cannot do without
// is known to be absent.
func (l *look) absentReference(f fault) (m missing, ok bool) {
	if !cacheSync.MatchString(f.symptom.Message) {
		return missing{}, false
	}
	for _, kind := range []string{"ConfigMap", "Secret"} {
		for _, name := range required(&f.pod.Spec, kind) {
			if !l.x.KnownAbsent(kind, f.pod.Namespace, name) || m == (missing{kind: kind, name: name}) {
				continue
			}
			if ok {
				return missing{}, false
			}
			m, ok = missing{kind: kind, name: name}, true
		}
	}
	return m, ok
}

// required lists the objects of a kind that containers take variables from and
// that are not optional.
func required(spec *corev1.PodSpec, kind string) []string {
	var out []string
	add := func(is, name string, optional *bool) {
		if is == kind && (optional == nil || !*optional) {
			out = append(out, name)
		}
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		for _, from := range c.EnvFrom {
			if r := from.ConfigMapRef; r != nil {
				add("ConfigMap", r.Name, r.Optional)
			}
			if r := from.SecretRef; r != nil {
				add("Secret", r.Name, r.Optional)
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom == nil {
				continue
			}
			if r := e.ValueFrom.ConfigMapKeyRef; r != nil {
				add("ConfigMap", r.Name, r.Optional)
			}
			if r := e.ValueFrom.SecretKeyRef; r != nil {
				add("Secret", r.Name, r.Optional)
			}
		}
	}
	return out
}

// resolve joins the message with the pod's spec and with what the snapshot
// knows: an object that the pod does not ask for, or that exists by now with
// the key, is not the cause.
func (l *look) resolve(pod *corev1.Pod, m missing) (missing, bool) {
	if m.volume != "" {
		m.name = volumeSource(pod, m.volume, m.kind)
	}
	if m.name == "" || !asksFor(&pod.Spec, m.kind, m.name) {
		return m, false
	}
	list := l.x.ConfigMaps
	if m.kind == "Secret" {
		list = l.x.Secrets
	}
	have, found := kube.FindKeys(list, pod.Namespace, m.name)
	switch {
	case !found:
		return m, true
	case m.key == "":
		return m, false
	}
	return m, !slices.Contains(have.Keys, m.key)
}

// asksFor reports whether a pod's spec names the object.
func asksFor(spec *corev1.PodSpec, kind, name string) bool {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			if containerAsksFor(&list[i], kind, name) {
				return true
			}
		}
	}
	for i := range spec.Volumes {
		if slices.Contains(volumeNames(&spec.Volumes[i], kind), name) {
			return true
		}
	}
	return false
}

func containerAsksFor(c *corev1.Container, kind, name string) bool {
	for i := range c.EnvFrom {
		from := &c.EnvFrom[i]
		if kind == "ConfigMap" && from.ConfigMapRef != nil && from.ConfigMapRef.Name == name ||
			kind == "Secret" && from.SecretRef != nil && from.SecretRef.Name == name {
			return true
		}
	}
	for i := range c.Env {
		from := c.Env[i].ValueFrom
		if from == nil {
			continue
		}
		if kind == "ConfigMap" && from.ConfigMapKeyRef != nil && from.ConfigMapKeyRef.Name == name ||
			kind == "Secret" && from.SecretKeyRef != nil && from.SecretKeyRef.Name == name {
			return true
		}
	}
	return false
}

// volumeNames lists the ConfigMaps or Secrets that a volume takes, projected
// ones included.
func volumeNames(v *corev1.Volume, kind string) []string {
	var names []string
	switch {
	case kind == "ConfigMap" && v.ConfigMap != nil:
		names = append(names, v.ConfigMap.Name)
	case kind == "Secret" && v.Secret != nil:
		names = append(names, v.Secret.SecretName)
	case v.Projected != nil:
		for i := range v.Projected.Sources {
			s := &v.Projected.Sources[i]
			if kind == "ConfigMap" && s.ConfigMap != nil {
				names = append(names, s.ConfigMap.Name)
			}
			if kind == "Secret" && s.Secret != nil {
				names = append(names, s.Secret.Name)
			}
		}
	}
	return names
}

// volumeSource names the object that a volume takes; empty if
// several could be meant.
func volumeSource(pod *corev1.Pod, volume, kind string) string {
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if v.Name != volume {
			continue
		}
		if names := volumeNames(v, kind); len(names) == 1 {
			return names[0]
		}
	}
	return ""
}

// proveRunAsRoot reads the kubelet's refusal to run an image as root.
func proveRunAsRoot(l *look, f fault) (proof, bool) {
	said := f.symptom.Message
	for _, phrase := range []string{
		"container has runAsNonRoot and image will run as root",
		"container has runAsNonRoot and image has non-numeric user",
		"container's runAsUser breaks non-root policy",
	} {
		if strings.Contains(said, phrase) {
			return proof{
				cause:    incident.RunAsNonRootViolation,
				summary:  redact.Sprintf("%s cannot start: image %s runs as root while runAsNonRoot is set", refText(l.subject), image(f)),
				ruledOut: []redact.Text{redact.Literal("crash: the kubelet refused before the container was started")},
			}, true
		}
	}
	return proof{}, false
}
