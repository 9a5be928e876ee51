package diagnose

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// maxProgram bounds what is read of a command, which may be a script of any length.
const maxProgram = 16 << 10

var statementEnd = regexp.MustCompile(`\s*(?:\n|;|&&|\|\|)\s*`)

// programOf is the command line of a container as far as its spec tells: for a
// shell with a script the last statement, which stays as the program.
func programOf(c *corev1.Container) []string {
	words := slices.Concat(c.Command, c.Args)
	if len(words) != 3 || words[1] != "-c" || !strings.HasSuffix(words[0], "sh") {
		return words
	}
	script := words[2]
	if len(script) > maxProgram {
		return nil
	}
	for _, statement := range slices.Backward(statementEnd.Split(strings.TrimSpace(script), -1)) {
		if words := strings.Fields(statement); len(words) > 0 && words[0] != "exec" {
			return words
		} else if len(words) > 1 {
			return words[1:]
		}
	}
	return nil
}

// otherProgram reports whether two containers of one image run different programs
// or different commands of one program ("manage.py runserver", "manage.py worker").
// Words after a flag may be its value, so that a difference there says nothing; a
// container that leaves the program to its image cannot be compared.
func otherProgram(a, b *corev1.Container) bool {
	if (len(a.Command) == 0) != (len(b.Command) == 0) {
		return false
	}
	first, second := programOf(a), programOf(b)
	for n := range min(len(first), len(second)) {
		switch {
		case strings.HasPrefix(first[n], "-") || strings.HasPrefix(second[n], "-"):
			return false
		case first[n] != second[n]:
			return isWord.MatchString(first[n]) && isWord.MatchString(second[n])
		}
	}
	return false
}

// isWord leaves out what a shell would have to read first.
var isWord = regexp.MustCompile(`^[\w./:@+-]{1,100}$`)

// servesNothing reports whether nothing in a workload's spec says that it takes
// requests: no port, no probe of the network, and no word of the ports that a
// Service leads to.
func (l *look) servesNothing(svc *corev1.Service, t kube.Template) bool {
	for _, c := range serving(&t.Pod.Spec) {
		asked := slices.ContainsFunc([]*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe}, func(p *corev1.Probe) bool {
			return p != nil && p.Exec == nil
		})
		if len(c.Ports) > 0 || asked || len(c.EnvFrom) > 0 {
			return false
		}
		said := slices.Concat(c.Command, c.Args)
		for _, e := range c.Env {
			said = append(said, e.Value)
		}
		if slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return namesPort(said, targetOf(p).IntVal) }) {
			return false
		}
	}
	return !slices.ContainsFunc(readyOnes(l.x.PodsOf(t.Ref)), func(p *corev1.Pod) bool {
		return slices.ContainsFunc(svc.Spec.Ports, func(port corev1.ServicePort) bool {
			return slices.ContainsFunc(p.Spec.Containers, func(c corev1.Container) bool { return l.listensOn(p, c.Name, targetOf(port).IntVal) })
		})
	})
}

var number = regexp.MustCompile(`\d+`)

func namesPort(said []string, port int32) bool {
	want := strconv.Itoa(int(port))
	return slices.ContainsFunc(said, func(s string) bool {
		return len(s) > maxProgram || slices.Contains(number.FindAllString(s, -1), want)
	})
}

// differByVersion reports whether the labels of two workloads tell nothing but
// versions of one application apart.
func differByVersion(a, b kube.Template) bool {
	keys := append(unfit(a.Pod.Labels, b.Pod.Labels), unfit(b.Pod.Labels, a.Pod.Labels)...)
	return !slices.ContainsFunc(keys, func(k string) bool { return !slices.Contains(versionLabels, k) })
}
