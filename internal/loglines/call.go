package loglines

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// Failure is how a call to a peer failed, as the caller's log tells it.
type Failure int

const (
	Unreachable Failure = iota + 1 // nobody listens there, or there is no way to it
	TimedOut                       // no answer while connecting
	NameUnknown                    // the DNS answered that there is no such name
	NameFailed                     // the name did not resolve: no such name, or no DNS
	NameTimeout                    // the DNS did not answer
)

// Named reports a failure before any address was known.
func (o Failure) Named() bool { return o >= NameUnknown }

// Call is one failed call to a peer. Host is empty where the log does not name
// the peer, or names an address that redaction hid.
type Call struct {
	How  Failure
	Host string // in lower case
	// Object is the peer by the name that redaction gave its address, such as
	// "svc shop/cache".
	Object string
	Port   int32 // 0 where the log names none
	// Foreign marks a peer that the log names by an address which is none of the
	// cluster's: redaction hid it, and knew no object for it.
	Foreign bool
	// Loose marks a peer that was found by its form alone: it counts only where
	// a Service of that name exists.
	Loose bool
}

// To is whom the call went to, however it failed.
func (c Call) To() Call {
	if c.Host != "" || c.Object != "" {
		return Call{Host: c.Host, Object: c.Object}
	}
	return Call{Port: c.Port, Foreign: c.Foreign}
}

// failureOf says how a call failed that the line speaks of; 0 if it speaks of
// none.
func failureOf(line string) Failure {
	for _, o := range callFailures {
		if o.pattern.MatchString(line) && (o.how != TimedOut || !connectedBefore.MatchString(line)) {
			return o.how
		}
	}
	return 0
}

// ParseCall reads a line that says that a peer could not be reached; ok is
// false for other lines. A peer that it does not name stays empty.
func ParseCall(line string) (c Call, ok bool) {
	if len(line) > maxCallLine {
		return Call{}, false
	}
	if !wrapsItsWords.MatchString(line) {
		line = spoken(line)
	}
	how := failureOf(line)
	if how == 0 {
		return Call{}, false
	}
	c, ok = firstPeer(clientWords, line)
	if hidden := c; !ok {
		c, ok = firstPeer(looseWords, line)
		c.Loose = ok
		if !ok {
			c.Port, c.Foreign = hidden.Port, hidden.Foreign
		}
	}
	if !ok && ownMachine.MatchString(line) {
		return Call{}, false
	}
	c.How = how
	return c, true
}

// wrapsItsWords are the clients whose own words stand in quotation marks. Other
// quotations are somebody else's words.
var wrapsItsWords = linePattern(`\(\d{4}, "Can't connect|Caused by (?:NewConnectionError|NameResolutionError|ConnectTimeoutError)\(|\bdesc = "(?:transport|name resolver)`)

// ownMachine are the names of the caller's own pod: what fails there is no
// dependency.
var ownMachine = linePattern(`(?i)\blocalhost\b|\b127\.\d{1,3}\.\d{1,3}\.\d{1,3}\b|\[::1\]|(?:^|[\s(])::1:\d`)

// firstPeer finds a peer in a line; where it finds none, it may still know the
// port, that of an address.
func firstPeer(words []*pattern, line string) (c Call, ok bool) {
	for _, re := range words {
		for _, m := range re.FindAllStringSubmatch(line, maxPeers) {
			found, ok := peerIn(m)
			if ok {
				return found, true
			}
			c.Port, c.Foreign = cmp.Or(c.Port, found.Port), c.Foreign || found.Foreign
		}
	}
	return c, false
}

// The bounds of reading one line.
const (
	maxCallLine = 4 << 10
	maxPeers    = 4
)

// peerIn reads a match of a pattern; ok is false for an address that says
// nothing, such as one that redaction hid.
func peerIn(m []string) (c Call, ok bool) {
	if len(m) > 3 && m[3] != "" {
		n, err := strconv.ParseInt(m[3], 10, 32)
		if err != nil || n < 1 || n > 65535 {
			return Call{}, false
		}
		c.Port = int32(n)
	}
	if inside, is := strings.CutPrefix(m[2], "⟨"); is && strings.Contains(inside, " ") {
		c.Object = strings.TrimSuffix(inside, "⟩")
		return c, true
	}
	for _, name := range []string{m[2], m[1]} {
		if c.Host = strings.TrimRight(strings.ToLower(name), ".-_"); IsHost(c.Host) {
			return c, true
		}
	}
	return Call{Port: c.Port, Foreign: strings.HasPrefix(m[2], "⟨ip")}, false
}

var hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// IsHost reports whether s can be the DNS name of another machine.
func IsHost(s string) bool {
	return len(s) <= 253 && hostForm.MatchString(s) && strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz") &&
		s != "localhost" && !strings.HasPrefix(s, "localhost.")
}
