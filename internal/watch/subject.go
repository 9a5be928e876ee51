package watch

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// subjectLogPods is how many pods of one workload have their logs read.
const subjectLogPods = 3

// Subject looks at one workload: the object that ref names, the controllers
// above it, all that they made, and what stands around them. An object that does
// not exist gives a snapshot that says so. An error means that nothing could be
// learnt.
func (c *Collector) Subject(ctx context.Context, ref action.Ref) (*kube.Snapshot, error) {
	g := c.gather()
	chain, err := g.climb(ctx, ref)
	if err != nil || len(chain) == 0 {
		return g.snap, err
	}
	top := chain[len(chain)-1]
	if ns := top.GetNamespace(); ns != "" {
		if err := g.below(ctx, top); err != nil {
			g.wait()
			return nil, fatal(ref, err)
		}
		g.neighbours(ctx, ns)
		g.namespace(ctx, ns)
	}
	g.wait()
	for _, obj := range chain {
		g.addOnce(obj)
	}
	g.subjectEvents(ctx, top)
	g.wait()
	failing := g.failingPods(subjectLogPods)
	if len(failing) == 0 {
		failing = g.anyPod()
	} else {
		g.workloads(ctx, top.GetNamespace()) // what stands behind the Services that it waits for
	}
	g.clusterwide(ctx)
	g.named(ctx, failing)
	g.revisions(ctx, failing)
	g.templateNames(ctx, top)
	g.logs(ctx, failing)
	g.nodesOf(ctx)
	g.do(func() { g.usageLately(ctx, top.GetNamespace(), selectorOf(top)) })
	g.wait()
	g.configs()
	return g.snap, ctx.Err()
}

// climb reads ref and the controllers above it, nearest first. It is empty
// where ref does not exist.
func (g *gather) climb(ctx context.Context, ref action.Ref) ([]metav1.Object, error) {
	obj, err := g.read(ctx, ref)
	switch {
	case apierrors.IsNotFound(err):
		g.missed(err, ref.Kind, ref.Namespace, ref.Name)
		return nil, nil
	case err != nil:
		return nil, fatal(ref, err)
	}
	chain := []metav1.Object{obj}
	for range maxClimb {
		by := controller(chain[len(chain)-1])
		if by.none() || !climbable(by.ref()) {
			break
		}
		up := by.ref()
		obj, err := g.read(ctx, up)
		if err != nil {
			g.missed(err, up.Kind, up.Namespace, up.Name)
			break
		}
		if string(obj.GetUID()) != up.UID {
			break // a later object of the same name
		}
		chain = append(chain, obj)
	}
	return chain, nil
}

// read gets one object of the kinds that a person may ask about.
func (g *gather) read(ctx context.Context, r action.Ref) (metav1.Object, error) {
	c, ns, o := g.c.cfg.Client, r.Namespace, metav1.GetOptions{}
	var (
		obj metav1.Object
		err error
	)
	switch r.Kind {
	case "Pod":
		obj, err = c.CoreV1().Pods(ns).Get(ctx, r.Name, o)
	case "Deployment":
		obj, err = c.AppsV1().Deployments(ns).Get(ctx, r.Name, o)
	case "ReplicaSet":
		obj, err = c.AppsV1().ReplicaSets(ns).Get(ctx, r.Name, o)
	case "StatefulSet":
		obj, err = c.AppsV1().StatefulSets(ns).Get(ctx, r.Name, o)
	case "DaemonSet":
		obj, err = c.AppsV1().DaemonSets(ns).Get(ctx, r.Name, o)
	case "Job":
		obj, err = c.BatchV1().Jobs(ns).Get(ctx, r.Name, o)
	case "CronJob":
		obj, err = c.BatchV1().CronJobs(ns).Get(ctx, r.Name, o)
	case "Node":
		obj, err = c.CoreV1().Nodes().Get(ctx, r.Name, o)
	case "Service":
		obj, err = c.CoreV1().Services(ns).Get(ctx, r.Name, o)
	case "Namespace":
		obj, err = c.CoreV1().Namespaces().Get(ctx, r.Name, o)
	case "PersistentVolumeClaim":
		obj, err = c.CoreV1().PersistentVolumeClaims(ns).Get(ctx, r.Name, o)
	case "Ingress":
		obj, err = c.NetworkingV1().Ingresses(ns).Get(ctx, r.Name, o)
	case "HorizontalPodAutoscaler":
		obj, err = c.AutoscalingV2().HorizontalPodAutoscalers(ns).Get(ctx, r.Name, o)
	case "PodDisruptionBudget":
		obj, err = c.PolicyV1().PodDisruptionBudgets(ns).Get(ctx, r.Name, o)
	default:
		return nil, fmt.Errorf("objects of kind %q cannot be looked at", r.Kind)
	}
	if err != nil {
		return nil, err
	}
	g.scrub(obj)
	return obj, nil
}

