package admission

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func policiesOf(t *testing.T, c Config) map[string]networkingv1.NetworkPolicySpec {
	t.Helper()
	specs := map[string]networkingv1.NetworkPolicySpec{}
	for _, object := range c.network() {
		plain, err := plainOf(object)
		if err != nil {
			t.Fatal(err)
		}
		var p networkingv1.NetworkPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(plain.Object, &p); err != nil {
			t.Fatal(err)
		}
		specs[p.Namespace+"/"+p.Name] = p.Spec
	}
	return specs
}

func TestAnExecutorReachesTheAPIServerAndNothingReachesIt(t *testing.T) {
	c := Default()
	c.APIServer = []string{"10.96.0.1:443", "192.0.2.0/28:6443", "[2001:db8::1]:6443"}
	spec, ok := policiesOf(t, c)["countersign-exec/countersign-executors"]
	if !ok || len(spec.PodSelector.MatchLabels) > 0 || len(spec.Ingress) > 0 || len(spec.PolicyTypes) != 2 {
		t.Fatalf("%+v", spec)
	}
	var out []string
	for _, rule := range spec.Egress {
		if len(rule.To) != 1 || len(rule.Ports) != 1 || rule.To[0].IPBlock == nil {
			t.Errorf("a rule that lets more out than one range at one port: %+v", rule)
			continue
		}
		out = append(out, rule.To[0].IPBlock.CIDR+" "+rule.Ports[0].Port.String())
	}
	if d := cmp.Diff([]string{"10.96.0.1/32 443", "192.0.2.0/28 6443", "2001:db8::1/128 6443"}, out); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	c.APIServer = nil
	if spec := policiesOf(t, c)["countersign-exec/countersign-executors"]; len(spec.Egress) > 0 {
		t.Errorf("without an address it lets out %+v", spec.Egress)
	}
}

func TestNoRoleReachesWhereCloudsHandOutCredentials(t *testing.T) {
	for name, spec := range policiesOf(t, Default()) {
		for _, rule := range spec.Egress {
			for _, p := range rule.To {
				if strings.HasPrefix(p.IPBlock.CIDR, "0.0.0.0/") && !slices.Contains(p.IPBlock.Except, "169.254.0.0/16") {
					t.Errorf("%s: %+v", name, p.IPBlock)
				}
			}
		}
		if len(spec.Ingress) > 0 {
			t.Errorf("%s lets somebody in: %+v", name, spec.Ingress)
		}
	}
}

func TestAnAddressOfTheAPIServerIsOneOrARange(t *testing.T) {
	for text, ok := range map[string]bool{
		"10.0.0.1:443": true, "10.0.0.0/24:6443": true, "[fd00::1]:443": true, "[fd00::/64]:443": true,
		"": false, "10.0.0.1": false, "10.0.0.1:": false, "10.0.0.1:0": false, "10.0.0.1:65536": false, "10.0.0.1:https": false,
		"kubernetes:443": false, "10.0.0.1/24:443": false, "10.0.0.0/33:443": false, "fd00::1:443": false, "[fe80::1%eth0]:443": false, "/:443": false,
	} {
		if _, err := parsePeer(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// isolation shows that the API server takes the policies as they are written;
// whether they hold anything back is the network plugin's business, and the
// test cluster's enforces none.
func (w *wall) isolation(t *testing.T) {
	found, err := FindAPIServer(t.Context(), w.admin)
	if err != nil || len(found) < 2 {
		t.Errorf("the API server is at %q, %v", found, err)
	}
	if len(w.set.Network) != 3 {
		t.Errorf("%d policies", len(w.set.Network))
	}
	for _, object := range w.set.Network {
		var p networkingv1.NetworkPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &p); err != nil {
			t.Fatal(err)
		}
		want := p.DeepCopy()
		p.Name += "-again"
		got, err := w.client.NetworkingV1().NetworkPolicies(p.Namespace).Create(t.Context(), &p,
			metav1.CreateOptions{DryRun: dryRun, FieldValidation: metav1.FieldValidationStrict})
		if err != nil {
			t.Errorf("%s: %v", want.Name, err)
			continue
		}
		if d := cmp.Diff(want.Spec, got.Spec); d != "" {
			t.Errorf("%s is stored as another (-want +got):\n%s", want.Name, d)
		}
		if len(want.Spec.Egress) < len(found) {
			t.Errorf("%s does not know where the API server is: %+v", want.Name, want.Spec.Egress)
		}
	}
}
