package watch

import (
	"cmp"
	"context"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// maxNamed bounds how many objects that pod specs and Ingresses name are looked
// up.
const maxNamed = 200

// named looks up what the specs of failing pods name, and Ingresses. Of ConfigMaps
// it keeps the keys, of Secrets the existence, and that only where the Collector
// may ask.
func (g *gather) named(ctx context.Context, failing []telling) {
	want := map[action.Ref]bool{}
	for _, t := range failing {
		namedBy(want, t.pod.Namespace, &t.pod.Spec)
	}
	namedByIngresses(want, g.snap)
	g.lookUp(ctx, want)
}

// templateNames does the same for a workload that has no pod to look at.
func (g *gather) templateNames(ctx context.Context, top metav1.Object) {
	var spec *corev1.PodSpec
	switch o := top.(type) {
	case *appsv1.Deployment:
		spec = &o.Spec.Template.Spec
	case *appsv1.ReplicaSet:
		spec = &o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		spec = &o.Spec.Template.Spec
	case *appsv1.DaemonSet:
		spec = &o.Spec.Template.Spec
	case *batchv1.Job:
		spec = &o.Spec.Template.Spec
	}
	if spec == nil || len(g.snap.Pods) > 0 {
		return
	}
	want := map[action.Ref]bool{}
	namedBy(want, top.GetNamespace(), spec)
	g.lookUp(ctx, want)
}

// namedBy collects the objects of its namespace that a pod spec names.
func namedBy(want map[action.Ref]bool, ns string, spec *corev1.PodSpec) {
	add := func(kind, name string) {
		if name != "" && len(want) < maxNamed {
			want[kube.Key(kind, ns, name)] = true
		}
	}
	add("ServiceAccount", cmp.Or(spec.ServiceAccountName, "default"))
	for _, s := range spec.ImagePullSecrets {
		add("Secret", s.Name)
	}
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			namedByEnv(add, &list[i])
		}
	}
	for i := range spec.Volumes {
		namedByVolume(add, &spec.Volumes[i])
	}
}

func namedByEnv(add func(kind, name string), c *corev1.Container) {
	for _, e := range c.EnvFrom {
		if e.ConfigMapRef != nil {
			add("ConfigMap", e.ConfigMapRef.Name)
		}
		if e.SecretRef != nil {
			add("Secret", e.SecretRef.Name)
		}
	}
	for _, e := range c.Env {
		switch v := e.ValueFrom; {
		case v == nil:
		case v.ConfigMapKeyRef != nil:
			add("ConfigMap", v.ConfigMapKeyRef.Name)
		case v.SecretKeyRef != nil:
			add("Secret", v.SecretKeyRef.Name)
		}
	}
}

func namedByVolume(add func(kind, name string), v *corev1.Volume) {
	switch {
	case v.ConfigMap != nil:
		add("ConfigMap", v.ConfigMap.Name)
	case v.Secret != nil:
		add("Secret", v.Secret.SecretName)
	case v.PersistentVolumeClaim != nil:
		add("PersistentVolumeClaim", v.PersistentVolumeClaim.ClaimName)
	case v.Projected != nil:
		for _, s := range v.Projected.Sources {
			if s.ConfigMap != nil {
				add("ConfigMap", s.ConfigMap.Name)
			}
			if s.Secret != nil {
				add("Secret", s.Secret.Name)
			}
		}
	}
}

