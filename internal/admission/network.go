package admission

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// RoleLabel with the value watcher or gate marks a role's pods for its
// NetworkPolicy.
const RoleLabel = "app.kubernetes.io/component"

// Ports that the roles reach beside the API server's.
const (
	dnsPort   = 53
	httpsPort = 443
	redisPort = 6379
)

// network closes the executor namespace but for the API server, and the roles'
// pods but for what each needs. Whether any of it is enforced is the network
// plugin's business, and some enforce nothing; an executor holds no credential
// beside its token either way.
//
// A NetworkPolicy knows no host names: Slack's and the model's are all of HTTPS
// here, less the link-local range where clouds hand out credentials. Who wants
// less puts a proxy in between.
func (c Config) network() []runtime.Object {
	tcp, udp := corev1.ProtocolTCP, corev1.ProtocolUDP
	api := c.apiServer()
	anywhere := []networkingv1.NetworkPolicyPeer{
		{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"169.254.0.0/16"}}},
		{IPBlock: &networkingv1.IPBlock{CIDR: "::/0", Except: []string{"fe80::/10", "fd00:ec2::/32"}}},
	}
	outside := append(slices.Clone(api),
		networkingv1.NetworkPolicyEgressRule{Ports: []networkingv1.NetworkPolicyPort{port(udp, dnsPort), port(tcp, dnsPort), port(tcp, redisPort)}},
		networkingv1.NetworkPolicyEgressRule{To: anywhere, Ports: []networkingv1.NetworkPolicyPort{port(tcp, httpsPort)}})
	role := func(name string) metav1.LabelSelector {
		return metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "countersign", RoleLabel: name}}
	}
	watcher := c.networkPolicy("watcher", c.Namespace, role("watcher"), outside)
	gate := c.networkPolicy("gate", c.Namespace, role("gate"), outside)
	// The command line comes through the API server's proxy.
	for _, r := range api {
		gate.Spec.Ingress = append(gate.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: r.To})
	}
	return []runtime.Object{c.networkPolicy("executors", c.ExecutorNamespace, metav1.LabelSelector{}, api), watcher, gate}
}

// networkPolicy lets nothing in.
func (c Config) networkPolicy(name, namespace string, pods metav1.LabelSelector, out []networkingv1.NetworkPolicyEgressRule) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: prefix + name, Namespace: namespace, Labels: ownLabels()},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: pods, Egress: out,
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		},
	}
}

func port(protocol corev1.Protocol, number int) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: new(intstr.FromInt(number))}
}

// peer is one range of addresses with one port.
type peer struct {
	block netip.Prefix
	port  int
}

func parsePeer(text string) (peer, error) {
	host, number, err := net.SplitHostPort(text)
	if err != nil {
		return peer{}, fmt.Errorf("API server %q is not ADDRESS:PORT or CIDR:PORT", text)
	}
	p, err := strconv.ParseUint(number, 10, 16)
	if err != nil || p == 0 {
		return peer{}, fmt.Errorf("API server %q has no port", text)
	}
	if !strings.Contains(host, "/") {
		addr, err := netip.ParseAddr(host)
		if err != nil || addr.Zone() != "" {
			return peer{}, fmt.Errorf("API server %q is not given by its address", text)
		}
		return peer{netip.PrefixFrom(addr, addr.BitLen()), int(p)}, nil
	}
	block, err := netip.ParsePrefix(host)
	if err != nil || block.Masked() != block {
		return peer{}, fmt.Errorf("API server %q is not a range of addresses", text)
	}
	return peer{block, int(p)}, nil
}

// apiServer is one rule for each address; check has seen to their form.
func (c Config) apiServer() []networkingv1.NetworkPolicyEgressRule {
	var rules []networkingv1.NetworkPolicyEgressRule
	for _, text := range c.APIServer {
		p, err := parsePeer(text)
		if err != nil {
			continue
		}
		rules = append(rules, networkingv1.NetworkPolicyEgressRule{
			To:    []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: p.block.String()}}},
			Ports: []networkingv1.NetworkPolicyPort{port(corev1.ProtocolTCP, p.port)},
		})
	}
	return rules
}

// FindAPIServer asks where the API server answers, in the form of
// Config.APIServer: the addresses of its Service, and those behind it, because
// network plugins differ in which of the two they compare. Where the addresses
// behind it change, a range in the configuration is the better answer.
func FindAPIServer(ctx context.Context, admin *rest.Config) ([]string, error) {
	client, err := kubernetes.NewForConfig(quick(admin))
	if err != nil {
		return nil, fmt.Errorf("connect as administrator: %w", err)
	}
	const namespace, name = "default", "kubernetes"
	service, err := client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	slicesOf, err := client.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + name})
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	var found []string
	for _, ip := range service.Spec.ClusterIPs {
		for _, p := range service.Spec.Ports {
			found = append(found, net.JoinHostPort(ip, strconv.Itoa(int(p.Port))))
		}
	}
	for _, s := range slicesOf.Items {
		for _, e := range s.Endpoints {
			for _, ip := range e.Addresses {
				for _, p := range s.Ports {
					if p.Port != nil {
						found = append(found, net.JoinHostPort(ip, strconv.Itoa(int(*p.Port))))
					}
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}
