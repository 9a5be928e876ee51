package nginx

import "strings"

// isLua reports whether a directive's block is Lua, which OpenResty reads with
// a lexer of its own.
func isLua(name string) bool { return strings.HasSuffix(name, "_by_lua_block") }

// lua passes a Lua block whose '{' has been read, its '}' included. Braces in
// strings and comments do not count. It reports whether the block ends.
func (x *lexer) lua() bool {
	for depth := 1; x.pos < len(x.src); {
		switch c := x.src[x.pos]; {
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				x.pos++
				return true
			}
		case c == '"' || c == '\'':
			x.luaString(c)
			continue
		case strings.HasPrefix(x.src[x.pos:], "--"):
			x.pos += 2
			if !x.luaLong() {
				x.to("\n")
			}
			continue
		case c == '[' && x.luaLong():
			continue
		}
		x.count()
		x.pos++
	}
	return false
}

// luaString passes a string, which ends with its line at the latest.
func (x *lexer) luaString(quote byte) {
	for x.pos++; x.pos < len(x.src) && x.src[x.pos] != quote && x.src[x.pos] != '\n'; x.pos++ {
		if x.src[x.pos] == '\\' && x.pos+1 < len(x.src) {
			x.pos++
			x.count()
		}
	}
	if x.pos < len(x.src) && x.src[x.pos] == quote {
		x.pos++
	}
}

// luaLong passes [[ … ]] or [==[ … ]==], if one begins here.
func (x *lexer) luaLong() bool {
	rest := x.src[x.pos:]
	if !strings.HasPrefix(rest, "[") {
		return false
	}
	level := len(rest[1:]) - len(strings.TrimLeft(rest[1:], "="))
	if !strings.HasPrefix(rest[1+level:], "[") {
		return false
	}
	x.to("]" + strings.Repeat("=", level) + "]")
	return true
}

// to passes everything up to and with end; everything, where end does not come.
func (x *lexer) to(end string) {
	passed := x.src[x.pos:]
	if n := strings.Index(passed, end); n >= 0 {
		passed = passed[:n+len(end)]
	}
	x.line += strings.Count(passed, "\n")
	x.pos += len(passed)
}
