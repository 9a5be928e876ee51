package diagnose

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// deniedFile words the proof, with what the spec adds.
func (l *look) deniedFile(f fault, p proof, r loglines.Reason) proof {
	file := f.absolute(r.Path)
	what := redact.Sprintf("%s may not be read or written", text(file))
	if r.ReadOnly {
		what = redact.Sprintf("%s lies on a read-only file system", text(file))
	}
	p.summary = redact.Sprintf("%s: %s", l.fares(f), what)
	if why := f.denies(f.placeOf(file), r.ReadOnly); !why.IsEmpty() {
		p.cites = append(p.cites, l.evidence.add("spec", l.subject, redact.Sprintf("container %s", text(f.symptom.Container)), why, l.x.Taken))
		p.summary = redact.Sprintf("%s (%s)", p.summary, why)
	}
	return p
}

// denies says what in the spec forbids the operation; empty if nothing does.
func (f fault) denies(at place, readOnly bool) redact.Text {
	if f.container == nil || f.pod == nil {
		return redact.Text{}
	}
	own := f.container.SecurityContext
	switch {
	case at.readOnly():
		return redact.Sprintf("volume %s is mounted read-only at %s", text(at.mount.Name), text(at.mount.MountPath))
	case readOnly && at.mount == nil && own != nil && own.ReadOnlyRootFilesystem != nil && *own.ReadOnlyRootFilesystem:
		return redact.Literal("readOnlyRootFilesystem is set, and no volume is mounted there")
	case readOnly:
		return redact.Text{}
	}
	user, set := f.user()
	if !set || user == 0 {
		return redact.Text{}
	}
	if s := f.pod.Spec.SecurityContext; at.mount != nil && (s == nil || s.FSGroup == nil) {
		return redact.Sprintf("it runs as user %s, and no fsGroup gives that user the volume %s", redact.Int(user), text(at.mount.Name))
	}
	return redact.Sprintf("it runs as user %s", redact.Int(user))
}

// user is the runAsUser in force, if the spec sets one.
func (f fault) user() (uid int64, set bool) {
	if s := f.container.SecurityContext; s != nil && s.RunAsUser != nil {
		return *s.RunAsUser, true
	}
	if s := f.pod.Spec.SecurityContext; s != nil && s.RunAsUser != nil {
		return *s.RunAsUser, true
	}
	return 0, false
}

// absolute completes a path that PostgreSQL names below its data directory.
func (f fault) absolute(file string) string {
	if path.IsAbs(file) {
		return file
	}
	data := "/var/lib/postgresql/data"
	if f.container != nil {
		for _, e := range f.container.Env {
			if e.Name == "PGDATA" && path.IsAbs(e.Value) {
				data = e.Value
			}
		}
	}
	return path.Join(data, file)
}

// fullVolume blames the claim that holds the path, else the workload.
func (l *look) fullVolume(f fault, p proof, lines []redact.Text, named string) (proof, bool) {
	if named == "" {
		return l.fullClaim(f, p, lines)
	}
	file := f.absolute(named)
	at := f.placeOf(file)
	claim, ok := l.claimAt(f, at)
	switch {
	case ok:
		p.root = claim
		p.summary = redact.Sprintf("%s: %s, which holds %s, is full", l.fares(f), l.sized(claim), text(file))
	case at.mount != nil:
		p.summary = redact.Sprintf("%s: volume %s, which holds %s, is full", l.fares(f), text(at.mount.Name), text(file))
	default:
		p.summary = redact.Sprintf("%s: there is no space left for %s, which lies in the container's own file system", l.fares(f), text(file))
	}
	return p, true
}

// fullClaim finds the claim that is full where the error names no file: the one
// whose mount the log speaks of, else the only volume that can be written. Where
// no claim can be written, the workload has to give its scratch space more room.
func (l *look) fullClaim(f fault, p proof, lines []redact.Text) (proof, bool) {
	if f.container == nil || f.pod == nil {
		return proof{}, false
	}
	var spokenOf, writable []action.Ref
	others := false
	for i := range f.container.VolumeMounts {
		m := &f.container.VolumeMounts[i]
		at := place{mount: m, volume: volumeNamed(f.pod, m.Name)}
		if at.readOnly() {
			continue
		}
		claim, ok := l.claimAt(f, at)
		if !ok {
			others = true
			continue
		}
		writable = append(writable, claim)
		if slices.ContainsFunc(lines, func(line redact.Text) bool { return strings.Contains(line.String(), path.Clean(m.MountPath)+"/") }) {
			spokenOf = append(spokenOf, claim)
		}
	}
	if len(writable) == 0 {
		p.summary = redact.Sprintf("%s: there is no space left where it writes, which is no volume of a claim", l.fares(f))
		return p, true
	}
	if len(spokenOf) == 0 && !others {
		spokenOf = writable
	}
	if len(spokenOf) != 1 {
		return proof{}, false
	}
	p.root = spokenOf[0]
	p.summary = redact.Sprintf("%s: %s, to which it writes, is full", l.fares(f), l.sized(p.root))
	return p, true
}

// sized is a claim with its size, where that is known.
func (l *look) sized(claim action.Ref) redact.Text {
	o, _ := l.x.Object(claim).(*corev1.PersistentVolumeClaim)
	if o == nil {
		return refText(claim)
	}
	size, ok := o.Status.Capacity[corev1.ResourceStorage]
	if !ok {
		return refText(claim)
	}
	return redact.Sprintf("%s of %s", refText(claim), text(size.String()))
}