// below lists what top made. Only a failure to list pods is an error.
func (g *gather) below(ctx context.Context, top metav1.Object) error {
	ns, selector := top.GetNamespace(), selectorOf(top)
	switch o := top.(type) {
	case *appsv1.Deployment:
		listInto(ctx, g, "ReplicaSet", g.c.cfg.Client.AppsV1().ReplicaSets(ns).List, metav1.ListOptions{LabelSelector: selector},
			func(l *appsv1.ReplicaSetList) []appsv1.ReplicaSet { return l.Items },
			func(s *kube.Snapshot) *[]*appsv1.ReplicaSet { return &s.ReplicaSets })
	case *batchv1.CronJob:
		jobs, err := g.jobsOf(ctx, o)
		if err != nil {
			g.missed(err, "Job", ns, "")
			return nil
		}
		selector = "batch.kubernetes.io/job-name in (" + strings.Join(jobs, ",") + ")"
		if len(jobs) == 0 {
			return nil
		}
	case *corev1.Service, *networkingv1.Ingress, *autoscalingv2.HorizontalPodAutoscaler, *policyv1.PodDisruptionBudget, *corev1.PersistentVolumeClaim:
		// What it selects, and what it could mean, only all of them tell.
		g.workloads(ctx, ns)
		g.nodes(ctx)
		return g.pods(ctx, ns, "")
	}
	if selector == "" {
		return nil
	}
	return g.pods(ctx, ns, selector)
}

// jobsOf reads the Jobs of a CronJob and returns the names of the youngest.
func (g *gather) jobsOf(ctx context.Context, cron *batchv1.CronJob) ([]string, error) {
	all, err := listAll(ctx, g.c.cfg.Client.BatchV1().Jobs(cron.Namespace).List, metav1.ListOptions{},
		func(l *batchv1.JobList) []batchv1.Job { return l.Items })
	if err != nil {
		return nil, err
	}
	mine := []*batchv1.Job{}
	for i := range all {
		if c := metav1.GetControllerOf(&all[i]); c != nil && c.UID == cron.UID {
			g.scrub(&all[i])
			mine = append(mine, &all[i])
		}
	}
	g.add(func(s *kube.Snapshot) { s.Jobs = mine })
	var names []string
	for _, j := range youngest(mine, 3) {
		names = append(names, j.Name)
	}
	return names, nil
}

// selectorOf is the label selector of a workload's pods; empty where it has
// none or it cannot be read.
func selectorOf(obj metav1.Object) string {
	var sel *metav1.LabelSelector
	switch o := obj.(type) {
	case *appsv1.Deployment:
		sel = o.Spec.Selector
	case *appsv1.ReplicaSet:
		sel = o.Spec.Selector
	case *appsv1.StatefulSet:
		sel = o.Spec.Selector
	case *appsv1.DaemonSet:
		sel = o.Spec.Selector
	case *batchv1.Job:
		sel = o.Spec.Selector
	}
	if sel == nil {
		return ""
	}
	s, err := metav1.LabelSelectorAsSelector(sel)
	if err != nil {
		return ""
	}
	return s.String()
}

// addOnce puts a singly read object into the snapshot unless a list brought it.
func (g *gather) addOnce(obj metav1.Object) {
	g.add(func(s *kube.Snapshot) {
		switch o := obj.(type) {
		case *corev1.Pod:
			s.Pods = appendNew(s.Pods, o)
		case *appsv1.Deployment:
			s.Deployments = appendNew(s.Deployments, o)
		case *appsv1.ReplicaSet:
			s.ReplicaSets = appendNew(s.ReplicaSets, o)
		case *appsv1.StatefulSet:
			s.StatefulSets = appendNew(s.StatefulSets, o)
		case *appsv1.DaemonSet:
			s.DaemonSets = appendNew(s.DaemonSets, o)
		case *batchv1.Job:
			s.Jobs = appendNew(s.Jobs, o)
		case *batchv1.CronJob:
			s.CronJobs = appendNew(s.CronJobs, o)
		case *corev1.Node:
			s.Nodes = appendNew(s.Nodes, o)
		case *corev1.Service:
			s.Services = appendNew(s.Services, o)
		case *corev1.PersistentVolumeClaim:
			s.Claims = appendNew(s.Claims, o)
		}
	})
}

func appendNew[T metav1.Object](list []T, obj T) []T {
	for _, o := range list {
		if o.GetUID() == obj.GetUID() {
			return list
		}
	}
	return append(list, obj)
}
