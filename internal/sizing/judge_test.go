package sizing

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWhatIsFoundInUseAgainstRequestsAndLimits(t *testing.T) {
	for name, c := range map[string]struct {
		cpu, memory         string // asked
		samples             int
		usedCPU, usedMemory string
		want                string
	}{
		"all is well":                                   {"100m/200m", "64Mi/128Mi", 4, "70m", "60Mi", ""},
		"memory at 89 percent is not near":              {"100m/200m", "100Mi/100Mi", 4, "70m", "89Mi", ""},
		"memory at 90 percent is near":                  {"100m/200m", "100Mi/100Mi", 4, "70m", "90Mi", "memory-near-limit"},
		"one look warns of memory as well":              {"100m/200m", "100Mi/100Mi", 1, "70m", "97Mi", "memory-near-limit"},
		"processor at its limit":                        {"100m/200m", "64Mi/128Mi", 4, "191m", "60Mi", "cpu-at-limit"},
		"processor at 94 percent has something left":    {"200m/200m", "64Mi/128Mi", 4, "189m", "60Mi", ""},
		"no memory limit":                               {"100m/200m", "64Mi/", 4, "70m", "60Mi", "memory-unlimited"},
		"no processor limit is no fault":                {"100m/", "64Mi/128Mi", 4, "70m", "60Mi", ""},
		"memory request far above use":                  {"100m/200m", "512Mi/512Mi", 4, "70m", "20Mi", "request-above-use"},
		"processor request far above use":               {"1/2", "64Mi/128Mi", 4, "20m", "60Mi", "request-above-use"},
		"memory request far below use":                  {"100m/200m", "16Mi/512Mi", 4, "70m", "200Mi", "request-below-use"},
		"memory used and none requested, no limit":      {"100m/200m", "/", 4, "70m", "200Mi", "request-below-use memory-unlimited"},
		"processor used and hardly requested":           {"10m/2", "64Mi/128Mi", 4, "900m", "60Mi", "request-below-use"},
		"a small container that asks for a little more": {"20m/200m", "32Mi/64Mi", 4, "1m", "2Mi", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, asked(c.cpu, c.memory)).uses(c.samples, c.usedCPU, c.usedMemory)
			if got := codes(Judge(w.Snapshot, allowed())); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// The example of the requirement: memory at 95 % of its limit while the
// autoscaler looks at the processor.
func TestMemoryNearItsLimitWhileTheAutoscalerLooksAtTheProcessorIsSaidAndAChangeProposed(t *testing.T) {
	w := newWorld(3, asked("100m/200m", "128Mi/256Mi")).uses(4, "70m", "200Mi")
	w.sample("web-1-1", 1, "70m", "244Mi")
	w.Usage[len(w.Usage)-1].At = noon.Add(-5 * time.Second)
	w.scaledOn(2, 10, 3, utilizationOf(corev1.ResourceCPU, 80))
	f := one(t, Judge(w.Snapshot, allowed()), MemoryUnscaled)
	if f.Danger != Critical {
		t.Errorf("danger %s", f.Danger)
	}
	want := "container app uses 244Mi of its memory limit of 256Mi (95 %, most in pod web-1-1), and HorizontalPodAutoscaler/web scales on cpu: it adds no replica before the kernel kills the container"
	if f.Summary.String() != want {
		t.Errorf("said: %s", f.Summary)
	}
	if f.Change == nil {
		t.Fatalf("no change is proposed: %s", f.Instead)
	}
	p := f.Change.Params.SetResources
	if p.FromMemoryLimit != "256Mi" || p.ToMemoryLimit != "384Mi" || p.ToMemoryRequest != "" || f.Change.Target.UID != string(w.deployment.UID) {
		t.Errorf("proposed %+v of %+v", *p, f.Change.Target)
	}
	if inverse, ok := f.Change.Inverse(); !ok || inverse.Params.SetResources.ToMemoryLimit != "256Mi" {
		t.Errorf("the change has no inverse: %+v", inverse)
	}
	if got := f.Basis.Words().String(); got != "5 samples over 1m0s" {
		t.Errorf("rests on %s", got)
	}
	w.Autoscalers[0].Spec.Metrics = append(w.Autoscalers[0].Spec.Metrics, utilizationOf(corev1.ResourceMemory, 80))
	one(t, Judge(w.Snapshot, allowed()), MemoryNearLimit)
}

func TestWhatMayNotBeChangedIsAdviceWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		samples int
		change  func(*world, *Bounds)
		want    string
	}{
		"one look":               {1, func(*world, *Bounds) {}, "one look proposes nothing"},
		"two samples":            {2, func(*world, *Bounds) {}, "one look proposes nothing"},
		"no bounds at all":       {4, func(_ *world, b *Bounds) { *b = Bounds{} }, "not enabled"},
		"the kind is off":        {4, func(_ *world, b *Bounds) { b.Enabled = func(string) bool { return false } }, "not enabled"},
		"a protected namespace":  {4, func(_ *world, b *Bounds) { b.Protected = []string{"shop"} }, "is protected"},
		"protected by its label": {4, func(w *world, _ *Bounds) { w.Namespaces[0].Labels = map[string]string{protectedLabel: "true"} }, "is protected"},
		"too many pods at once":  {4, func(_ *world, b *Bounds) { b.MaxPods = 1 }, "replaces 2 pods at once, 1 are allowed"},
		"GitOps": {4, func(w *world, _ *Bounds) {
			w.deployment.Labels = map[string]string{"argocd.argoproj.io/instance": "shop"}
		}, "managed by Argo CD application shop"},
		"a limit of somebody else": {4, func(w *world, _ *Bounds) { w.deployment.Spec.Template.Spec.Containers[0].Resources.Limits = nil }, "not that of the Deployment's template"},
		"beyond the bound": {4, func(w *world, _ *Bounds) {
			huge := asked("100m/200m", "3Gi/3Gi")
			w.deployment.Spec.Template.Spec.Containers[0].Resources = huge
			for i, p := range w.Pods {
				p.Spec.Containers[0].Resources = huge
				for n := range w.Usage[i*4 : i*4+4] {
					w.Usage[i*4+n].Memory = 3000 * mebi
				}
			}
		}, "more than one step may give"},
	} {
		t.Run(name, func(t *testing.T) {
			w, b := newWorld(2, asked("100m/200m", "100Mi/100Mi")).uses(c.samples, "70m", "95Mi"), allowed()
			c.change(&w, &b)
			f := one(t, Judge(w.Snapshot, b), MemoryNearLimit)
			if f.Change != nil || !strings.Contains(f.Instead.String(), c.want) {
				t.Errorf("change %v, instead %q, want %q", f.Change, f.Instead, c.want)
			}
			if len(f.Advice) == 0 || !strings.Contains(f.Advice[0].String(), "kubectl set resources Deployment/web -c app --limits=memory=") {
				t.Errorf("advice: %v", f.Advice)
			}
		})
	}
}

