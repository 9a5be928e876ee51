package diagnose

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// policy reads a spec; every test has one caller (app=web) and one called pod
// (app=cache, port 6379 named redis) in namespace shop.
func policy(t *testing.T, name, spec string) *networkingv1.NetworkPolicy {
	t.Helper()
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatal(err)
	}
	return p
}

func shopPod(name, port string, number int32) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: port, ContainerPort: number}}}}},
	}
}

func TestPoliciesAreBlamedOnlyForWhatTheyCannotAllow(t *testing.T) {
	const selectsWeb = `podSelector: {matchLabels: {app: web}}
policyTypes: [Egress]
`
	const selectsCache = `podSelector: {matchLabels: {app: cache}}
`
	for name, c := range map[string]struct {
		spec string
		want bool
	}{
		"default deny of egress":                   {"podSelector: {}\npolicyTypes: [Egress]", true},
		"default deny of ingress":                  {"podSelector: {}", true},
		"a policy about other pods":                {"podSelector: {matchLabels: {app: api}}\npolicyTypes: [Egress]", false},
		"egress rules imply the type":              {"podSelector: {matchLabels: {app: web}}\negress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]", true},
		"an ingress policy of the caller":          {"podSelector: {matchLabels: {app: web}}\npolicyTypes: [Ingress]", false},
		"an empty rule allows all":                 {selectsWeb + "egress: [{}]", false},
		"the right pods":                           {selectsWeb + "egress: [{to: [{podSelector: {matchLabels: {app: cache}}}]}]", false},
		"other pods":                               {selectsWeb + "egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]", true},
		"the right pods by expression":             {selectsWeb + "egress: [{to: [{podSelector: {matchExpressions: [{key: app, operator: In, values: [cache, db]}]}}]}]", false},
		"the right pods of another namespace":      {selectsWeb + "egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}, podSelector: {}}]}]", true},
		"the namespace by its name":                {selectsWeb + "egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}]}]", false},
		"a namespace by a label that is not known": {selectsWeb + "egress: [{to: [{namespaceSelector: {matchLabels: {team: shop}}}]}]", false},
		"every namespace":                          {selectsWeb + "egress: [{to: [{namespaceSelector: {}}]}]", false},
		"the port by number":                       {selectsWeb + "egress: [{ports: [{port: 6379}]}]", false},
		"the port by name":                         {selectsWeb + "egress: [{ports: [{port: redis}]}]", false},
		"another port":                             {selectsWeb + "egress: [{ports: [{port: 5432}]}]", true},
		"another port by name":                     {selectsWeb + "egress: [{ports: [{port: http}]}]", true},
		"the port by range":                        {selectsWeb + "egress: [{ports: [{port: 6000, endPort: 7000}]}]", false},
		"another range":                            {selectsWeb + "egress: [{ports: [{port: 7000, endPort: 8000}]}]", true},
		"another protocol":                         {selectsWeb + "egress: [{ports: [{port: 6379, protocol: UDP}]}]", true},
		"all ports of the protocol":                {selectsWeb + "egress: [{ports: [{protocol: TCP}]}]", false},
		"an address block may hold the pod":        {selectsWeb + "egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]", false},
		"ingress from the caller":                  {selectsCache + "ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]", false},
		"ingress from others":                      {selectsCache + "ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]", true},
		"ingress from the caller on another port":  {selectsCache + "ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]", true},
		"a selector that cannot be read":           {selectsWeb + "egress: [{to: [{podSelector: {matchExpressions: [{key: app, operator: Near}]}}]}]", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &kube.Snapshot{NetworkPolicies: []*networkingv1.NetworkPolicy{policy(t, "p", c.spec)}}
			l := &look{x: s.Index()}
			from, to := podSide(shopPod("web", "", 0), 0), podSide(shopPod("cache", "redis", 6379), 6379)
			got, _ := l.shut(from, []side{to}, redact.Literal("x"))
			if (got != nil) != c.want {
				t.Errorf("blocked %t, want %t", got != nil, c.want)
			}
		})
	}
}

func TestPoliciesAddUp(t *testing.T) {
	deny := policy(t, "a-deny", "podSelector: {}\npolicyTypes: [Ingress, Egress]")
	other := policy(t, "b-other", "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]")
	out := policy(t, "c-out", "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress: [{ports: [{port: 6379}]}]")
	in := policy(t, "d-in", "podSelector: {matchLabels: {app: cache}}\ningress: [{}]")
	from, to := podSide(shopPod("web", "", 0), 0), podSide(shopPod("cache", "redis", 6379), 6379)
	for name, c := range map[string]struct {
		list []*networkingv1.NetworkPolicy
		want string
	}{
		"the first by name that would have to change": {[]*networkingv1.NetworkPolicy{other, deny}, "a-deny"},
		"out, and not in":     {[]*networkingv1.NetworkPolicy{out, deny}, "a-deny"},
		"out and in":          {[]*networkingv1.NetworkPolicy{deny, in, out}, ""},
		"nobody selects them": {[]*networkingv1.NetworkPolicy{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := &look{x: (&kube.Snapshot{NetworkPolicies: c.list}).Index()}
			got, _ := l.shut(from, []side{to}, redact.Literal("x"))
			name := ""
			if got != nil {
				name = got.Name
			}
			if name != c.want {
				t.Errorf("blamed %q, want %q", name, c.want)
			}
		})
	}
}

