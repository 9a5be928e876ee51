package loglines

import (
	"path"
	"regexp"
	"strings"
)

// untrusted are the words of TLS libraries for a certificate that is expired,
// not yet valid, of an unknown authority or of another name.
var untrusted = []*regexp.Regexp{
	// Go
	regexp.MustCompile(`\bx509: (?:certificate has expired or is not yet valid|certificate signed by unknown authority|certificate is valid for |certificate is not valid for |cannot validate certificate for |certificate relies on legacy Common Name|certificate is not authorized)`),
	regexp.MustCompile(`\bremote error: tls: (?:expired certificate|unknown certificate authority|certificate required|bad certificate)`),
	// OpenSSL, as in Python, Ruby, curl and psql
	regexp.MustCompile(`\bcertificate verify failed\b`),
	regexp.MustCompile(`\bSSL certificate problem: (?:certificate has expired|certificate is not yet valid|self[- ]signed certificate|unable to get local issuer certificate|invalid CA certificate)`),
	// Node
	regexp.MustCompile(`\b(?:CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(?:_LOCALLY)?|ERR_TLS_CERT_ALTNAME_INVALID)\b`),
	regexp.MustCompile(`^(?:\w+ )?Error: (?:certificate has expired|self[- ]signed certificate|unable to verify the first certificate|Hostname/IP does not match certificate's altnames)`),
	// in anybody's words
	regexp.MustCompile(`(?i)\bcertificate (?:has |is )?expired\b|\bexpired certificate\b|\bcertificate is not yet valid\b`),
	// Java
	regexp.MustCompile(`\bPKIX path (?:building|validation) failed\b|\bCertificate(?:Expired|NotYetValid)Exception: `),
}

var certificateFile = regexp.MustCompile(`(/[^\s"'‘’:,;()\[\]=]+\.(?:crt|pem|cer|cert|p12|jks))\b`)

var (
	// certificateField is a field of a structured line that names the program's
	// own certificate. A client's and an authority's go by other names.
	certificateField = regexp.MustCompile(`(?i)(?:^|[\s{,])"?((?:(?:tls|ssl|server|serving)[_.-]?)?(?:cert|certificate|crt)(?:[_.-]?(?:file|path))?|file|path)"?\s*[:=]\s*"?` + filePattern)
	// outOfDate is what a program can find wrong with a certificate of its own.
	outOfDate = regexp.MustCompile(`(?i)\bcertificate (?:has |is )?(?:expired|not yet valid)\b|\bexpired certificate\b|\bCertificate(?:Expired|NotYetValid)Exception: |\bCERT_(?:HAS_EXPIRED|NOT_YET_VALID)\b`)
	// otherSide marks a certificate that somebody else showed.
	otherSide   = regexp.MustCompile(`(?i)tls: failed to verify certificate|\bremote error: |://|\bhandshake\b|\bdial(?:ing)?\b|\b(?:client|peer|upstream)\b|\bconnect(?:ing|ion)?\b|(?:^|[\s{,])"?(?:peer|remote|remote_addr|upstream|endpoint|url|target|host|server|server_name|broker)"?[:=]`)
	quotedWords = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
)

// ownCertificate is the file that a structured line names beside its message as
// the certificate that is out of date; empty where it names none, or several,
// or speaks of the other side's certificate.
func ownCertificate(raw string) string {
	if !outOfDate.MatchString(raw) || otherSide.MatchString(raw) {
		return ""
	}
	fields := quotedWords.ReplaceAllStringFunc(raw, func(q string) string {
		if isPhrase(q) {
			return `"…"`
		}
		return q
	})
	named := ""
	for _, m := range certificateField.FindAllStringSubmatch(fields, 4) {
		general := strings.EqualFold(m[1], "file") || strings.EqualFold(m[1], "path")
		if general && !certificateFile.MatchString(m[2]) || path.Clean(m[2]) == path.Clean(named) {
			continue
		}
		if named != "" {
			return ""
		}
		named = m[2]
	}
	return named
}

var clock = regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*`)

// ExpiredAt reads a line that rejects the other side's certificate because its
// time is over: whom the call went to.
func ExpiredAt(line string) (c Call, ok bool) {
	if len(line) > maxCallLine || !outOfDate.MatchString(line) {
		return Call{}, false
	}
	line = clock.ReplaceAllString(line, "") // it looks like host:port
	if c, ok = firstPeer(clientWords, line); !ok {
		c, ok = firstPeer(looseWords, line)
	}
	return c, ok
}

// readCertificate reads whether a program gives up for a certificate, and of
// which file.
func readCertificate(line string) (Reason, bool) {
	for _, re := range untrusted {
		if !re.MatchString(line) {
			continue
		}
		r := Reason{Trouble: Certificate}
		if m := certificateFile.FindStringSubmatch(line); m != nil {
			r.Path = m[1]
		}
		return r, true
	}
	return Reason{}, false
}
