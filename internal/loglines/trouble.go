package loglines

import "github.com/countersign-dev/countersign/internal/redact"

// Trouble is what a line of a log speaks of, other than the program's own
// errors; empty if it speaks of none. It proves nothing by itself.
type Trouble string

// The troubles that lines speak of.
const (
	Dependency    Trouble = "dependency"    // one that cannot be reached
	Lookup        Trouble = "lookup"        // a name that does not resolve
	Credentials   Trouble = "credentials"   // ones that are rejected
	Permission    Trouble = "permission"    // one that the API server refuses
	Certificate   Trouble = "certificate"   // one that is not accepted
	DiskFull      Trouble = "disk full"     // or a volume
	FileDenied    Trouble = "file denied"   // one that may not be written or read
	Configuration Trouble = "configuration" // one that the program rejects
	Deadlock      Trouble = "deadlock"      // in a database
	RateLimit     Trouble = "rate limit"    // of what the program calls
	Connections   Trouble = "connections"   // of a pool or a server: all are taken
)

// Troubles lists them all.
func Troubles() []Trouble {
	out := make([]Trouble, len(clues))
	for n := range clues {
		out[n] = clues[n].trouble
	}
	return out
}

// clues are the phrases that speak of a trouble, tried in this order.
var clues = []struct {
	trouble Trouble
	pattern *pattern
}{
	{Dependency, linePattern(`(?i)connection refused|econnrefused|no route to host|etimedout|i/o timeout|connection timed out|could not connect|can't connect|connection reset|econnreset|connection to .* failed|server closed the connection|host is unreachable`)},
	{Lookup, linePattern(`(?i)no such host|\benotfound\b|name or service not known|temporary failure in name resolution|eai_again|bad address|could not translate host name|could not resolve host|unknown host|nxdomain`)},
	{Credentials, linePattern(`(?i)authentication failed|access denied for user|invalid password|wrongpass|noauth|401 unauthorized|invalid credentials|login failed|login was refused|not authorized to log in|\b401 client error|status code 401\b`)},
	{Permission, linePattern(`(?i)is forbidden: user|403 forbidden|cannot (?:get|list|watch|create|update|patch|delete) resource`)},
	{Certificate, linePattern(`(?i)x509: |certificate (?:has expired|verify failed|signed by unknown)|cert_has_expired|self[- ]signed certificate|certificate problem|pkix path|tls: (?:expired|bad) certificate`)},
	{DiskFull, linePattern(`(?i)no space left on device|enospc`)},
	{FileDenied, linePattern(`(?i)permission denied|eacces|read-only file system|erofs`)},
	{Configuration, linePattern(`(?i)\[emerg\]|invalid config|configuration (?:file )?.*(?:invalid|error|failed)|(?:error|failed|cannot|can't|unable).{0,20} (?:parse|parsing|read|reading|load|loading|decode|decoding|unmarshal).{0,40}(?:config|\.ya?ml|\.json|\.toml|\.conf)|yaml: |unknown directive|syntax error (?:in|on line)|config file error|error initializing config|parsing \[/|error during parsing`)},
	{Deadlock, linePattern(`(?i)deadlock (?:detected|found)`)},
	{RateLimit, linePattern(`(?i)429 (?:too many requests|client error)|status code 429\b|rate limit exceeded|toomanyrequests`)},
	{Connections, linePattern(`(?i)too many (?:clients|connections)|pool exhausted|remaining connection slots|timeout acquiring (?:a )?connection`)},
}

// TroubleOf finds the trouble that a line speaks of.
func TroubleOf(line string) Trouble {
	for _, c := range clues {
		if c.pattern.MatchString(line) {
			return c.trouble
		}
	}
	return ""
}

// LastTrouble is the last trouble that a log speaks of.
func LastTrouble(lines []redact.Text) Trouble {
	for n := len(lines) - 1; n >= 0; n-- {
		if t := TroubleOf(lines[n].String()); t != "" {
			return t
		}
	}
	return ""
}