// TestWhatIsNotKnownMayBeAllowed: a look at one workload holds no pods of
// others, of which only the Service's selector is known.
func TestWhatIsNotKnownMayBeAllowed(t *testing.T) {
	from := podSide(shopPod("web", "", 0), 0)
	to := side{namespace: "shop", labels: map[string]string{"app": "cache"}, number: 6379, protocol: corev1.ProtocolTCP}
	for name, c := range map[string]struct {
		spec string
		want bool
	}{
		"egress to a label that is not known":  {"podSelector: {matchLabels: {app: web}}\negress: [{to: [{podSelector: {matchLabels: {tier: data}}}]}]", false},
		"egress to another value":              {"podSelector: {matchLabels: {app: web}}\negress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]", true},
		"egress to a port whose name may fit":  {"podSelector: {matchLabels: {app: web}}\negress: [{ports: [{port: redis}]}]", false},
		"ingress of pods that may be selected": {"podSelector: {matchLabels: {tier: data}}", false},
		"ingress of pods that are selected":    {"podSelector: {matchLabels: {app: cache}}", true},
		"ingress of pods without a label":      {"podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}", false},
	} {
		t.Run(name, func(t *testing.T) {
			l := &look{x: (&kube.Snapshot{NetworkPolicies: []*networkingv1.NetworkPolicy{policy(t, "p", c.spec)}}).Index()}
			if got, _ := l.shut(from, []side{to}, redact.Literal("x")); (got != nil) != c.want {
				t.Errorf("blocked %t, want %t", got != nil, c.want)
			}
		})
	}
}

func TestTrafficOutOfTheClusterNeedsABlockOrARuleForAll(t *testing.T) {
	from := podSide(shopPod("web", "", 0), 0)
	to := side{outside: true, number: 443, protocol: corev1.ProtocolTCP, names: []string{}}
	for name, c := range map[string]struct {
		spec string
		want bool
	}{
		"pods alone":     {"podSelector: {}\negress: [{to: [{namespaceSelector: {}}]}]", true},
		"an address":     {"podSelector: {}\negress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]", false},
		"all on a port":  {"podSelector: {}\negress: [{ports: [{port: 443}]}]", false},
		"only DNS":       {"podSelector: {}\negress: [{ports: [{port: 53, protocol: UDP}]}]", true},
		"only incoming":  {"podSelector: {}", false},
		"nothing at all": {"podSelector: {}\npolicyTypes: [Egress]", true},
	} {
		t.Run(name, func(t *testing.T) {
			l := &look{x: (&kube.Snapshot{NetworkPolicies: []*networkingv1.NetworkPolicy{policy(t, "p", c.spec)}}).Index()}
			if got, _ := l.shut(from, []side{to}, redact.Literal("x")); (got != nil) != c.want {
				t.Errorf("blocked %t, want %t", got != nil, c.want)
			}
		})
	}
}

// TestDNSIsShutOnlyWhereNoRuleMayReachIt: where the cluster's DNS was not looked
// at, any rule that may be about it counts.
func TestDNSIsShutOnlyWhereNoRuleMayReachIt(t *testing.T) {
	from := podSide(shopPod("web", "", 0), 0)
	for name, c := range map[string]struct {
		spec string
		want bool
	}{
		"pods of the own namespace":     {"podSelector: {}\negress: [{to: [{podSelector: {}}]}]", true},
		"every namespace":               {"podSelector: {}\negress: [{to: [{namespaceSelector: {}}]}]", false},
		"kube-system by its name":       {"podSelector: {}\negress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}], ports: [{port: 53, protocol: UDP}]}]", false},
		"another namespace by its name": {"podSelector: {}\negress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}}]}]", true},
		"only TCP":                      {"podSelector: {}\negress: [{ports: [{port: 53}]}]", true},
		"a port by name":                {"podSelector: {}\negress: [{ports: [{port: dns, protocol: UDP}]}]", false},
		"a port that some DNS pods use": {"podSelector: {}\negress: [{ports: [{port: 5353, protocol: UDP}]}]", false},
		"an address":                    {"podSelector: {}\negress: [{to: [{ipBlock: {cidr: 169.254.20.10/32}}]}]", false},
	} {
		t.Run(name, func(t *testing.T) {
			l := &look{x: (&kube.Snapshot{NetworkPolicies: []*networkingv1.NetworkPolicy{policy(t, "p", c.spec)}}).Index()}
			if got, _ := l.shut(from, l.dnsSides(), redact.Literal("DNS")); (got != nil) != c.want {
				t.Errorf("blocked %t, want %t", got != nil, c.want)
			}
		})
	}
}