func TestMemoryIsLoweredOnlyAfterALongLookAndByAStepThatAnotherTakesBack(t *testing.T) {
	short := newWorld(2, asked("100m/200m", "1Gi/1Gi")).uses(4, "70m", "100Mi")
	f := one(t, Judge(short.Snapshot, allowed()), RequestTooHigh)
	if f.Change != nil || strings.Contains(f.Advice[0].String(), "memory=") || !strings.Contains(f.Advice[0].String(), "--watch 10m") {
		t.Errorf("four samples: change %v, advice %v", f.Change, f.Advice)
	}
	long := newWorld(2, asked("100m/200m", "1Gi/1Gi")).uses(41, "70m", "100Mi")
	f = one(t, Judge(long.Snapshot, allowed()), RequestTooHigh)
	if f.Change == nil {
		t.Fatalf("no change is proposed: %s", f.Instead)
	}
	p := f.Change.Params.SetResources
	if p.ToMemoryLimit != "512Mi" || p.ToMemoryRequest != "512Mi" || f.Saving.Memory != 2*(1024-160)*mebi {
		t.Errorf("proposed %+v, saving %v", *p, f.Saving)
	}
	if _, ok := f.Change.Inverse(); !ok {
		t.Error("the change cannot be taken back")
	}
	apart := newWorld(2, asked("100m/200m", "1Gi/2Gi")).uses(41, "70m", "100Mi")
	f = one(t, Judge(apart.Snapshot, allowed()), RequestTooHigh)
	if f.Change != nil || !strings.Contains(f.Advice[0].String(), "--requests=memory=160Mi") {
		t.Errorf("a request of its own: change %v, advice %v", f.Change, f.Advice)
	}
	scaled := newWorld(2, asked("100m/200m", "1Gi/1Gi")).uses(41, "70m", "100Mi")
	scaled.scaledOn(1, 10, 2, utilizationOf(corev1.ResourceMemory, 80))
	f = one(t, Judge(scaled.Snapshot, allowed()), RequestTooHigh)
	if f.Change != nil || !strings.Contains(f.Instead.String(), "measures against this request") {
		t.Errorf("an autoscaler measures against the request: change %v, instead %s", f.Change, f.Instead)
	}
}

