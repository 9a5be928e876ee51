package diagnose

import (
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/loglines"
)

// specHost is a host that a container's spec names.
type specHost struct {
	host string
	port int32
}

// maxSpecText bounds what is read of one command or variable.
const maxSpecText = 16 << 10

var (
	// hostVariable are names of variables whose whole value is a host, ownVariable
	// those by which a program is told its own name.
	hostVariable = regexp.MustCompile(`(?i)_(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS|ENDPOINT|BROKERS?)$`)
	ownVariable  = regexp.MustCompile(`(?i)^(?:POD|NODE|MY|OWN|BIND|LISTEN|PUBLIC|EXTERNAL|HTTP|APP|SERVER)_`)
	// listVariable are names of variables that hold host:port, once or in a list.
	listVariable = regexp.MustCompile(`(?i)(?:HOST|SERVER|ADDR|ADDRESS|ENDPOINT|BROKER|NODE|UPSTREAM|BOOTSTRAP|URL|URI|DSN|TARGET|WAIT|TCP|SERVICE|DEPENDENC)`)

	urlHost  = regexp.MustCompile(`\b[A-Za-z][A-Za-z0-9+.-]{1,20}://(?:[^\s/@"']{0,200}@)?([A-Za-z0-9][A-Za-z0-9_.-]{0,252})(?::(\d{1,5}))?`)
	hostPort = regexp.MustCompile(`(?:^|[\s"'=,;(@])([A-Za-z0-9][A-Za-z0-9_.-]{0,252}):(\d{1,5})(?:$|[\s"',;)/])`)
	devTCP   = regexp.MustCompile(`/dev/(?:tcp|udp)/([A-Za-z0-9][A-Za-z0-9_.-]{0,252})/(\d{1,5})`)
	asksHost = regexp.MustCompile(`\b(?:nc|ncat|netcat|nslookup|ping|telnet|dig|getent (?:ahosts|hosts)|wget|curl)((?:[ \t]+-{1,2}[A-Za-z][\w-]*(?:=\S+|[ \t]+\d+)?)*)[ \t]+["']?([A-Za-z0-9][A-Za-z0-9_.-]{0,252})["']?(?:[ \t]+(\d{1,5})\b|$|[\s;|&)<>])`)
	hostFlag = regexp.MustCompile(`\b(?:pg_isready|psql|mysql|mysqladmin|mariadb|mariadb-admin|redis-cli|mongosh?|rabbitmqadmin)\b[^\n;|&]{0,200}?(?:[ \t]-h[ \t]*|--host[= \t])["']?([A-Za-z0-9][A-Za-z0-9_.-]{0,252})`)
	portFlag = regexp.MustCompile(`^[^\n;|&]{0,100}?[ \t]-[pP][ \t]*(\d{1,5})\b`)
	svcName  = regexp.MustCompile(`\b([a-z0-9][a-z0-9.-]{0,200}\.svc(?:\.[a-z0-9.-]{1,50})?)\b`)
	waitsFor = regexp.MustCompile(`\b(?:until|while|wait|wait-for|wait4x|dockerize|nc|ncat|netcat|curl|wget|telnet)\b|wait[-_]?for`)
	// harmless are commands whose words are no hosts: app:1000 is an owner there.
	harmless  = regexp.MustCompile(`\b(?:echo|printf|chown|chgrp|install|docker|image)\b[^\n;|&]*|(?:^|\s)#[^\n]*`)
	reference = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_]*)\)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}\n]{0,100}))?\}|\$([A-Za-z_][A-Za-z0-9_]*)`)
)

// environment are the values that the spec itself gives, those that Kubernetes
// expands included. What comes from elsewhere is not known.
func environment(c *corev1.Container) map[string]string {
	env := map[string]string{}
	for _, e := range c.Env {
		if e.ValueFrom == nil && len(e.Value) <= maxSpecText {
			env[e.Name] = expand(e.Value, env)
		}
	}
	return env
}

// expand puts known values in the place of variables; others stay as they are.
func expand(s string, env map[string]string) string {
	if len(s) > maxSpecText {
		return ""
	}
	s = reference.ReplaceAllStringFunc(s, func(ref string) string {
		m := reference.FindStringSubmatch(ref)
		for _, name := range []string{m[1], m[2], m[4]} {
			if v, ok := env[name]; ok && name != "" {
				return v
			}
		}
		if m[3] != "" {
			return m[3]
		}
		return ref
	})
	return s[:min(len(s), maxSpecText)]
}

// commandText is what a container runs, as one text, with the variables that
// the spec sets in their places.
func commandText(c *corev1.Container, env map[string]string) string {
	words := append(append([]string{}, c.Command...), c.Args...)
	return expand(strings.Join(words, " "), env)
}

// commandHosts lists the hosts that a command asks for, in the order of the
// text.
func commandHosts(c *corev1.Container) []specHost {
	said := commandText(c, environment(c))
	var out hostList
	out.find(said, devTCP, 1, 2) // a shell echoes to it
	said = harmless.ReplaceAllString(said, "")
	out.find(said, urlHost, 1, 2)
	out.find(said, asksHost, 2, 3)
	out.find(said, svcName, 1, 0)
	for _, m := range hostFlag.FindAllStringSubmatchIndex(said, -1) {
		port := ""
		if p := portFlag.FindStringSubmatch(said[m[1]:]); p != nil {
			port = p[1]
		}
		out.add(said[m[2]:m[3]], port)
	}
	if waitsFor.MatchString(said) {
		out.find(said, hostPort, 1, 2)
	}
	return out
}

// envHosts lists the hosts that a container's variables and arguments name.
func envHosts(c *corev1.Container) []specHost {
	env := environment(c)
	var out hostList
	for _, e := range c.Env {
		value := strings.TrimSpace(env[e.Name])
		switch {
		case value == "":
		case strings.Contains(value, "://"):
			out.find(value, urlHost, 1, 2)
		case ownVariable.MatchString(e.Name):
		case hostVariable.MatchString(e.Name) && loglines.IsHost(strings.ToLower(value)):
			out.add(value, env[strings.TrimSuffix(strings.TrimSuffix(e.Name, "NAME"), "HOST")+"PORT"])
		case listVariable.MatchString(e.Name):
			for part := range strings.SplitSeq(value, ",") {
				out.find(strings.TrimSpace(part), hostPort, 1, 2)
			}
		}
	}
	for _, arg := range append(append([]string{}, c.Command...), c.Args...) {
		name, value, ok := strings.Cut(expand(arg, env), "=")
		if !ok || !strings.HasPrefix(name, "-") {
			continue
		}
		out.find(value, urlHost, 1, 2)
		if name = strings.ReplaceAll(strings.TrimLeft(name, "-"), "-", "_"); listVariable.MatchString(name) {
			out.find(value, hostPort, 1, 2)
			if hostVariable.MatchString(name) && loglines.IsHost(strings.ToLower(value)) {
				out.add(value, "")
			}
		}
	}
	return out
}

// hostList gathers hosts, each once.
type hostList []specHost

func (l *hostList) find(said string, re *regexp.Regexp, host, port int) {
	for _, m := range re.FindAllStringSubmatch(said, maxSpecHosts) {
		p := ""
		if port > 0 {
			p = m[port]
		}
		l.add(m[host], p)
	}
}

// maxSpecHosts bounds the hosts of one container.
const maxSpecHosts = 32

func (l *hostList) add(host, port string) {
	host = strings.TrimRight(strings.ToLower(host), ".-_")
	if !loglines.IsHost(host) || len(*l) >= maxSpecHosts {
		return
	}
	n, err := strconv.ParseInt(port, 10, 32)
	if err != nil || n < 1 || n > 65535 {
		n = 0
	}
	for i := range *l {
		if (*l)[i].host == host {
			if (*l)[i].port == 0 {
				(*l)[i].port = int32(n)
			}
			return
		}
	}
	*l = append(*l, specHost{host: host, port: int32(n)})
}
