package action

import (
	"fmt"
	"regexp"
	"strings"
)

// JobName is the deterministic name of the Job that carries out terms in mode.
// Admission reads the mode and the target's UID from it; the digest's prefix
// makes a second Job for the same approval collide. attempt is 0 to 9 and
// counts rehearsals and probes; an Apply has one name for ever.
func JobName(mode Mode, t Terms, attempt int) (string, error) {
	digest, err := t.Digest()
	if err != nil {
		return "", err
	}
	var lead string
	switch mode {
	case Apply:
		lead = "a"
	case Rehearse:
		lead = fmt.Sprintf("r%d", attempt)
	case Probe:
		lead = fmt.Sprintf("p%d", attempt)
	default:
		return "", fmt.Errorf("mode %q does not exist", clip(string(mode)))
	}
	if attempt < 0 || attempt > 9 || mode == Apply && attempt != 0 {
		return "", fmt.Errorf("attempt %d of mode %s does not exist", attempt, mode)
	}
	return "cs-" + lead + "-" + t.Action.Target.UID + "-" + digest.Short(), nil
}

// NamePattern is what every Job's name matches; the admission policy holds the
// same expression. Group 1 is the mode's letter and attempt, 2 the target UID,
// 3 the digest's prefix.
const NamePattern = `^cs-(a|r[0-9]|p[0-9])-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})-([0-9a-z]{12})$`

var jobName = regexp.MustCompile(NamePattern)

func checkJobName(name string, o Order) error {
	m := jobName.FindStringSubmatch(name)
	if m == nil {
		return fmt.Errorf("%q is not the name of an execution", clip(name))
	}
	letter := map[Mode]string{Apply: "a", Rehearse: "r", Probe: "p"}[o.Mode]
	if m[1][:1] != letter || m[2] != o.Terms.Action.Target.UID || m[3] != o.Proposal.Short() {
		return fmt.Errorf("execution %q is of another order", name)
	}
	return nil
}

// PodOf reports whether a pod named pod belongs to the Job named job: the job
// controller appends a dash and five characters.
func PodOf(job, pod string) bool {
	rest, ok := strings.CutPrefix(pod, job+"-")
	return ok && job != "" && len(rest) == 5 && !strings.Contains(rest, "-")
}
