package nginx

import crossplane "github.com/nginxinc/nginx-go-crossplane"

// tables say what nginx's own sources know of directives: the newest release,
// an older one for what was removed since, Plus, and the modules that images
// often bring. The library's parser and lexer are not used: they give no column,
// which a correction needs, leave a goroutine behind where parsing stops early,
// and part a Lua block at an apostrophe in a string. The match functions are
// look-ups in constant tables and cannot fail.
var tables = []func(string) ([]uint, bool){
	crossplane.MatchOssLatest, crossplane.MatchOss124, newer, crossplane.MatchHeadersMoreLatest, crossplane.MatchLuaLatest,
	crossplane.MatchNjsLatest, crossplane.MatchGeoip2Latest, crossplane.MatchOtelLatest, crossplane.MatchNginxPlusLatest,
}

// newer are directives that came after the library's newest table (nginx 1.29.3).
func newer(name string) ([]uint, bool) {
	switch name {
	case "add_header_inherit", "add_trailer_inherit":
		return []uint{uint(inHTTP|inServer|inLocation|inLocationIf) | takes0<<1}, true
	}
	return nil, false
}

// ofNginx reports a directive of current nginx itself: one look-up instead of nine.
func ofNginx(name string) bool {
	_, ok := crossplane.MatchOssLatest(name)
	return ok
}

// removed reports a directive that current nginx no longer knows.
func removed(name string) bool {
	_, now := crossplane.MatchOssLatest(name)
	_, then := crossplane.MatchOss124(name)
	return then && !now
}

// plusOnly reports a directive that only NGINX Plus knows.
func plusOnly(name string) bool {
	for _, table := range tables[:len(tables)-1] {
		if _, ok := table(name); ok {
			return false
		}
	}
	return known(name)
}