func TestWhatAutoscalersCannotDo(t *testing.T) {
	for name, c := range map[string]struct {
		ask    string
		change func(world)
		want   string
	}{
		"works":                   {"100m/200m", func(w world) { w.scaledOn(1, 5, 2, utilizationOf(corev1.ResourceCPU, 80)) }, ""},
		"minimum is maximum":      {"100m/200m", func(w world) { w.scaledOn(3, 3, 3, utilizationOf(corev1.ResourceCPU, 80)) }, "autoscaler-constant"},
		"at rest at its maximum":  {"100m/200m", func(w world) { w.scaledOn(1, 2, 2, utilizationOf(corev1.ResourceCPU, 80)) }, ""},
		"no request to measure":   {"/", func(w world) { w.scaledOn(1, 5, 2, utilizationOf(corev1.ResourceCPU, 80)) }, "autoscaler-without-request"},
		"a limit stands in":       {"/200m", func(w world) { w.scaledOn(1, 5, 2, utilizationOf(corev1.ResourceCPU, 80)) }, ""},
		"an average needs none":   {"/", func(w world) { w.scaledOn(1, 5, 2, averageOf("50m")) }, ""},
		"no metrics: the default": {"/", func(w world) { w.scaledOn(1, 5, 2) }, "autoscaler-without-request"},
		"over its target": {"100m/200m", func(w world) {
			h := w.scaledOn(1, 2, 2, utilizationOf(corev1.ResourceCPU, 50))
			h.Status.CurrentMetrics = []autoscalingv2.MetricStatus{currentOf(corev1.ResourceCPU, 120)}
		}, "autoscaler-at-maximum"},
		"within tolerance": {"100m/200m", func(w world) {
			h := w.scaledOn(1, 2, 2, utilizationOf(corev1.ResourceCPU, 50))
			h.Status.CurrentMetrics = []autoscalingv2.MetricStatus{currentOf(corev1.ResourceCPU, 55)}
		}, ""},
		"said by the controller": {"100m/200m", func(w world) {
			h := w.scaledOn(1, 2, 2, utilizationOf(corev1.ResourceCPU, 50))
			h.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{{
				Type: autoscalingv2.ScalingLimited, Status: corev1.ConditionTrue, Reason: "TooManyReplicas"}}
		}, "autoscaler-at-maximum"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(2, asked(c.ask, "64Mi/128Mi")).uses(4, "70m", "60Mi")
			c.change(w)
			if got := codes(Judge(w.Snapshot, allowed())); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
	w := newWorld(2, asked("100m/200m", "64Mi/128Mi")).uses(4, "70m", "60Mi")
	h := w.scaledOn(1, 2, 2, utilizationOf(corev1.ResourceCPU, 50))
	h.Status.CurrentMetrics = []autoscalingv2.MetricStatus{currentOf(corev1.ResourceCPU, 120)}
	f := one(t, Judge(w.Snapshot, allowed()), AutoscalerAtMost)
	if !strings.Contains(f.Advice[0].String(), "about 5 replicas") || f.Object.Kind != "HorizontalPodAutoscaler" || f.Workload.Name != "web" {
		t.Errorf("advice %v about %s of %s", f.Advice, f.Object, f.Workload)
	}
}

func averageOf(amount string) autoscalingv2.MetricSpec {
	q := resource.MustParse(amount)
	m := utilizationOf(corev1.ResourceCPU, 0)
	m.Resource.Target = autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: &q}
	return m
}

func currentOf(name corev1.ResourceName, percent int32) autoscalingv2.MetricStatus {
	return autoscalingv2.MetricStatus{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricStatus{
		Name: name, Current: autoscalingv2.MetricValueStatus{AverageUtilization: &percent}}}
}

func TestReplicasThatWaitAreIdle(t *testing.T) {
	w := newWorld(3, asked("20m/", "16Mi/64Mi")).uses(41, "1m", "2Mi")
	f := one(t, Judge(w.Snapshot, allowed()), ReplicasIdle)
	if f.Saving != (Saving{CPUMilli: 40, Memory: 32 * mebi}) || !strings.Contains(f.Advice[0].String(), "kubectl scale Deployment/web --replicas=1") {
		t.Errorf("saving %+v, advice %v", f.Saving, f.Advice)
	}
	w.scaledOn(3, 9, 3, utilizationOf(corev1.ResourceCPU, 80))
	if f = one(t, Judge(w.Snapshot, allowed()), ReplicasIdle); !strings.Contains(f.Advice[0].String(), "minReplicas") {
		t.Errorf("advice %v", f.Advice)
	}
	w = newWorld(3, asked("20m/", "16Mi/64Mi")).uses(1, "1m", "2Mi")
	if f = one(t, Judge(w.Snapshot, allowed()), ReplicasIdle); !strings.Contains(f.Advice[0].String(), "--watch 10m") {
		t.Errorf("one look advises %v", f.Advice)
	}
	for name, change := range map[string]func(world){
		"one replica":          func(w world) { w.Pods = w.Pods[:1] },
		"one of them worked":   func(w world) { w.Usage[2].CPUMilli = 40 },
		"they hold memory":     func(w world) { w.Usage[9].Memory = 40 * mebi },
		"one without a sample": func(w world) { w.Usage = w.Usage[41:] },
	} {
		w := newWorld(3, asked("20m/", "16Mi/64Mi")).uses(41, "1m", "2Mi")
		change(w)
		if got := codes(Judge(w.Snapshot, allowed())); got != "" {
			t.Errorf("%s: found %s", name, got)
		}
	}
}

func TestWhatANamespaceCouldGiveBackCountsNothingTwice(t *testing.T) {
	w := newWorld(3, asked("200m/", "128Mi/128Mi")).uses(41, "0", "1Mi")
	r := Judge(w.Snapshot, allowed())
	one(t, r, ReplicasIdle)
	want := []NamespaceSaving{{"shop", Saving{CPUMilli: 3 * 190, Memory: 3 * 120 * mebi}}}
	if got := r.Namespaces(); len(got) != 1 || got[0] != want[0] {
		t.Errorf("could give back %+v, want %+v", got, want)
	}
}

func claim(name string, change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))}}
	c.Status.Phase = corev1.ClaimBound
	c.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("20Gi")}
	if change != nil {
		change(c)
	}
	return c
}

