package diagnose

import (
	"net/netip"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/redact"
)

var (
	// ownEndpoint is an address of the caller's own pod, with the port.
	ownEndpoint = regexp.MustCompile(`(?:\blocalhost|\b127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|(?:^|[\s(=@])::1):(\d{1,5})\b`)
	// peerVariable is the name of a variable that says where a peer is; the group
	// is the word for the peer.
	peerVariable = regexp.MustCompile(`(?i)(?:^|_)([a-z0-9]{3,60})_(?:host|hostname|addr|address|url|uri|dsn|endpoint|server)s?$`)
)

// refusedByItself reports whether a line says that a call to the pod's own
// address failed, and that call was the variable's: the value has the port, or
// the line, or one that names the same endpoint, has the word for the peer. A
// name such as localhost shows there as its address. A program may have other
// peers that it looks for on its own pod by default.
func (f fault) refusedByItself(lines []redact.Text, line, name, value string) bool {
	m := ownEndpoint.FindStringSubmatch(line)
	if m == nil || !f.alone() {
		return false
	}
	port := portOf(value)
	if port != "" {
		return port == m[1]
	}
	peer := peerVariable.FindStringSubmatch(name)
	if peer == nil {
		return false
	}
	word := strings.ToLower(peer[1])
	if strings.Contains(strings.ToLower(line), word) {
		return true
	}
	for _, other := range lines {
		raw := other.String()
		if e := ownEndpoint.FindStringSubmatch(raw); e != nil && e[1] == m[1] && strings.Contains(strings.ToLower(raw), word) {
			return true
		}
	}
	return false
}

// alone reports whether nobody else can listen on the pod's own address: no
// other container, of which few declare all their ports, and no program of the
// node.
func (f fault) alone() bool {
	if f.pod == nil || f.pod.Spec.HostNetwork || len(f.pod.Spec.Containers) > 1 && !f.init {
		return false
	}
	for i := range f.pod.Spec.InitContainers {
		if p := f.pod.Spec.InitContainers[i].RestartPolicy; p != nil && *p == corev1.ContainerRestartPolicyAlways {
			return false
		}
	}
	return true
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// hostOf is the host in an address such as http://db:5432/x.
func hostOf(value string) string {
	host, _, _ := strings.Cut(authorityOf(value), ":")
	return host
}

// portOf is the port in such an address; empty if it has none.
func portOf(value string) string {
	_, port, _ := strings.Cut(authorityOf(value), ":")
	return port
}

func authorityOf(value string) string {
	if _, rest, ok := strings.Cut(value, "://"); ok {
		value = rest
	}
	value, _, _ = strings.Cut(value, "/")
	if _, rest, ok := strings.Cut(value, "@"); ok {
		value = rest
	}
	return value
}
