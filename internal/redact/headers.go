package redact

import "strings"

// findAuthorization covers Authorization and Proxy-Authorization in any
// carrier; the scheme's name stays.
func (p *pass) findAuthorization(_, start, end int) {
	if p.inHidden(start) || start < p.headerSeen {
		return
	}
	f := field{start: start, end: runEnd(p.s[:min(len(p.s), end+1)], end, isAlnum), name: "authorization", weight: telling, kind: "credential"}
	if f.end != end || !p.separator(&f) || f.at >= len(p.s) || f.sep == ' ' {
		return
	}
	p.keyEnd = max(p.keyEnd, f.end)
	i := runEnd(p.s, f.at, func(c byte) bool { return c == '[' || isQuote(c) || c == '\\' })
	limit := p.headerEnd(i)
	p.headerSeen = limit
	word := runEnd(p.s[:min(len(p.s), i+40)], i, func(c byte) bool { return isAlnum(c) || c == '-' })
	if word < limit && p.s[word] == ' ' && isScheme(p.s[i:word]) {
		i = runEnd(p.s, word, isBlank)
	} else if p.e.shapes.survives(p.s[i:limit], false) || p.e.shapes.plain[strings.ToLower(p.s[i:word])] && word < limit {
		return // authorization: failed for …
	}
	p.hide("credential", i, limit)
}

func isScheme(s string) bool {
	switch strings.ToLower(s) {
	case "bearer", "basic", "digest", "token", "negotiate", "ntlm", "apikey", "aws4-hmac-sha256", "hawk", "oauth", "dpop",
		"sharedkey", "sharedaccesssignature", "key", "splunk", "genie-key", "jwt", "ssws", "bot":
		return true
	}
	return false
}

// headerEnd ends a header's value: at its quote, bracket or line.
func (p *pass) headerEnd(i int) int {
	s := p.s
	for k := i; k < len(s); {
		if n := p.skip(k); n > 0 {
			k += n
			continue
		}
		switch c := s[k]; {
		case c == '\n' || c == ']' || c == '}' || isQuote(c) && (k+1 == len(s) || !isAlnum(s[k+1])):
			return k
		case c == '\\' && k+1 < len(s) && (isQuote(s[k+1]) || s[k+1] == 'n' || s[k+1] == 'r' || s[k+1] == '\\'):
			return k
		}
		k++
	}
	return len(s)
}

// findCookie covers Cookie and Set-Cookie: every value of the header goes.
func (p *pass) findCookie(_, start, end int) {
	if p.inHidden(start) || start < p.headerSeen {
		return
	}
	f := field{start: start, end: end, name: "cookie", weight: telling, kind: "cookie"}
	if !p.separator(&f) || f.sep != ':' && f.sep != '=' || f.at >= len(p.s) {
		return
	}
	i := runEnd(p.s, f.at, func(c byte) bool { return c == '[' || isQuote(c) || c == '\\' })
	limit := p.headerEnd(i)
	p.headerSeen = limit
	if strings.Contains(p.s[i:limit], "=") {
		p.keyEnd = max(p.keyEnd, f.end)
		p.hide("cookie", i, limit)
	}
}

// findBearer covers "Bearer …" outside of a header.
func (p *pass) findBearer(_, start, end int) {
	if p.inHidden(start) {
		return
	}
	i := runEnd(p.s, end, isBlank)
	to := runEnd(p.s, i, func(c byte) bool { return isWordByte(c) || c == '.' || c == '~' })
	word := p.s[i:to]
	if len(word) < 8 || strings.Contains(word, "=\"") || to < len(p.s) && p.s[to] == '"' && strings.HasSuffix(word, "=") {
		return
	}
	if m := mixOf(word); m.digit == 0 && len(word) < 20 {
		return
	}
	p.hide("token", i, to)
}

// findBasic covers "Basic dXNlcjpwYXNz" outside of a header.
func (p *pass) findBasic(_, start, end int) {
	if p.inHidden(start) {
		return
	}
	i := runEnd(p.s, end, isBlank)
	to := runEnd(p.s, i, isWordByte)
	if isBasicPair(p.s[i:to]) {
		p.hide("basic-auth", i, to)
	}
}

// isBasicPair tells whether s is base64 of user:password.
func isBasicPair(s string) bool {
	if len(s) < 8 {
		return false
	}
	raw, ok := decodeBase64(s)
	return ok && isPrintable(raw) && strings.Contains(raw, ":") && !strings.ContainsAny(raw, "\n")
}