func volume(name string) corev1.Volume {
	return corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}}
}

func TestAClaimThatNobodyUsesIsFound(t *testing.T) {
	yes, none := true, int32(0)
	for name, c := range map[string]struct {
		change func(world)
		want   string
	}{
		"nobody names it": {func(w world) { w.Snapshot.Claims = append(w.Claims, claim("left", nil)) }, "claim-unused"},
		"a pod mounts it": {func(w world) {
			w.Pods[0].Spec.Volumes = []corev1.Volume{volume("left")}
			w.Snapshot.Claims = append(w.Claims, claim("left", nil))
		}, ""},
		"a workload at rest names it": {func(w world) {
			w.deployment.Spec.Replicas = &none
			w.deployment.Spec.Template.Spec.Volumes = []corev1.Volume{volume("left")}
			w.Snapshot.Claims = append(w.Claims, claim("left", nil))
		}, ""},
		"it is minutes old": {func(w world) {
			w.Snapshot.Claims = append(w.Claims, claim("left", func(c *corev1.PersistentVolumeClaim) { c.CreationTimestamp = metav1.NewTime(noon.Add(-time.Minute)) }))
		}, ""},
		"a pod owns it and will take it away": {func(w world) {
			w.Snapshot.Claims = append(w.Claims, claim("left", func(c *corev1.PersistentVolumeClaim) {
				c.OwnerReferences = []metav1.OwnerReference{{Kind: "Pod", Name: "x", Controller: &yes}}
			}))
		}, ""},
		"it was never bound": {func(w world) {
			w.Snapshot.Claims = append(w.Claims, claim("left", func(c *corev1.PersistentVolumeClaim) { c.Status.Phase = corev1.ClaimPending }))
		}, ""},
		"it is going": {func(w world) {
			w.Snapshot.Claims = append(w.Claims, claim("left", func(c *corev1.PersistentVolumeClaim) { now := metav1.NewTime(noon); c.DeletionTimestamp = &now }))
		}, ""},
		"workloads could not be read": {func(w world) { w.Snapshot.CronJobs = nil; w.Snapshot.Claims = append(w.Claims, claim("left", nil)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(1, asked("100m/200m", "64Mi/128Mi")).uses(4, "70m", "60Mi")
			c.change(w)
			r := Judge(w.Snapshot, allowed())
			if got := codes(r); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			if blind := w.CronJobs == nil; blind != (len(r.Blind) > 0) {
				t.Errorf("says that it is blind: %v", r.Blind)
			}
		})
	}
	w := newWorld(1, asked("100m/200m", "64Mi/128Mi")).uses(4, "70m", "60Mi")
	w.Snapshot.StatefulSets = []*appsv1.StatefulSet{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}, Spec: appsv1.StatefulSetSpec{
		VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}}}}
	w.Snapshot.Claims = append(w.Claims, claim("data-db-2", nil))
	r := Judge(w.Snapshot, allowed())
	if f := one(t, r, ClaimUnused); !strings.Contains(f.Summary.String(), "StatefulSet/db left it") || f.Saving.Storage != 20*gibi {
		t.Errorf("said %s, saving %+v", f.Summary, f.Saving)
	}
	if n := r.Namespaces(); len(n) != 1 || n[0].Namespace != "shop" || n[0].Saving.Storage != 20*gibi {
		t.Errorf("by namespace: %+v", n)
	}
}

