package redact

import "strings"

// maxAuthority bounds the bytes of a URL's authority with its user info.
const maxAuthority = 2048

// findURL looks behind "://" for user info and for hosts the cluster knows.
func (p *pass) findURL(_, _, end int) {
	if p.inHidden(end) {
		return
	}
	s := p.s
	if !p.hasAt(end) {
		p.knownHost(end)
		return
	}
	stop, at, slash := end, -1, -1
	for stop < len(s) && stop < end+maxAuthority {
		if n := p.skip(stop); n > 0 {
			stop += n
			continue
		}
		c := s[stop]
		if isSpace(c) || c == '"' || c == '`' || c == '<' || c == '>' || c == '\'' && at < 0 && slash >= 0 {
			break
		}
		if c == '\\' && stop+1 < len(s) && (isQuote(s[stop+1]) || s[stop+1] == 'n') {
			break
		}
		if (c == '/' || c == '?' || c == '#') && slash < 0 {
			slash = stop
		}
		if c == '@' && p.closesUserInfo(end, stop, slash) {
			at = stop
		}
		stop++
	}
	if at < 0 {
		p.knownHost(end)
		return
	}
	if p.holdsSecret(end, at) {
		p.hide("userinfo", end, at)
	}
	p.knownHost(at + 1)
}

// hasAt tells whether an @ follows in the same word. It remembers how far there
// was none, so that many URLs in one word cost one look.
func (p *pass) hasAt(start int) bool {
	i := max(start, p.atSeen)
	for i < len(p.s) && i < start+maxAuthority && !isSpace(p.s[i]) {
		if p.s[i] == '@' {
			return true
		}
		i++
	}
	p.atSeen = i
	return false
}

// closesUserInfo tells whether the @ at i ends user info: before the first
// slash always, behind one only if a password with a slash explains it.
func (p *pass) closesUserInfo(start, i, slash int) bool {
	if slash < 0 {
		return true
	}
	name, rest, ok := strings.Cut(p.s[start:slash], ":")
	if !ok || name != "" && !allBytes(name, func(c byte) bool { return isKeyByte(c) || c == '%' }) {
		return false
	}
	return !allBytes(rest, isDigit) && !strings.HasPrefix(rest, "[") && !strings.ContainsAny(p.s[slash:i], "?&=")
}

// holdsSecret tells whether user info has more than a plain account name:
// git@host and oauth2@host stay.
func (p *pass) holdsSecret(start, end int) bool {
	info := p.s[start:end]
	if name, password, ok := strings.Cut(info, ":"); ok {
		return !p.e.shapes.survives(password, true) || !p.e.shapes.survives(name, true) && name != "" && looksSecret(name)
	}
	switch info {
	case "git", "hg", "svn", "ssh":
		return false
	}
	return true
}

// findDriverDSN covers Go's MySQL form user:password@tcp(host:port)/db.
func (p *pass) findDriverDSN(_, start, _ int) {
	if p.inHidden(start) {
		return
	}
	from := start
	for n := 0; from > 0 && n < 256; n++ {
		c := p.s[from-1]
		if isSpace(c) || c >= 0x80 || isQuote(c) || c == '=' && from-1 > 0 && isKeyByte(p.s[from-2]) && !strings.Contains(p.s[from:start], ":") {
			break
		}
		from--
	}
	if strings.Contains(p.s[from:start], ":") && !strings.HasPrefix(p.s[from:start], "//") {
		p.hide("userinfo", from, start)
	}
}

// findOracle covers jdbc:oracle:thin:user/password@host.
func (p *pass) findOracle(_, _, end int) {
	s := p.s
	stop := end
	for stop < len(s) && stop < end+256 && !isSpace(s[stop]) && !isQuote(s[stop]) && s[stop] != '@' && s[stop] < 0x80 {
		stop++
	}
	if from := strings.IndexByte(s[end:stop], ':'); from >= 0 && stop < len(s) && s[stop] == '@' && strings.Contains(s[end+from:stop], "/") {
		p.hide("userinfo", end+from+1, stop)
	}
}

// knownHost asks for the object behind a host at i; addresses are left to the
// address finders.
func (p *pass) knownHost(i int) {
	if p.known == nil || i >= len(p.s) {
		return
	}
	end := min(runEnd(p.s, i, func(c byte) bool { return isAlnum(c) || c == '-' || c == '.' || c == '_' }), i+253)
	p.nameHost(i, end)
}

func (p *pass) nameHost(start, end int) {
	for end > start && p.s[end-1] == '.' {
		end--
	}
	host := p.s[start:end]
	if host == "" || !strings.ContainsFunc(host, func(r rune) bool { return r >= 'a' && r <= 'z' }) {
		return
	}
	if name, ok := p.known(host); ok && validObject(name) {
		p.add(span{start: start, end: end, kind: "host", object: name})
	}
}

// findServiceHost covers names below .svc and hosts in resolver errors.
func (p *pass) findServiceHost(_, start, end int) {
	if p.known == nil || p.inHidden(start) {
		return
	}
	hostByte := func(c byte) bool { return isAlnum(c) || c == '-' || c == '.' }
	if p.s[start] != '.' { // "lookup "
		p.nameHost(end, min(runEnd(p.s, end, hostByte), end+253))
		return
	}
	p.nameHost(runStart(p.s, start, 253, hostByte), min(runEnd(p.s, end, hostByte), end+253))
}