// namedByIngresses collects the Secrets with certificates that Ingresses name, and
// the Services that they lead to and that no list brought: an answer about one
// object proves what a list that failed does not.
func namedByIngresses(want map[action.Ref]bool, s *kube.Snapshot) {
	have := map[action.Ref]bool{}
	for _, svc := range s.Services {
		have[kube.Key("Service", svc.Namespace, svc.Name)] = true
	}
	add := func(kind, ns, name string) {
		if r := kube.Key(kind, ns, name); name != "" && !have[r] && len(want) < maxNamed {
			want[r] = true
		}
	}
	for _, ing := range s.Ingresses {
		leadsTo := func(b *networkingv1.IngressBackend) {
			if b != nil && b.Service != nil {
				add("Service", ing.Namespace, b.Service.Name)
			}
		}
		leadsTo(ing.Spec.DefaultBackend)
		for i := range ing.Spec.Rules {
			if http := ing.Spec.Rules[i].HTTP; http != nil {
				for j := range http.Paths {
					leadsTo(&http.Paths[j].Backend)
				}
			}
		}
		for i := range ing.Spec.TLS {
			add("Secret", ing.Namespace, ing.Spec.TLS[i].SecretName)
		}
	}
}

func (g *gather) lookUp(ctx context.Context, want map[action.Ref]bool) {
	core := g.c.cfg.Client.CoreV1()
	g.add(func(s *kube.Snapshot) { // looked at, whatever comes
		if s.ConfigMaps == nil {
			s.ConfigMaps = []kube.Keys{}
		}
		if s.Secrets == nil && g.c.cfg.Secrets {
			s.Secrets = []kube.Keys{}
		}
	})
	for _, r := range slices.SortedFunc(maps.Keys(want), func(a, b action.Ref) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	}) {
		switch r.Kind {
		case "ConfigMap":
			g.do(func() { g.configMap(ctx, r) })
		case "Secret":
			if g.c.cfg.Secrets {
				g.do(func() { g.secret(ctx, r) })
			}
		case "Service":
			g.do(func() {
				if o, ok := get(ctx, g, core.Services(r.Namespace), r.Kind, r.Namespace, r.Name); ok {
					g.addOnce(o)
				}
			})
		case "ServiceAccount":
			g.do(func() {
				if o, ok := get(ctx, g, core.ServiceAccounts(r.Namespace), r.Kind, r.Namespace, r.Name); ok {
					g.add(func(s *kube.Snapshot) { s.ServiceAccounts = append(s.ServiceAccounts, o) })
				}
			})
		case "PersistentVolumeClaim":
			g.do(func() {
				if o, ok := get(ctx, g, core.PersistentVolumeClaims(r.Namespace), r.Kind, r.Namespace, r.Name); ok {
					g.addOnce(o)
				}
			})
		}
	}
}

// configMap keeps a ConfigMap's keys, and its text until the look ends.
func (g *gather) configMap(ctx context.Context, r action.Ref) {
	o, err := g.c.cfg.Client.CoreV1().ConfigMaps(r.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
	if err != nil {
		g.missed(err, r.Kind, r.Namespace, r.Name)
		return
	}
	keys := append(slices.Collect(maps.Keys(o.Data)), slices.Collect(maps.Keys(o.BinaryData))...)
	slices.Sort(keys)
	if keys == nil {
		keys = []string{} // looked at: it has none
	}
	r.UID = string(o.UID)
	g.keepText(r, o)
	g.add(func(s *kube.Snapshot) {
		s.ConfigMaps = append(s.ConfigMaps, kube.Keys{Ref: r, Keys: keys, Changed: kube.ChangedAt(o), Created: o.CreationTimestamp.Time, Writes: kube.Writes(o)})
	})
}

// secret asks for metadata, so that the values never travel.
func (g *gather) secret(ctx context.Context, r action.Ref) {
	o, err := g.c.cfg.Metadata.Resource(corev1.SchemeGroupVersion.WithResource("secrets")).
		Namespace(r.Namespace).Get(ctx, r.Name, metav1.GetOptions{})
	if err != nil {
		g.missed(err, r.Kind, r.Namespace, r.Name)
		return
	}
	r.UID = string(o.UID)
	g.add(func(s *kube.Snapshot) {
		s.Secrets = append(s.Secrets, kube.Keys{Ref: r, Changed: kube.ChangedAt(o), Created: o.CreationTimestamp.Time, Writes: kube.Writes(o)})
	})
}
