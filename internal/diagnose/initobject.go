package diagnose

import (
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

var (
	// objectAsked is a command that asks the API server for one object.
	objectAsked = regexp.MustCompile(`\b(?:kubectl\b[^\n;|&]{0,100}?\b(?:get|wait|rollout status)|wait[-_]for(?:\.sh)?)\b[^\n;|&]{0,100}?[ \t](configmaps?|cm|secrets?|services?|svc)(?:\.[a-z0-9.]{1,40})?[/ \t]+["']?([a-z0-9][a-z0-9.-]{0,252})\b`)
	// fileAsked is a command that tests for, or reads, a file by its full path.
	fileAsked = regexp.MustCompile(`(?:\[\[?|\btest)[ \t]+(?:![ \t]+)?-[efsrd][ \t]+["']?(/[^\s"'\];)]{1,300})|\b(?:cat|ls|stat)[ \t]+(?:-\w+[ \t]+)?["']?(/[^\s"';)|&<>]{1,300})`)
	// otherNamespace marks a command that asks elsewhere.
	otherNamespace = regexp.MustCompile(`[ \t](?:-n|--namespace|-A|--all-namespaces)\b`)
)

// initByObject looks for an object, or a file out of one, that the command asks
// for and that does not exist.
func (l *look) initByObject(f fault) (proof, bool) {
	said := harmless.ReplaceAllString(commandText(f.container, environment(f.container)), "")
	if strings.Contains(f.container.Image, "wait-for") {
		said = "wait-for " + said // its arguments are the kind and the name
	}
	if !otherNamespace.MatchString(said) {
		for _, m := range objectAsked.FindAllStringSubmatch(said, maxSpecHosts) {
			ref := kube.Key(askedKind(m[1]), f.pod.Namespace, strings.TrimRight(m[2], ".-"))
			if l.lacks(ref) {
				return l.initLacks(f, ref, redact.Sprintf("its command asks for %s", refText(ref))), true
			}
		}
	}
	for _, m := range fileAsked.FindAllStringSubmatch(said, maxSpecHosts) {
		file := m[1] + m[2]
		if ref, ok := l.fileSource(f, path.Clean(file)); ok {
			return l.initLacks(f, ref, redact.Sprintf("its command waits for the file %s, which comes from %s", text(file), refText(ref))), true
		}
	}
	return proof{}, false
}

func (l *look) initLacks(f fault, root action.Ref, asks redact.Text) proof {
	where := redact.Sprintf("container %s", text(f.symptom.Container))
	return proof{
		cause: incident.InitContainerWaiting, root: root,
		cites:   []string{l.status(f), l.evidence.add("spec", l.subject, where, asks, l.x.Taken), l.absence(root)},
		summary: redact.Sprintf("%s because it waits for %s, which does not exist", l.effect(f), refText(root)),
	}
}

func askedKind(word string) string {
	switch strings.TrimSuffix(word, "s") {
	case "configmap", "cm":
		return "ConfigMap"
	case "secret":
		return "Secret"
	}
	return "Service"
}

// lacks reports whether an object certainly does not exist. Services are listed
// in every look, ConfigMaps and Secrets looked up one by one.
func (l *look) lacks(ref action.Ref) bool {
	return l.x.KnownAbsent(ref.Kind, ref.Namespace, ref.Name) ||
		ref.Kind == "Service" && l.servicesListed(ref.Namespace) && l.x.Object(ref) == nil
}

// fileSource is the ConfigMap or Secret that a file of the container would come
// from, if that does not exist: only one that is optional lets the pod start.
func (l *look) fileSource(f fault, file string) (action.Ref, bool) {
	var mount *corev1.VolumeMount
	for i := range f.container.VolumeMounts {
		m := &f.container.VolumeMounts[i]
		at := path.Clean(m.MountPath)
		if (file == at || strings.HasPrefix(file, strings.TrimSuffix(at, "/")+"/")) && (mount == nil || len(at) > len(path.Clean(mount.MountPath))) {
			mount = m
		}
	}
	if mount == nil {
		return action.Ref{}, false
	}
	i := slices.IndexFunc(f.pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
	if i < 0 {
		return action.Ref{}, false
	}
	v := &f.pod.Spec.Volumes[i]
	for _, kind := range []string{"ConfigMap", "Secret"} {
		names := volumeNames(v, kind)
		if len(names) == 1 && l.x.KnownAbsent(kind, f.pod.Namespace, names[0]) {
			return kube.Key(kind, f.pod.Namespace, names[0]), true
		}
	}
	return action.Ref{}, false
}
