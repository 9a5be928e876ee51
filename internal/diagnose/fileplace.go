package diagnose

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// place is where a path of a container lies.
type place struct {
	mount  *corev1.VolumeMount // nil: the container's own file system
	volume *corev1.Volume
	file   string // the path inside the volume
}

// placeOf finds the mount that holds file: the one with the longest path.
func (f fault) placeOf(file string) place {
	file = path.Clean(file)
	var best place
	if f.container == nil || f.pod == nil || !path.IsAbs(file) {
		return best
	}
	longest := -1
	for i := range f.container.VolumeMounts {
		m := &f.container.VolumeMounts[i]
		at := path.Clean(m.MountPath)
		if file != at && !strings.HasPrefix(file, strings.TrimSuffix(at, "/")+"/") || len(at) <= longest {
			continue
		}
		longest = len(at)
		best = place{mount: m, volume: volumeNamed(f.pod, m.Name), file: path.Join(m.SubPath, strings.TrimPrefix(file, at))}
	}
	best.file = strings.TrimPrefix(best.file, "/")
	return best
}

func volumeNamed(pod *corev1.Pod, name string) *corev1.Volume {
	for i := range pod.Spec.Volumes {
		if pod.Spec.Volumes[i].Name == name {
			return &pod.Spec.Volumes[i]
		}
	}
	return nil
}

// readOnly reports whether the mount refuses all writes. Volumes of ConfigMaps,
// Secrets and the like always do.
func (p place) readOnly() bool {
	return p.mount != nil && (p.mount.ReadOnly || p.volume != nil && (p.volume.ConfigMap != nil || p.volume.Secret != nil ||
		p.volume.Projected != nil || p.volume.DownwardAPI != nil ||
		p.volume.PersistentVolumeClaim != nil && p.volume.PersistentVolumeClaim.ReadOnly))
}

// claimAt is the PersistentVolumeClaim behind the place; an ephemeral volume's
// claim is named after pod and volume.
func (l *look) claimAt(f fault, p place) (action.Ref, bool) {
	name := ""
	switch {
	case p.volume == nil:
		return action.Ref{}, false
	case p.volume.PersistentVolumeClaim != nil:
		name = p.volume.PersistentVolumeClaim.ClaimName
	case p.volume.Ephemeral != nil:
		name = f.pod.Name + "-" + p.volume.Name
	default:
		return action.Ref{}, false
	}
	ref := kube.Key("PersistentVolumeClaim", f.pod.Namespace, name)
	if o := l.x.Object(ref); o != nil {
		ref = kube.RefOf(o)
	}
	return ref, true
}

// source is a key of a ConfigMap or Secret.
type source struct{ kind, name, key string }

// sourceOf is what a file of a container comes from; ok is false where it comes
// from elsewhere or that is not certain.
func (l *look) sourceOf(f fault, file string) (s source, ok bool) {
	p := f.placeOf(file)
	if p.volume == nil || p.mount.SubPathExpr != "" {
		return source{}, false
	}
	// The kubelet links each file to ..data/ and that to a directory with a time.
	rel := p.file
	if first, rest, deeper := strings.Cut(rel, "/"); deeper && strings.HasPrefix(first, "..") {
		rel = rest
	}
	switch v := p.volume; {
	case v.ConfigMap != nil:
		return l.keyAt(source{kind: "ConfigMap", name: v.ConfigMap.Name}, f.pod.Namespace, v.ConfigMap.Items, rel, false)
	case v.Secret != nil:
		return l.keyAt(source{kind: "Secret", name: v.Secret.SecretName}, f.pod.Namespace, v.Secret.Items, rel, false)
	case v.Projected != nil:
		return l.projected(f.pod.Namespace, v.Projected.Sources, rel)
	}
	return source{}, false
}

// projected finds the source of a file among several. Of two with one path the
// later wins.
func (l *look) projected(namespace string, sources []corev1.VolumeProjection, file string) (s source, ok bool) {
	several := len(sources) > 1
	for i := len(sources) - 1; i >= 0; i-- {
		if m := sources[i].ConfigMap; m != nil {
			if s, ok = l.keyAt(source{kind: "ConfigMap", name: m.Name}, namespace, m.Items, file, several); ok {
				return s, true
			}
		}
		if m := sources[i].Secret; m != nil {
			if s, ok = l.keyAt(source{kind: "Secret", name: m.Name}, namespace, m.Items, file, several); ok {
				return s, true
			}
		}
	}
	return source{}, false
}

// keyAt finds the key of from that is mounted as file. Without items every key
// is a file of its own name; where keys must be known, an object of which they
// are not does not count.
func (l *look) keyAt(from source, namespace string, items []corev1.KeyToPath, file string, known bool) (source, bool) {
	for _, i := range items {
		if path.Clean(i.Path) == file {
			from.key = i.Key
			return from, true
		}
	}
	if len(items) > 0 || file == "" || strings.Contains(file, "/") {
		return source{}, false
	}
	from.key = file
	list := l.x.ConfigMaps
	if from.kind == "Secret" {
		list = l.x.Secrets
	}
	have, found := kube.FindKeys(list, namespace, from.name)
	if !found || have.Keys == nil {
		return from, !known
	}
	return from, slices.Contains(have.Keys, file)
}

// sourceRef is the object that a file comes from.
func (l *look) sourceRef(namespace string, s source) action.Ref {
	list := l.x.ConfigMaps
	if s.kind == "Secret" {
		list = l.x.Secrets
	}
	if have, found := kube.FindKeys(list, namespace, s.name); found {
		return have.Ref
	}
	return kube.Key(s.kind, namespace, s.name)
}
