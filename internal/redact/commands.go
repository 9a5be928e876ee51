package redact

import "strings"

// findCommand covers command lines whose short flags carry a password: the
// anchor is the program's name, the flag must follow on the same line.
func (p *pass) findCommand(_, start, end int) {
	s := p.s
	if start > 0 && (isAlnum(s[start-1]) || s[start-1] == '_') || end < len(s) && (isAlnum(s[end]) || s[end] == '_') {
		if !strings.HasPrefix(s[end:], "dump") && !strings.HasPrefix(s[end:], "admin") {
			return
		}
		end = runEnd(s, end, isAlpha)
	}
	rule := commandRule(strings.ToLower(s[start:end]))
	limit := lineEndIn(s, end, 1024)
	args := argumentsOf(s, end, limit)
	for i, a := range args {
		p.commandArgument(rule, args, i, a)
	}
}

// command says which flags of a program carry secrets.
type command struct {
	next     string // flags whose next argument is the secret
	attached string // flags whose rest is the secret
	pair     string // flags whose next argument is user:password
}

func commandRule(name string) command {
	switch name {
	case "mysql", "mysqldump", "mysqladmin", "mariadb", "mariadbdump", "sshpass":
		return command{attached: "-p", next: map[bool]string{true: "-p"}[name == "sshpass"]}
	case "redis-cli", "valkey-cli":
		return command{next: "-a --pass"}
	case "curl", "wget":
		return command{pair: "-u --user --proxy-user -U", attached: "-u"}
	case "docker", "podman", "helm", "skopeo", "crane", "mongo", "mongosh", "mongodump", "az", "oc":
		return command{next: "-p --creds --src-creds --dest-creds"}
	case "sqlcmd", "bcp":
		return command{next: "-P", attached: "-P"}
	case "ldapsearch", "ldapadd", "ldapmodify":
		return command{next: "-w"}
	}
	return command{}
}

type argument struct{ start, end int }

// argumentsOf splits a command line, or the rest of a JSON list of arguments.
func argumentsOf(s string, i, limit int) []argument {
	var args []argument
	gap := func(c byte) bool { return isBlank(c) || isQuote(c) || c == ',' || c == '[' || c == ']' || c == '\\' }
	for len(args) < 64 {
		i = runEnd(s[:limit], i, gap)
		if i >= limit {
			break
		}
		var quote byte
		if i > 0 && isQuote(s[i-1]) {
			quote = s[i-1]
		}
		end := i // the last argument may reach beyond the limit: it goes whole
		for end < len(s) && s[end] != '\n' && (quote != 0 && s[end] != quote && s[end] != '\\' || quote == 0 && !isBlank(s[end]) && !isQuote(s[end])) {
			end++
		}
		args = append(args, argument{i, end})
		i = max(end, i+1)
	}
	return args
}

func (p *pass) commandArgument(rule command, args []argument, i int, a argument) {
	text := p.s[a.start:a.end]
	has := func(flags string) bool { return flags != "" && strings.Contains(" "+flags+" ", " "+text+" ") }
	switch {
	case i+1 < len(args) && has(rule.pair):
		next := p.s[args[i+1].start:args[i+1].end]
		if _, password, ok := strings.Cut(next, ":"); ok && !strings.HasPrefix(password, "//") && !p.e.shapes.survives(password, true) {
			p.hide("userinfo", args[i+1].start, args[i+1].end)
		}
	case i+1 < len(args) && has(rule.next):
		next := p.s[args[i+1].start:args[i+1].end]
		if !p.e.shapes.survives(next, true) && !looksLikePorts(next) && next[0] != '-' && next[0] != '/' {
			p.hide("password", args[i+1].start, args[i+1].end)
		}
	case rule.attached != "" && len(text) > 2 && strings.HasPrefix(text, rule.attached):
		if value := text[2:]; !p.e.shapes.survives(value, true) && (rule.pair == "" || strings.Contains(value, ":")) {
			p.hide("password", a.start+2, a.end)
		}
	}
}

// looksLikePorts tells a port mapping such as 8080:80 from a password.
func looksLikePorts(s string) bool {
	return strings.Contains(s, ":") && allBytes(s, func(c byte) bool { return isDigit(c) || c == ':' || c == '.' })
}

// findFromLiteral covers kubectl's --from-literal=key=value.
func (p *pass) findFromLiteral(_, _, end int) {
	s := p.s
	i := runEnd(s, end, func(c byte) bool { return c == '=' || isBlank(c) || isQuote(c) || c == ',' || c == '\\' })
	eq := runEnd(s, i, isKeyByte)
	if eq == i || eq >= len(s) || s[eq] != '=' {
		return
	}
	p.keyEnd = max(p.keyEnd, eq)
	ext := p.extentOfBare(eq + 1)
	if !p.e.shapes.survives(s[ext.start:ext.end], ext.quoted) {
		p.hide("secret", ext.start, ext.end)
	}
}

func (p *pass) extentOfBare(i int) extent {
	if i < len(p.s) && startsQuoted(p.s[i:]) {
		start, end := quotedExtent(p.s, i)
		return extent{start, end, true}
	}
	return extent{i, p.bareEnd(i, true), false}
}

// findIdentified covers SQL's IDENTIFIED BY 'x'.
func (p *pass) findIdentified(_, _, end int) {
	i := runEnd(p.s, end, isBlank)
	if i < len(p.s) && startsQuoted(p.s[i:]) {
		start, stop := quotedExtent(p.s, i)
		p.hide("password", start, stop)
	}
}