func TestTheMostDangerousComesFirstThenWhatSavesMost(t *testing.T) {
	w := newWorld(2, asked("2/2", "100Mi/100Mi")).uses(4, "20m", "99Mi")
	w.Snapshot.Claims = append(w.Claims, claim("left", nil))
	w.scaledOn(2, 2, 2, utilizationOf(corev1.ResourceCPU, 80))
	want := "memory-near-limit-unscaled request-above-use claim-unused autoscaler-constant"
	if got := codes(Judge(w.Snapshot, allowed())); got != want {
		t.Errorf("order %s, want %s", got, want)
	}
}

func TestSamplesOfAnEarlierPodAndOfAnOlderRevisionDoNotCount(t *testing.T) {
	w := newWorld(2, asked("100m/200m", "64Mi/128Mi")).uses(4, "70m", "60Mi")
	w.sample("web-1-0", 1, "70m", "127Mi")
	w.Usage[len(w.Usage)-1].At = noon.Add(-2 * time.Hour)
	if got := codes(Judge(w.Snapshot, allowed())); got != "" {
		t.Errorf("an earlier pod's sample: found %s", got)
	}
	w.Pods[1].CreationTimestamp = metav1.NewTime(noon.Add(-2 * time.Hour))
	w.Pods[1].Spec.Containers[0].Resources = asked("100m/200m", "64Mi/64Mi")
	r := Judge(w.Snapshot, allowed())
	if got := codes(r); got != "" || r.Uses[0].Pods != 1 {
		t.Errorf("an older revision's pod: found %s of %d pods", got, r.Uses[0].Pods)
	}
}

func TestUseIsTheMostOfMemoryAndThe95thPercentileOfTheProcessor(t *testing.T) {
	w := newWorld(2, asked("100m/1", "64Mi/128Mi")).uses(20, "70m", "60Mi")
	w.Usage[3].CPUMilli, w.Usage[5].Memory = 900, 80*mebi
	u := Judge(w.Snapshot, allowed()).Uses[0]
	if u.CPU.Used != 70 || u.Memory.Used != 80*mebi || u.Pods != 2 || u.Basis != (Basis{Samples: 20, Span: 5 * time.Minute}) {
		t.Errorf("%+v", u)
	}
}
