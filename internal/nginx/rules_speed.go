package nginx

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

func speedRules() []rule {
	return []rule{
		{id: "few-connections", area: performance, severity: Low, on: []string{"worker_connections"}, check: fewConnections,
			why:    redact.Literal("connections to servers behind count, too, and 512, the default, is soon used up"),
			source: redact.Literal("https://nginx.org/en/docs/ngx_core_module.html#worker_connections")},
		{id: "few-files", area: performance, severity: Low, on: []string{"worker_rlimit_nofile"}, check: fewFiles,
			why:    redact.Literal("each connection may take two descriptors: the client and the server behind, or a file"),
			source: redact.Literal("https://gixy.io/plugins/worker_rlimit_nofile_vs_connections/")},
		{id: "sendfile-off", area: performance, severity: Low, on: []string{"sendfile"}, check: sendfileOff,
			why:    redact.Literal("files are copied through nginx instead of by the kernel"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_core_module.html#sendfile")},
		{id: "nopush-without-sendfile", area: performance, severity: Low, on: []string{"tcp_nopush"}, check: nopush,
			why:    redact.Literal("tcp_nopush works with sendfile only"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_core_module.html#tcp_nopush")},
		{id: "gzip-html-only", area: performance, severity: Low, on: []string{"gzip"}, check: gzipTypes,
			why:    redact.Literal("by default only text/html is compressed"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_gzip_module.html#gzip_types")},
		{id: "keepalive-off", area: performance, severity: Low, on: []string{"keepalive_timeout"}, check: keepaliveOff,
			why:    redact.Literal("every request costs a new connection"),
			source: redact.Literal("https://nginx.org/en/docs/http/ngx_http_core_module.html#keepalive_timeout")},
		{id: "few-keepalive-requests", area: performance, severity: Low, on: []string{"keepalive_requests"}, check: fewRequests,
			why:    redact.Literal("HTTP/2 clients are cut off and come again; the default has been 1000 since 1.19.10"),
			source: redact.Literal("https://gixy.io/plugins/low_keepalive_requests/")},
		{id: "buffering-off", area: performance, severity: Low, on: []string{"proxy_buffering"}, check: bufferingOff,
			why:    redact.Literal("a slow client keeps the server behind busy; for streams X-Accel-Buffering turns it off by response"),
			source: redact.Literal("https://gixy.io/plugins/proxy_buffering_off/")},
	}
}

func number(value string) (int, bool) {
	n, err := strconv.Atoi(value)
	return n, err == nil && n >= 0
}

// leastConnections is what a worker should be able to hold.
const leastConnections = 1024

func fewConnections(v *visit) {
	if n, ok := number(v.d.arg(1)); ok && n < leastConnections {
		v.here(fmt.Sprintf("worker_connections is %d", n), v.d.file.setWord(v.d.words[1], strconv.Itoa(leastConnections)))
	}
}

func fewFiles(v *visit) {
	files, ok := number(v.d.arg(1))
	events := v.d.around().first("events")
	if !ok || events == nil {
		return
	}
	if d := events.level().first("worker_connections"); d != nil {
		if n, ok := number(d.arg(1)); ok && files < 2*n && n < 1<<30 {
			v.here(fmt.Sprintf("worker_rlimit_nofile is %d, less than twice the %d worker_connections", files, n), v.d.file.setWord(v.d.words[1], strconv.Itoa(2*max(n, leastConnections))))
		}
	}
}

func sendfileOff(v *visit) {
	if strings.EqualFold(v.d.arg(1), "off") && v.d.in == inHTTP {
		v.here("sendfile is off for all servers", v.d.file.setWord(v.d.words[1], "on"))
	}
}

func nopush(v *visit) {
	in := v.d.around()
	if strings.EqualFold(v.d.arg(1), "on") && (in.lacks("sendfile") || strings.EqualFold(in.value("sendfile"), "off")) {
		v.here("tcp_nopush without sendfile has no effect")
	}
}

func gzipTypes(v *visit) {
	if strings.EqualFold(v.d.arg(1), "on") && v.d.around().lacks("gzip_types") {
		v.here("gzip is on and gzip_types is not set", v.d.file.lineBehind(v.d, "gzip_types text/css text/plain text/javascript application/javascript application/json image/svg+xml;"))
	}
}

func keepaliveOff(v *visit) {
	if s, ok := seconds(v.d.arg(1)); ok && s == 0 && v.d.in&(inHTTP|inServer|inLocation) != 0 {
		v.here("connections to clients are closed after each request")
	}
}

func fewRequests(v *visit) {
	if n, ok := number(v.d.arg(1)); ok && n < 1000 && v.d.in != inUpstream {
		v.here(fmt.Sprintf("keepalive_requests is %d", n), v.d.file.setWord(v.d.words[1], "1000"))
	}
}

func bufferingOff(v *visit) {
	if strings.EqualFold(v.d.arg(1), "off") && v.d.in&(inHTTP|inServer) != 0 {
		v.here("proxy_buffering is off for everything here")
	}
}
