package diagnose

import (
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// rejectedFile believes a rejection if the file comes from a ConfigMap. A file
// of the image is the program's own affair, and a Secret is no ConfigMap.
func (l *look) rejectedFile(f fault, p proof, named string) (proof, bool) {
	if named == "" {
		if named = l.configArgument(f); named == "" {
			return l.onlyConfig(f, p)
		}
	}
	from, ok := l.sourceOf(f, named)
	if !ok || from.kind != "ConfigMap" {
		return proof{}, false
	}
	p.root, p.key = l.sourceRef(f.pod.Namespace, from), from.key
	p.cites = append(p.cites, l.evidence.add("spec", l.subject, redact.Sprintf("container %s", text(f.symptom.Container)),
		redact.Sprintf("%s comes from key %s of %s", text(named), text(p.key), refText(p.root)), l.x.Taken))
	p.summary = redact.Sprintf("%s: it rejects its configuration %s, which is key %s of %s", l.fares(f), text(named), text(p.key), refText(p.root))
	return p, true
}

// tokenMount is where every pod has its ServiceAccount's token.
const tokenMount = "/var/run/secrets/kubernetes.io/serviceaccount"

// onlyConfig believes a rejection of a file that nobody names where one
// ConfigMap alone is mounted.
func (l *look) onlyConfig(f fault, p proof) (proof, bool) {
	if f.container == nil || f.pod == nil {
		return proof{}, false
	}
	found, at := "", ""
	for i := range f.container.VolumeMounts {
		m := &f.container.VolumeMounts[i]
		v := volumeNamed(f.pod, m.Name)
		if v == nil || m.MountPath == tokenMount { // that has a ConfigMap with a certificate in it
			continue
		}
		for _, name := range volumeNames(v, "ConfigMap") {
			if found != "" && found != name {
				return proof{}, false
			}
			found, at = name, m.MountPath
		}
	}
	if found == "" {
		return proof{}, false
	}
	p.root = l.sourceRef(f.pod.Namespace, source{kind: "ConfigMap", name: found})
	p.cites = append(p.cites, l.evidence.add("spec", l.subject, redact.Sprintf("container %s", text(f.symptom.Container)),
		redact.Sprintf("the only configuration that is mounted, at %s, is %s", text(at), refText(p.root)), l.x.Taken))
	p.summary = redact.Sprintf("%s: it rejects its configuration, which comes from %s", l.fares(f), refText(p.root))
	return p, true
}

// configArgument is the one file on the container's command line that comes
// from a ConfigMap; empty if there is none or several.
func (l *look) configArgument(f fault) string {
	if f.container == nil {
		return ""
	}
	found := ""
	for _, arg := range slices.Concat(f.container.Command, f.container.Args) {
		for word := range strings.FieldsSeq(arg) {
			if from, ok := l.sourceOf(f, word); !ok || from.kind != "ConfigMap" || word == found {
				continue
			}
			if found != "" {
				return ""
			}
			found = word
		}
	}
	return found
}
