package watch

import (
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/redact"
)

func TestAddressesAreNamedAfterTheirObjects(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	a := NewAddresses(func() time.Time { return now })
	a.learn(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1"}, Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "10.244.0.7"}}}})
	a.learn(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "proxy"}, Spec: corev1.PodSpec{HostNetwork: true}, Status: corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: "10.99.0.2"}}}})
	a.learn(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cache"}, Spec: corev1.ServiceSpec{ClusterIPs: []string{"10.96.3.4"}}})
	a.learn(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "headless"}, Spec: corev1.ServiceSpec{ClusterIPs: []string{corev1.ClusterIPNone}}})
	a.learn(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Address: "10.99.0.2"}}}})
	for addr, want := range map[string]string{
		"10.244.0.7": "pod shop/api-1", "10.96.3.4": "svc shop/cache", "10.99.0.2": "node n1",
		"cache.shop": "svc shop/cache", "cache.shop.svc": "svc shop/cache", "Cache.Shop.svc.cluster.local.": "svc shop/cache",
		"cahce.shop.svc.cluster.local": "svc shop/cahce", // misspelt, and a Service's name by its form
		"10.96.9.9":                    "", "None": "", "cache": "", "example.com": "", "": "", ".svc": "", "..svc": "",
	} {
		if got, ok := a.Lookup(addr); got != want || ok != (want != "") {
			t.Errorf("Lookup(%q) = %q, %v; want %q", addr, got, ok, want)
		}
	}
	red := redact.New(redact.Config{Key: []byte("k"), Known: a.Lookup})
	if got := red.Redact("dial tcp 10.96.3.4:6379: connect: connection refused").String(); got != "dial tcp ⟨svc shop/cache⟩:6379: connect: connection refused" {
		t.Errorf("redacted to %q", got)
	}
	now = now.Add(addressAge + time.Second)
	if got, ok := a.Lookup("10.244.0.7"); ok {
		t.Errorf("an address that was seen long ago is still %q", got)
	}
	if _, ok := (*Addresses)(nil).Lookup("10.96.3.4"); ok {
		t.Error("nil knows an address")
	}
}

func TestAddressesAreBounded(t *testing.T) {
	now := time.Now()
	a := NewAddresses(func() time.Time { return now })
	for i := range maxAddresses {
		a.note(strconv.Itoa(i), "pod a/c")
	}
	a.note("10.0.0.1", "pod a/b")
	if _, ok := a.Lookup("10.0.0.1"); ok || len(a.known) != maxAddresses {
		t.Errorf("%d addresses were learnt, want no more than %d", len(a.known), maxAddresses)
	}
	now = now.Add(addressAge + time.Second)
	a.note("10.0.0.1", "pod a/b")
	if len(a.known) != 1 {
		t.Errorf("%d addresses after all the others grew old, want 1", len(a.known))
	}
}
