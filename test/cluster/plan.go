package cluster

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
)

// plan is the names and addresses that follow from a cluster's number, so that
// clusters never collide and the remains of one can be found by its number
// alone.
type plan struct {
	number  int
	name    string // of the cgroup and the pod network
	link    string // the machine's end of the veth pair
	host    string // the machine's address on it
	node    string // the node's address on it
	linkNet string
	pods    string
	svcs    string
	apiIP   string // the Service default/kubernetes
	dnsIP   string // the Service kube-system/kube-dns
}

func newPlan(n int) plan {
	return plan{
		number:  n,
		name:    fmt.Sprintf("countersign-%d", n),
		link:    fmt.Sprintf("cs%d", n),
		host:    fmt.Sprintf("10.99.%d.1", n),
		node:    fmt.Sprintf("10.99.%d.2", n),
		linkNet: fmt.Sprintf("10.99.%d.0/24", n),
		pods:    fmt.Sprintf("10.244.%d.0/24", n),
		svcs:    fmt.Sprintf("10.96.%d.0/24", n),
		apiIP:   fmt.Sprintf("10.96.%d.1", n),
		dnsIP:   fmt.Sprintf("10.96.%d.10", n),
	}
}

func (p plan) slotPath() string { return filepath.Join(slotsDir, strconv.Itoa(p.number)) }

// environment is what marks every process of the cluster. A process inherits
// it from its parent and nothing else has it, so it identifies what to end
// without trusting process ids, which are used again.
func (p plan) environment() string { return "COUNTERSIGN_CLUSTER=" + strconv.Itoa(p.number) }

// taken reports whether the machine already has an address in one of the
// cluster's ranges, from a VPN for example.
func (p plan) taken() bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, text := range []string{p.linkNet, p.pods, p.svcs} {
		_, ours, err := net.ParseCIDR(text)
		if err != nil {
			return true
		}
		for _, a := range addresses {
			ip, theirs, err := net.ParseCIDR(a.String())
			if err != nil {
				continue
			}
			if ones, _ := theirs.Mask.Size(); ours.Contains(ip) || (ones > 0 && theirs.Contains(ours.IP)) {
				return true
			}
		}
	}
	return false
}
