package nginx

import (
	"fmt"
	"strings"
)

// once are directives that nginx takes once in a block: a second one is an
// error. So is every directive that is on or off.
var once = setOf(`alias root user pid worker_processes worker_connections worker_rlimit_nofile client_max_body_size
		client_body_timeout client_header_timeout client_body_buffer_size client_header_buffer_size keepalive_timeout keepalive_requests
		send_timeout default_type proxy_http_version proxy_connect_timeout proxy_read_timeout proxy_send_timeout proxy_buffer_size
		proxy_pass fastcgi_pass uwsgi_pass scgi_pass grpc_pass try_files gzip_comp_level gzip_min_length gzip_http_version ssl_session_timeout
		ssl_session_cache ssl_ciphers ssl_dhparam resolver_timeout lingering_timeout types_hash_max_size server_names_hash_bucket_size
		proxy_cache proxy_cache_key proxy_method events http stream mail auth_basic auth_basic_user_file
		use internal satisfy server_tokens charset expires keepalive keepalive_time fastcgi_buffers proxy_buffers large_client_header_buffers gzip_buffers
		proxy_busy_buffers_size proxy_max_temp_file_size limit_rate limit_rate_after ssl_protocols resolver autoindex_format ssl_verify_client
		ssl_verify_depth ssl_client_certificate ssl_trusted_certificate proxy_next_upstream proxy_next_upstream_tries fastcgi_index proxy_bind`)

func setOf(names string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}

// duplicates finds directives that stand twice in one block, and blocks that
// exclude each other.
func (g *grammar) duplicates(list []*directive, in context) {
	if in == 0 {
		return
	}
	seen := map[string]*directive{}
	for _, d := range list {
		key := d.name
		switch {
		case d.name == "location" && (in == inServer || in == inLocation):
			key = "location " + locationKey(d)
		case d.name == "upstream" && in&(inHTTP|inStream) != 0:
			key = "upstream " + d.arg(1)
		case d.name == "listen":
			key = "listen " + listensOn(d)
		case !once[d.name] && !strings.HasSuffix(d.name, "_timeout") && !isOnOff(d.name, in):
			continue
		}
		first := seen[key]
		if first == nil {
			seen[key] = d
			continue
		}
		where := fmt.Sprintf("line %d", first.words[0].line)
		if first.file != d.file {
			where += " of " + first.file.name
		}
		d.refuse(ruleDuplicate, fmt.Sprintf("%q is duplicate: it stands in %s already", short(key), where))
	}
}

// locationKey tells locations apart as nginx does: by modifier and path.
func locationKey(d *directive) string {
	switch mod, path := locationOf(d); mod {
	case "^~":
		return path // the modifier does not make another location
	case "~", "~*":
		// Two regular expressions may be equal: the first wins.
		return fmt.Sprintf("%s %s %d", mod, path, d.words[0].start)
	default:
		return mod + path
	}
}

// locationOf parts a location's modifier from its path; both may be one word.
func locationOf(d *directive) (mod, path string) {
	if len(d.words) == 3 {
		return d.arg(1), d.arg(2)
	}
	for _, mod := range []string{"=", "^~", "~*", "~"} {
		if rest, ok := strings.CutPrefix(d.arg(1), mod); ok {
			return mod, rest
		}
	}
	return "", d.arg(1)
}

func isOnOff(name string, in context) bool {
	masks, _ := lookup(name)
	for _, m := range masks {
		if context(m)&in != 0 && m&isFlag == 0 {
			return false
		}
	}
	return len(masks) > 0 && places(name)&in != 0
}
