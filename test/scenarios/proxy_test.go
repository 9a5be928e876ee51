package scenarios_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
)

// gateService is what approve and reject look for, and the right that the docs
// give to signers: this one name of services/proxy.
const gateService, gatePort = "countersign-gate", 8082

// relay FILE: put the gate behind a Service in the story's namespace, as it is
// when it runs as a pod, and write to FILE the kubeconfig of an account that may
// use the Service's proxy and nothing else. The API server proxies to pods only:
// one on the node's network, which the roles' own namespace would not admit,
// hands on to the gate, which here is a process of this machine.
func (p *player) relay(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "relay FILE")
	gate, err := url.Parse(p.s.Latest().Approvals)
	ts.Check(err)
	namespace := storyNamespace(ts)
	host, err := p.thisMachine()
	ts.Check(err)
	ts.Check(p.relayPod(namespace, host, gate.Port()))
	ts.Check(p.relayRights(namespace))
	path, err := p.s.Kubeconfig(p.ctx, namespace, "signer")
	ts.Check(err)
	raw, err := os.ReadFile(path)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), raw, 0o600))
	ts.Check(wait.PollUntilContextTimeout(p.ctx, 100*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) { return p.relayed(ctx, namespace) }))
}

// thisMachine is the address at which the node reaches it.
func (p *player) thisMachine() (string, error) {
	api, err := url.Parse(p.s.Cluster.AdminConfig().Host)
	if err != nil {
		return "", err
	}
	conn, err := net.Dial("udp", api.Host) // sends nothing
	if err != nil {
		return "", err
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return host, err
}

func (p *player) relayPod(namespace, host, gate string) error {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		return err
	}
	labels := map[string]string{"app": gateService}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "relay", Labels: labels},
		Spec: corev1.PodSpec{
			HostNetwork: true, TerminationGracePeriodSeconds: new(int64),
			Containers: []corev1.Container{{
				Name: "relay", Image: "docker.io/library/busybox:latest", ImagePullPolicy: corev1.PullIfNotPresent,
				Command: []string{"nc", "-ll", "-p", strconv.Itoa(port), "-e", "nc", host, gate},
			}},
		},
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: gateService},
		Spec: corev1.ServiceSpec{
			Selector: labels, Ports: []corev1.ServicePort{{Port: gatePort, TargetPort: intstr.FromInt(port)}},
		},
	}
	_, errPod := p.s.Kube.CoreV1().Pods(namespace).Create(p.ctx, pod, metav1.CreateOptions{})
	_, errService := p.s.Kube.CoreV1().Services(namespace).Create(p.ctx, service, metav1.CreateOptions{})
	return errors.Join(errPod, errService)
}

// relayRights makes the account of a signer.
func (p *player) relayRights(namespace string) error {
	name := metav1.ObjectMeta{Name: "signer"}
	_, errAccount := p.s.Kube.CoreV1().ServiceAccounts(namespace).Create(p.ctx, &corev1.ServiceAccount{ObjectMeta: name}, metav1.CreateOptions{})
	_, errRole := p.s.Kube.RbacV1().Roles(namespace).Create(p.ctx, &rbacv1.Role{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"services/proxy"}, Verbs: []string{"get", "create"},
		ResourceNames: []string{"http:" + gateService + ":" + strconv.Itoa(gatePort)},
	}}}, metav1.CreateOptions{})
	_, errBinding := p.s.Kube.RbacV1().RoleBindings(namespace).Create(p.ctx, &rbacv1.RoleBinding{
		ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name.Name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name.Name, Namespace: namespace}},
	}, metav1.CreateOptions{})
	return errors.Join(errAccount, errRole, errBinding)
}

// relayed reports whether the Service has somebody to hand on to.
func (p *player) relayed(ctx context.Context, namespace string) (bool, error) {
	slices, err := p.s.Kube.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=" + gateService,
	})
	if err != nil {
		return false, err
	}
	for _, s := range slices.Items {
		for _, e := range s.Endpoints {
			if e.Conditions.Ready != nil && *e.Conditions.Ready {
				return true, nil
			}
		}
	}
	return false, nil
}
