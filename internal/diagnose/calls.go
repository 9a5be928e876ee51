package diagnose

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// callFailure is how a call to a peer failed, as the caller's log tells it.
type callFailure int

const (
	unreachable callFailure = iota + 1 // nobody listens there, or there is no way to it
	timedOut                           // no answer while connecting
	nameUnknown                        // the DNS answered that there is no such name
	nameFailed                         // the name did not resolve: no such name, or no DNS
	nameTimeout                        // the DNS did not answer
)

// named reports a failure before any address was known.
func (o callFailure) named() bool { return o >= nameUnknown }

// call is one failed call to a peer. host is empty where the log does not name
// the peer, or names an address that redaction hid.
type call struct {
	how  callFailure
	host string // in lower case
	// object is the peer by the name that redaction gave its address, such as
	// "svc shop/cache".
	object string
	port   int32 // 0 where the log names none
	// loose marks a peer that was found by its form alone: it counts only where
	// a Service of that name exists.
	loose bool
}

// to is whom the call went to, however it failed.
func (c call) to() call {
	if c.host != "" || c.object != "" {
		return call{host: c.host, object: c.object}
	}
	return call{port: c.port}
}

// failureOf says how a call failed that the line speaks of; 0 if it speaks of
// none.
func failureOf(line string) callFailure {
	for _, o := range callFailures {
		if o.pattern.MatchString(line) && (o.how != timedOut || !connectedBefore.MatchString(line)) {
			return o.how
		}
	}
	return 0
}

// parseCall reads a line that says that a peer could not be reached; ok is
// false for other lines. A peer that it does not name stays empty.
func parseCall(line string) (c call, ok bool) {
	if len(line) > maxCallLine {
		return call{}, false
	}
	if !wrapsItsWords.MatchString(line) {
		line = spoken(line)
	}
	how := failureOf(line)
	if how == 0 {
		return call{}, false
	}
	c, ok = firstPeer(clientWords, line)
	if port := c.port; !ok {
		c, ok = firstPeer(looseWords, line)
		c.loose = ok
		if !ok {
			c.port = port
		}
	}
	if !ok && ownMachine.MatchString(line) {
		return call{}, false
	}
	c.how = how
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
func firstPeer(words []*pattern, line string) (c call, ok bool) {
	for _, re := range words {
		for _, m := range re.FindAllStringSubmatch(line, maxPeers) {
			found, ok := peerIn(m)
			if ok {
				return found, true
			}
			c.port = cmp.Or(c.port, found.port)
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
func peerIn(m []string) (c call, ok bool) {
	if len(m) > 3 && m[3] != "" {
		n, err := strconv.ParseInt(m[3], 10, 32)
		if err != nil || n < 1 || n > 65535 {
			return call{}, false
		}
		c.port = int32(n)
	}
	if inside, is := strings.CutPrefix(m[2], "⟨"); is && strings.Contains(inside, " ") {
		c.object = strings.TrimSuffix(inside, "⟩")
		return c, true
	}
	for _, name := range []string{m[2], m[1]} {
		if c.host = strings.TrimRight(strings.ToLower(name), ".-_"); isHost(c.host) {
			return c, true
		}
	}
	return call{port: c.port}, false
}

var hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// isHost reports whether s can be the DNS name of another machine.
func isHost(s string) bool {
	return len(s) <= 253 && hostForm.MatchString(s) && strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz") &&
		s != "localhost" && !strings.HasPrefix(s, "localhost.")
}
