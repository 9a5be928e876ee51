package loglines

import (
	"regexp"
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// A program's log proves a cause of its own words only where they are the
// reason for its end:
//
//   - The last error before the end decides. What the program only warned of, or
//     went on after, does not.
//   - Where the program said much more after the error, it went on.
//   - Lines that continue an error (frames of a trace), that merely announce the
//     end ("FATAL: giving up") or that say nothing of trouble are passed over.
//   - An error further up decides only if the last one repeats it as its reason:
//     it names the same file, or trouble of the same kind.
//   - In a container that runs and is not ready, nothing has ended. There the
//     error must come again and again, or stand last, and be the only one but
//     for the exception that its own entry ends with each time.
//   - Names and phrases inside quotation marks are somebody else's words, unless
//     the quotation is the message of a structured line.
//
// What the line names must agree with the spec: the account with the pod's own,
// the file with a mounted volume. Else the line is a suspicion.

// Reason is the trouble for which a program gives up, as one line of its log
// says, and what that line names.
type Reason struct {
	Trouble  Trouble
	Path     string // of the file that it speaks of; empty where it names none
	ReadOnly bool   // the file system refuses all writes
	System   string // the kind of dependency that refuses credentials: see Systems
	Refused  Refusal
}

// readers read a line's reason, the most specific first. Each is asked only
// where a line holds one of its hints, in lower case: most lines hold none, and
// patterns are dear.
var readers = []struct {
	hints []string
	read  func(line string) (Reason, bool)
}{
	{[]string{"is forbidden: user"}, readForbidden},
	{[]string{"denied", "not permitted", "read-only file system", "no space left"}, readFileError},
	{[]string{"no space left", "enospc"}, readNoRoom},
	{[]string{"certificate", "x509: ", "_cert", "cert_", "unable_to_verify", "pkix path"}, readCertificate},
	{[]string{"authentication", "invalid", "wrong", "bad ", "incorrect", "access denied for user", "authenticationfailed", "wrongpass", "err invalid password", "login", "not allowed", "sasl", "ldap", "535", "invalidaccesskeyid", "invalidclienttokenid", "signaturedoesnotmatch", "401"}, readRejection},
	{[]string{"[emerg]", "[alert]", "config", "error", "invalid", "pars", "fail", "cannot", "can't", "unable", "could", "malformed", "illegal", "bad ", "option", "wrong group", "line ", "line: "}, readRejectedFile},
	{[]string{"deadlock", "too many", "connection", "to connect", "queuepool", "max number of clients", "429", "rate limit", "ratelimit", "throttling", "toomanyrequests"}, readContention},
}

// readReason reads why a program gives up; ok is false for every other line.
func readReason(raw string) (r Reason, ok bool) {
	lower := strings.ToLower(raw)
	line := ""
	for _, reader := range readers {
		if !slices.ContainsFunc(reader.hints, func(h string) bool { return strings.Contains(lower, h) }) {
			continue
		}
		if line == "" {
			line = spoken(raw)
		}
		if r, ok = reader.read(line); ok {
			if r.Trouble == Certificate && r.Path == "" {
				r.Path = ownCertificate(raw)
			}
			return r, !ownService(raw, r.Trouble)
		}
	}
	return Reason{}, false
}

// servers are lines in which a database or a web server tells of its clients.
var servers = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Z]{3,5} \[\d+\](?: \S+)? [A-Z]+:  |"s":"[A-Z]\d?",|TLS handshake error from |\b(?:for|from) (?:client|ip|peer|remote)\b|\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /\S* HTTP/`)

// ownService reports whether the program speaks of what it refused others.
func ownService(raw string, t Trouble) bool {
	switch t {
	case Credentials, Certificate, Deadlock,
		Connections, RateLimit:
		return servers.MatchString(raw)
	default:
		return false
	}
}

// Decided is the line that decides, and the later one that repeats it, if any.
type Decided struct {
	Reason
	At    int
	Later int // -1: none
}

// maxAfter is how many lines of no trouble a program may say after its last
// error: words of farewell, and what it had not written out yet.
const maxAfter = 12

// LastReason finds the reason for the end that lines tell of. running means
// that nothing has ended.
func LastReason(lines []redact.Text, running bool) (d Decided, ok bool) {
	later, other := -1, 0
	passed := wrapped(lines, running)
	for n := len(lines) - 1; n >= 0; n-- {
		raw := lines[n].String()
		if !running && other > maxAfter {
			break
		}
		if isMild(raw) || passed[n] {
			other++
			continue
		}
		if r, reads := readReason(raw); reads {
			switch {
			case later >= 0 && !repeats(lines[later].String(), r):
				return d, ok
			case !r.vague():
				return Decided{Reason: r, At: n, Later: later}, true
			case later < 0: // a line above may know which file
				d, ok, later = Decided{Reason: r, At: n, Later: -1}, true, n
			}
			continue
		}
		switch {
		case continues(raw) || closes(spoken(raw)):
		case !running && worksOn(raw):
			return d, ok
		case fails(raw):
			if later >= 0 {
				return d, ok
			}
			later = n
		default:
			other++
		}
	}
	return d, ok
}

// Insists reports whether lines hold d's error alone, and more than once or as
// the last word.
func Insists(lines []redact.Text, d Decided) bool {
	times, passed := 0, wrapped(lines, true)
	for n, line := range lines {
		raw := line.String()
		r, ok := readReason(raw)
		switch {
		case isMild(raw) || passed[n]:
		case ok && r == d.Reason:
			times++
		case n != d.Later && fails(raw) && !continues(raw) && !closes(spoken(raw)):
			return false
		}
	}
	last := len(lines) - 1
	for last > d.At && continues(lines[last].String()) { // its own frames
		last--
	}
	return times > 1 || d.At == last
}

// vague reports a reason that would say more if it named a file.
func (r Reason) vague() bool { return r.Trouble == DiskFull && r.Path == "" }

// repeats reports whether a later error gives r as its reason.
func repeats(later string, r Reason) bool {
	return TroubleOf(later) == r.Trouble || len(r.Path) > 3 && strings.Contains(later, r.Path)
}

// fails reports whether a line tells of an error, whatever it is.
func fails(raw string) bool { return strings.HasPrefix(raw, "Caused by: ") || Tells(raw) }
