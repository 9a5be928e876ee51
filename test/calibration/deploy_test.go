package calibration

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// deploy makes what the trials need and the trials; those with a revision before
// go through it.
func (b *bench) deploy(ctx context.Context, ns string, trials []trial) error {
	for i := range trials {
		if err := b.makeConfig(ctx, ns, &trials[i]); err != nil {
			return err
		}
	}
	var later []trial
	for _, tr := range trials {
		p := tr.Pod
		if tr.Before != nil {
			p, later = *tr.Before, append(later, tr)
		}
		if err := b.makeWorkload(ctx, ns, tr, p.spec()); err != nil {
			return fmt.Errorf("make %s/%s: %w", tr.Kind, tr.Name, err)
		}
	}
	for _, tr := range later {
		if err := b.rollOut(ctx, ns, tr); err != nil {
			return fmt.Errorf("roll out %s/%s: %w", tr.Kind, tr.Name, err)
		}
	}
	return nil
}

// rollOut changes a Deployment that has become available.
func (b *bench) rollOut(ctx context.Context, ns string, tr trial) error {
	api := b.client.AppsV1().Deployments(ns)
	return b.await(ctx, func(ctx context.Context) (bool, error) {
		d, err := api.Get(ctx, tr.Name, metav1.GetOptions{})
		if err != nil || d.Status.AvailableReplicas < tr.Replicas {
			return false, err
		}
		d.Spec.Template.Spec = tr.Pod.spec()
		_, err = api.Update(ctx, d, metav1.UpdateOptions{})
		if apierrors.IsConflict(err) {
			return false, nil
		}
		return err == nil, err
	})
}

func (b *bench) makeConfig(ctx context.Context, ns string, tr *trial) error {
	for name, keys := range tr.ConfigMaps {
		_, err := b.client.CoreV1().ConfigMaps(ns).Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Data: values(keys),
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("make ConfigMap/%s: %w", name, err)
		}
	}
	for name, keys := range tr.Secrets {
		_, err := b.client.CoreV1().Secrets(ns).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: values(keys),
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("make Secret/%s: %w", name, err)
		}
	}
	if tr.Service {
		_, err := b.client.CoreV1().Services(ns).Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: tr.Name},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{label: tr.Name}, Ports: []corev1.ServicePort{{Port: 8080}}},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("make Service/%s: %w", tr.Name, err)
		}
	}
	return nil
}

func values(keys []string) map[string]string {
	out := map[string]string{}
	for _, k := range keys {
		out[k] = "synthetic"
	}
	return out
}

func (b *bench) makeWorkload(ctx context.Context, ns string, tr trial, spec corev1.PodSpec) error {
	meta := metav1.ObjectMeta{Name: tr.Name, Labels: map[string]string{label: tr.Name}}
	selector := &metav1.LabelSelector{MatchLabels: meta.Labels}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: meta.Labels}, Spec: spec}
	var err error
	switch tr.Kind {
	case "Deployment":
		d := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: &tr.Replicas, Selector: selector, Template: template}}
		_, err = b.client.AppsV1().Deployments(ns).Create(ctx, d, metav1.CreateOptions{})
	case "StatefulSet":
		s := &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{
			Replicas: &tr.Replicas, Selector: selector, Template: template, PodManagementPolicy: appsv1.ParallelPodManagement,
		}}
		_, err = b.client.AppsV1().StatefulSets(ns).Create(ctx, s, metav1.CreateOptions{})
	case "DaemonSet":
		d := &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}}
		_, err = b.client.AppsV1().DaemonSets(ns).Create(ctx, d, metav1.CreateOptions{})
	case "Pod":
		_, err = b.client.CoreV1().Pods(ns).Create(ctx, &corev1.Pod{ObjectMeta: meta, Spec: spec}, metav1.CreateOptions{})
	default:
		err = fmt.Errorf("no trial is made of kind %q", tr.Kind)
	}
	return err
}
