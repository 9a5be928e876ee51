package redact

import (
	"net/netip"
	"strings"
)

// findIPv4 looks at the digits from start and returns where to go on.
func (p *pass) findIPv4(start int) int {
	s := p.s
	end := runEnd(s, start, func(c byte) bool { return isDigit(c) || c == '.' })
	for end > start && s[end-1] == '.' {
		end--
	}
	if start > 0 && (isAlnum(s[start-1]) && !escaped(s, start) || s[start-1] == '.' || s[start-1] == '_') || end < len(s) && (isAlpha(s[end]) || s[end] == '_') {
		return end
	}
	if end-start < 7 || strings.Count(s[start:end], ".") != 3 {
		return end
	}
	addr, err := netip.ParseAddr(s[start:end])
	if err != nil || p.isVersion(start) {
		return end
	}
	p.hideAddress(addr, start, end)
	return end
}

// isVersion tells whether four numbers at start are a version: the tag of an
// image, a browser's, or after the word.
func (p *pass) isVersion(start int) bool {
	s := p.s
	before := strings.ToLower(s[max(0, start-16):start])
	for _, w := range []string{"version ", "version=", "version: ", "version:", `version":"`, `version": "`, "chrome/", "safari/", "firefox/", "edg/", "opr/"} {
		if strings.HasSuffix(before, w) {
			return true
		}
	}
	if start < 2 || s[start-1] != ':' {
		return false
	}
	path := s[runStart(s, start-1, 200, func(c byte) bool { return isKeyByte(c) || c == '/' || c == ':' }) : start-1]
	return strings.Contains(path, "/") && !strings.Contains(path, "//") && isAlnum(path[0]) && !strings.Contains(path, ":/")
}

func (p *pass) hideAddress(addr netip.Addr, start, end int) {
	addr = addr.Unmap()
	if addr.IsLoopback() || addr.IsUnspecified() || isMaskOrMetadata(addr) {
		return
	}
	if p.known != nil {
		if name, ok := p.known(addr.WithZone("").String()); ok && validObject(name) {
			p.add(span{start: start, end: end, kind: "ip", object: name})
			return
		}
	}
	p.hide("ip", start, end)
}

// isMaskOrMetadata covers addresses that are the same everywhere: netmasks,
// broadcast and the clouds' metadata service.
func isMaskOrMetadata(addr netip.Addr) bool {
	if !addr.Is4() {
		return false
	}
	b := addr.As4()
	return b[0] == 255 || b == [4]byte{169, 254, 169, 254}
}

// findColons looks for an IPv6 or MAC address around the colon at i, whose
// run begins at start, and returns where to go on.
func (p *pass) findColons(start, i int) int {
	s := p.s
	if i+1 >= len(s) || s[i+1] != ':' && !isHex(s[i+1]) || i-start > 4 {
		return i + 1
	}
	if !allBytes(s[start:i], isHex) || start > 0 && (isAlnum(s[start-1]) || s[start-1] == '_' || s[start-1] == ':') && !escaped(s, start) {
		return i + 1
	}
	end := runEnd(s, start, func(c byte) bool { return isHex(c) || c == ':' })
	colons := strings.Count(s[start:end], ":")
	double := strings.Contains(s[start:end], "::")
	if colons < 5 && !double {
		return end // a time of day
	}
	if colons == 5 && !double && isMAC(s[start:end], ':') && !(end < len(s) && isAlnum(s[end])) {
		p.hideMAC(start, end)
		return end
	}
	p.findIPv6(start, end)
	return end
}

func (p *pass) findIPv6(start, end int) {
	s := p.s
	if end < len(s) && s[end] == '.' { // ::ffff:10.0.0.1
		if e := runEnd(s, end, func(c byte) bool { return isDigit(c) || c == '.' }); isAddr(strings.TrimRight(s[start:e], ".")) {
			end = start + len(strings.TrimRight(s[start:e], "."))
		}
	}
	if end < len(s) && (isAlnum(s[end]) || s[end] == '_') {
		return
	}
	if end-start > 1 && s[end-1] == ':' && s[end-2] != ':' {
		end-- // fe80::1: connection refused
	}
	addr, err := netip.ParseAddr(s[start:end])
	if err != nil || !strings.ContainsAny(s[start:end], "0123456789") {
		return
	}
	if e := runEnd(s, end, isKeyByte); end < len(s) && s[end] == '%' && e == end {
		end = runEnd(s, end+1, isAlnum)
	}
	p.hideAddress(addr, start, end)
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func isMAC(s string, sep byte) bool {
	if len(s) != 17 {
		return false
	}
	for i := range len(s) {
		if i%3 == 2 && s[i] != sep || i%3 != 2 && !isHex(s[i]) {
			return false
		}
	}
	return true
}

func (p *pass) findDashedMAC(start, end int) {
	if isMAC(p.s[start:end], '-') {
		p.hideMAC(start, end)
	}
}

func (p *pass) hideMAC(start, end int) {
	if digits := strings.Trim(p.s[start:end], ":-0fF"); digits != "" {
		p.hide("mac", start, end)
	}
}

// findHostPort asks for the object behind host:port, where the cluster knows
// the host.
func (p *pass) findHostPort(i int) {
	if p.known == nil || i+2 >= len(p.s) || !isDigit(p.s[i+1]) || !isDigit(p.s[i+2]) || i == 0 || p.inHidden(i-1) {
		return
	}
	from := runStart(p.s, i, 253, func(c byte) bool { return isAlnum(c) || c == '-' || c == '.' })
	if from < i && (from == 0 || p.s[from-1] != '/' || from > 1 && p.s[from-2] == '/') && isAlpha(p.s[from]) {
		p.nameHost(from, i)
	}
}
