package admission

import (
	"slices"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func quantityOf(s string) resource.Quantity { return resource.MustParse(s) }

// namespace lets a real Job live and die under the wall and, while it does,
// tries what an administrator must not do there.
func (w *wall) namespace(t *testing.T) {
	ctx, exec := t.Context(), w.config.ExecutorNamespace
	job, err := w.as(w.config.GateUser(), "").BatchV1().Jobs(exec).Create(ctx, w.job("r0", string(w.web.UID), "restart"), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var pod *corev1.Pod
	w.eventually("the job controller makes the pod", func() bool {
		pods, err := w.client.CoreV1().Pods(exec).List(ctx, metav1.ListOptions{})
		if err != nil || len(pods.Items) == 0 {
			return false
		}
		pod = &pods.Items[0]
		return true
	})
	alice := w.as("alice", "")
	create, patch := metav1.CreateOptions{DryRun: dryRun}, metav1.PatchOptions{DryRun: dryRun}
	copyOf := func() *corev1.Pod {
		p := pod.DeepCopy()
		p.ObjectMeta = metav1.ObjectMeta{Name: job.Name + "-x7k2p", GenerateName: job.Name + "-", Labels: pod.Labels, OwnerReferences: pod.OwnerReferences}
		p.Spec.NodeName, p.Status = "", corev1.PodStatus{}
		return p
	}
	cases := []escape{
		{"a pod", func() error { _, err := alice.CoreV1().Pods(exec).Create(ctx, copyOf(), create); return err }},
		{"the right Job", func() error {
			_, err := alice.BatchV1().Jobs(exec).Create(ctx, w.job("a", string(w.other.UID), "restart"), create)
			return err
		}},
		{"a Deployment", func() error {
			_, err := alice.AppsV1().Deployments(exec).Create(ctx, deployment(exec, "x", 0), create)
			return err
		}},
		{"a Secret", func() error {
			_, err := alice.CoreV1().Secrets(exec).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "x"}}, create)
			return err
		}},
		{"a token", func() error {
			_, err := alice.CoreV1().ServiceAccounts(exec).CreateToken(ctx, "restart", tokenRequest(), create)
			return err
		}},
		{"exec", func() error { return execInto(t, alice, exec, pod.Name) }},
		{"the termination message", func() error {
			_, err := alice.CoreV1().Pods(exec).Patch(ctx, pod.Name, mergePatch, []byte(`{"status":{"message":"forged"}}`), patch, "status")
			return err
		}},
		{"an ephemeral container", func() error {
			_, err := alice.CoreV1().Pods(exec).Patch(ctx, pod.Name, strategic, []byte(`{"spec":{"ephemeralContainers":[{"name":"x","image":"x","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}}`), patch, "ephemeralcontainers")
			return err
		}},
		{"the pod's image", func() error {
			_, err := alice.CoreV1().Pods(exec).Patch(ctx, pod.Name, strategic, []byte(`{"spec":{"containers":[{"name":"executor","image":"x"}]}}`), patch)
			return err
		}},
		{"the Job's life", func() error {
			_, err := alice.BatchV1().Jobs(exec).Patch(ctx, job.Name, mergePatch, []byte(`{"spec":{"ttlSecondsAfterFinished":1}}`), patch)
			return err
		}},
		{"a token by a node for no pod", func() error {
			_, err := w.as("system:node:n1", "").CoreV1().ServiceAccounts(exec).CreateToken(ctx, "restart", tokenRequest(), create)
			return err
		}},
		{"another image by the job controller", func() error {
			p := copyOf()
			p.Spec.Containers[0].Image = "x"
			_, err := w.as("system:serviceaccount:kube-system:job-controller", "").CoreV1().Pods(exec).Create(ctx, p, create)
			return err
		}},
		{"a sidecar by a webhook", func() error {
			p := copyOf()
			c := *p.Spec.Containers[0].DeepCopy()
			c.Name = "proxy"
			p.Spec.Containers = append(p.Spec.Containers, c)
			_, err := w.as("system:serviceaccount:kube-system:job-controller", "").CoreV1().Pods(exec).Create(ctx, p, create)
			return err
		}},
	}
	for _, tc := range cases {
		t.Run("refused: "+tc.name, func(t *testing.T) { refused(t, tc.do(), w.config.NamespacePolicy(), "") })
	}
	t.Run("passes: the pod of the job controller", func(t *testing.T) {
		if _, err := w.as("system:serviceaccount:kube-system:job-controller", "").CoreV1().Pods(exec).Create(ctx, copyOf(), create); err != nil {
			t.Error(err)
		}
	})
	t.Run("passes: a node's token for a pod", func(t *testing.T) {
		request := tokenRequest()
		request.Spec.BoundObjectRef = &authenticationv1.BoundObjectReference{Kind: "Pod", APIVersion: "v1", Name: pod.Name, UID: pod.UID}
		if _, err := w.as("system:node:n1", "").CoreV1().ServiceAccounts(exec).CreateToken(ctx, "restart", request, create); err != nil {
			t.Error(err)
		}
	})
	t.Run("the kubelet mounts the pod's token and says how far it is", func(t *testing.T) {
		// The image exists nowhere; it is asked for once the volumes are there.
		w.eventually("the kubelet asks for the image", func() bool {
			p, err := w.client.CoreV1().Pods(exec).Get(ctx, pod.Name, metav1.GetOptions{})
			if err != nil || len(p.Status.ContainerStatuses) != 1 || p.Status.ContainerStatuses[0].State.Waiting == nil {
				return false
			}
			return slices.Contains([]string{"ErrImagePull", "ImagePullBackOff"}, p.Status.ContainerStatuses[0].State.Waiting.Reason)
		})
	})
	t.Run("a Job is collected with its pod", func(t *testing.T) {
		foreground := metav1.DeletePropagationForeground
		if err := w.client.BatchV1().Jobs(exec).Delete(ctx, job.Name, metav1.DeleteOptions{PropagationPolicy: &foreground}); err != nil {
			t.Fatal(err)
		}
		w.eventually("the job is gone", func() bool {
			_, err := w.client.BatchV1().Jobs(exec).Get(ctx, job.Name, metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		})
	})
}
