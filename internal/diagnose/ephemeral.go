package diagnose

import (
	"regexp"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The kubelet's sentences for a pod that used more of its node's disk than its
// own spec allows. A node that runs short of disk has other words.
var (
	containerDisk = regexp.MustCompile(`^Container ([a-z0-9-]+) exceeded its local ephemeral storage limit "([0-9A-Za-z.]+)"\. ?$`)
	podDisk       = regexp.MustCompile(`^Pod ephemeral local storage usage exceeds the total limit of containers ([0-9A-Za-z.]+)\. ?$`)
	emptyDirDisk  = regexp.MustCompile(`^Usage of EmptyDir volume "([a-z0-9-]+)" exceeds the limit "([0-9A-Za-z.]+)"\. ?$`)
)

// lowNode begins the kubelet's sentence for a node that runs short.
var lowNode = regexp.MustCompile(`^The node (?:was low on resource|had condition)`)

// parseEphemeral reads what exceeded which limit; ok is false for an eviction
// of another kind.
func parseEphemeral(message string) (what redact.Text, ok bool) {
	if m := containerDisk.FindStringSubmatch(message); m != nil {
		return redact.Sprintf("container %s wrote more than its ephemeral-storage limit of %s", text(m[1]), text(m[2])), true
	}
	if m := podDisk.FindStringSubmatch(message); m != nil {
		return redact.Sprintf("it wrote more than the ephemeral-storage limit of its containers, %s", text(m[1])), true
	}
	if m := emptyDirDisk.FindStringSubmatch(message); m != nil {
		return redact.Sprintf("emptyDir volume %s holds more than its sizeLimit of %s", text(m[1]), text(m[2])), true
	}
	return redact.Text{}, false
}

// proveEphemeral blames the workload for an eviction by its own limit, whatever
// state the node is in.
func proveEphemeral(l *look, f fault) (proof, bool) {
	what, ok := parseEphemeral(f.symptom.Message)
	if !ok {
		return proof{}, false
	}
	return proof{
		cause:    incident.EphemeralStorageExceeded,
		summary:  redact.Sprintf("a pod of %s was evicted: %s", refText(l.subject), what),
		ruledOut: []redact.Text{redact.Literal("pressure on the node: the kubelet names the pod's own limit")},
	}, true
}
