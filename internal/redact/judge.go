package redact

import (
	"strings"
)

// judge decides whether the value of a field goes, and hides it.
func (p *pass) judge(f field, ext extent) {
	value := p.s[ext.start:ext.end]
	if p.mayStay(f, ext, value) {
		return
	}
	sp := span{start: ext.start, end: ext.end, kind: f.kind}
	if !ext.quoted && strings.HasSuffix(f.keyQuote, `"`) && allBytes(value, func(c byte) bool { return isDigit(c) || c == '.' || c == '-' }) {
		sp.quote = f.keyQuote
	}
	p.add(sp)
}

func (p *pass) mayStay(f field, ext extent, value string) bool {
	sh := p.e.shapes
	if sh.survives(value, ext.quoted) {
		return true
	}
	if f.spoken && (sh.prose.MatchString(strings.TrimRight(value, ".,;:!")) || strings.HasPrefix(value, "/")) {
		return true
	}
	if f.sep == ' ' && f.flag && strings.HasPrefix(value, "-") {
		return true
	}
	switch f.weight {
	case telling:
		return p.tellingStays(f, ext, value)
	case hinting:
		return !looksSecret(value) && !isBasicPair(value)
	case coding:
		return !p.inQuery(f) || len(value) < 8
	case dialled:
		return mixOf(value).digit < 6 || len(value) > 32
	case user:
		return !looksPersonal(value, ext.quoted)
	}
	return true
}

// tellingStays lists the values that stay behind a name such as "token".
func (p *pass) tellingStays(f field, ext extent, value string) bool {
	sh := p.e.shapes
	var w name
	w.split(f.name)
	last := string(w.word(-1))
	switch {
	case strings.HasSuffix(last, "s") && p.e.vocab.counted[last] && sh.count.MatchString(value):
		return true // max_tokens: 4096
	case last == "token" && w.size > 1 && countedBy(string(w.word(0))) && sh.count.MatchString(value):
		return true
	case (strings.EqualFold(f.name, "secret") || strings.EqualFold(f.name, "secrets")) && sh.object.MatchString(value):
		return true // secret=shop/db-credentials
	case isPath(value) || hasSuffixFold(f.name, "pwd") && strings.HasPrefix(value, "/"):
		return true
	case !ext.quoted && sh.structure.MatchString(value):
		return true // SecretVolumeSource{SecretName:…: its fields are judged themselves
	case (last == "pin" || last == "pins" || last == "otp") && !allBytes(value, isDigit):
		return true
	}
	return f.sep == ':' && !f.tight && !ext.quoted && !f.flag && p.afterWord(f.start, sh.complaint) && sh.prose.MatchString(value)
}

func countedBy(w string) bool {
	switch w {
	case "max", "min", "num", "total", "prompt", "completion", "per", "count":
		return true
	}
	return false
}

// isPath tells whether a value is a file's path below a common directory.
func isPath(v string) bool {
	if len(v) < 4 || v[0] != '/' || !allBytes(v, func(c byte) bool { return isKeyByte(c) || c == '/' }) {
		return false
	}
	top, _, ok := strings.Cut(v[1:], "/")
	if !ok {
		return false
	}
	switch top {
	case "var", "run", "etc", "vault", "mnt", "opt", "home", "tmp", "secrets", "secret", "usr", "srv", "app", "config", "data", "root", "workspace":
		return true
	}
	return false
}

// inQuery tells whether a name is a parameter in a URL's query.
func (p *pass) inQuery(f field) bool {
	if f.sep != '=' || f.start == 0 {
		return false
	}
	before := p.s[max(0, f.start-6):f.start]
	return strings.HasSuffix(before, "?") || strings.HasSuffix(before, "&") || strings.HasSuffix(before, "&amp;") ||
		hasSuffixFold(before, `\u0026`) || hasSuffixFold(before, "%26") || hasSuffixFold(before, "%3f")
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// looksPersonal tells whether a user= value is a person's rather than a
// system's account.
func looksPersonal(v string, quoted bool) bool {
	if len(v) > 128 || !quoted && strings.ContainsAny(v, "{}<>()$/") || strings.ContainsAny(v, "{}\n") {
		return false
	}
	if strings.HasPrefix(v, "system:") || allBytes(v, isDigit) || isUUID(v) {
		return false
	}
	switch strings.ToLower(strings.Trim(v, ".,;:")) {
	case "root", "nobody", "postgres", "mysql", "redis", "nginx", "www-data", "admin", "administrator", "app", "default",
		"anonymous", "guest", "user", "users", "daemon", "system", "mongodb", "rabbitmq", "elastic", "kafka", "git", "jenkins",
		"ubuntu", "ec2-user", "core", "service", "svc", "sa", "nonroot", "unknown", "name", "username":
		return false
	}
	return true
}
