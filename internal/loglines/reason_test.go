package loglines

import (
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/redact"
)

func TestLinesGiveTheirReason(t *testing.T) {
	const (
		config = Configuration
		denied = FileDenied
		full   = DiskFull
		creds  = Credentials
		cert   = Certificate
	)
	for _, c := range []struct {
		line string
		want Trouble
		path string
	}{
		// configuration files
		{`nginx: [emerg] unknown directive "sever" in /etc/nginx/nginx.conf:12`, config, "/etc/nginx/nginx.conf"},
		{`2026/11/20 10:00:00 [emerg] 1#1: unexpected end of file, expecting ";" or "}" in /etc/nginx/conf.d/default.conf:9`, config, "/etc/nginx/conf.d/default.conf"},
		{`nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:3`, "", ""},
		{`nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)`, "", ""},
		{`[ALERT]    (1) : config : parsing [/usr/local/etc/haproxy/haproxy.cfg:8] : unknown keyword 'tcp_request' in 'frontend' section`, config, "/usr/local/etc/haproxy/haproxy.cfg"},
		{`[ALERT]    (1) : config : Error(s) found in configuration file : /usr/local/etc/haproxy/haproxy.cfg`, config, "/usr/local/etc/haproxy/haproxy.cfg"},
		{`[2026-04-07 11:42:34.675][1][critical][main] [source/server/server.cc:422] error initializing config '  /etc/envoy/envoy.yaml': Protobuf message has unknown fields`, config, "/etc/envoy/envoy.yaml"},
		{`2026-10-17 01:32:35.372 GMT [1] LOG:  unrecognized configuration parameter "temp_file_size" in file "/etc/postgresql.conf" line 27`, config, "/etc/postgresql.conf"},
		{`2026-10-17 01:32:35.372 GMT [1] FATAL:  configuration file "/etc/postgresql.conf" contains errors`, config, "/etc/postgresql.conf"},
		{`ts=2026-07-01T15:35:06.232Z caller=main.go:537 level=error msg="Error loading config (--config.file=/etc/config/prometheus.yml)" file=/etc/config/prometheus.yml err="parsing YAML file /etc/config/prometheus.yml: yaml: unmarshal errors:\n  line 5: field global already set in type config.plain"`, config, "/etc/config/prometheus.yml"},
		{`ts=2026-07-01T15:35:06.232Z level=error msg="Loading configuration file failed" file=/etc/alertmanager/alertmanager.yml err="yaml: line 3: mapping values are not allowed in this context"`, config, "/etc/alertmanager/alertmanager.yml"},
		{`level=ERROR msg="Error loading config (--config.file=/etc/prometheus/prometheus.yml)" err="open /etc/prometheus/prometheus.yml: permission denied"`, denied, "/etc/prometheus/prometheus.yml"},
		{`level=ERROR msg="Error loading config (--config.file=/etc/prometheus.yml)" err="open /etc/prometheus.yml: no such file or directory"`, "", ""},
		{`  in "/etc/app/config.yaml", line 3, column 10`, config, "/etc/app/config.yaml"},
		{`/etc/coredns/Corefile:3 - Error during parsing: Unknown directive 'chache'`, config, "/etc/coredns/Corefile"},
		{`AH00526: Syntax error on line 3 of /usr/local/apache2/conf/httpd.conf:`, config, "/usr/local/apache2/conf/httpd.conf"},
		{`mysqld: [ERROR] Found option without preceding group in config file /etc/mysql/conf.d/my.cnf at line 1!`, config, "/etc/mysql/conf.d/my.cnf"},
		{`SyntaxError: /app/config/app.json: Unexpected token } in JSON at position 42`, config, "/app/config/app.json"},
		{`failed to parse /etc/app/app.toml: toml: line 3 (last key "a"): expected value but found '\n' instead`, config, "/etc/app/app.toml"},
		{`*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***`, config, ""},
		{`ERROR bad request from 10.0.0.1: "failed to parse /etc/app/app.yaml: yaml: line 1: invalid"`, "", ""},
		// files
		{`panic: open /data/x: permission denied`, denied, "/data/x"},
		{`Error: EROFS: read-only file system, mkdir '/cache/a'`, denied, "/cache/a"},
		{`PermissionError: [Errno 13] Permission denied: '/data/x'`, denied, "/data/x"},
		{`sh: can't create /data/x: Permission denied`, denied, "/data/x"},
		{`/start.sh: line 3: can't create /data/x: Read-only file system`, denied, "/data/x"},
		{`mkdir: can't create directory '/cache': Permission denied`, denied, "/cache"},
		{`mkdir: cannot create directory ‘/cache’: Permission denied`, denied, "/cache"},
		{`nginx: [emerg] mkdir() "/var/cache/nginx/client_temp" failed (13: Permission denied)`, denied, "/var/cache/nginx/client_temp"},
		{`2026/11/20 10:00:00 [emerg] 1#1: open() "/var/run/nginx.pid" failed (30: Read-only file system)`, denied, "/var/run/nginx.pid"},
		{`Caused by: java.nio.file.AccessDeniedException: /usr/share/elasticsearch/data/nodes`, denied, "/usr/share/elasticsearch/data/nodes"},
		{`java.io.FileNotFoundException: /data/x.log (Permission denied)`, denied, "/data/x.log"},
		{`/app/main.rb:3:in 'initialize': Permission denied @ rb_sysopen - /data/x (Errno::EACCES)`, denied, "/data/x"},
		{`mysqld: Can't create/write to file '/var/lib/mysql/is_writable' (OS errno 13 - Permission denied)`, denied, "/var/lib/mysql/is_writable"},
		{`initdb: error: could not change permissions of directory "/var/lib/postgresql/data": Operation not permitted`, denied, "/var/lib/postgresql/data"},
		{`git@github.com: Permission denied (publickey).`, "", ""},
		{`ERROR:  permission denied for table orders`, "", ""},
		{`GET /v1/orders: permission denied`, "", ""},
		{`bind: permission denied`, "", ""},
		{`write /data/x: no space left on device`, full, "/data/x"},
		{`dd: error writing '/data/index': No space left on device`, full, "/data/index"},
		{`OSError: [Errno 28] No space left on device: '/data/x'`, full, "/data/x"},
		{`PANIC:  could not write to file "pg_wal/xlogtemp.27": No space left on device`, full, "pg_wal/xlogtemp.27"},
		{`Error: ENOSPC: System limit for number of file watchers reached, watch '/app'`, "", ""},
		{`Error: ENOSPC: no space left on device, watch '/app'`, "", ""},
		{`inotify_add_watch /app: no space left on device`, "", ""},
		{`could not resize shared memory segment "/PostgreSQL.123" to 8388608 bytes: No space left on device`, "", ""},
		{`ERROR upload rejected: "open /data/x: permission denied" is no name`, "", ""},
		// credentials
		{`psycopg2.OperationalError: connection to server at "db" (⟨ip:7f3a2c⟩), port 5432 failed: FATAL:  password authentication failed for user "app"`, creds, ""},
		{`2026-11-20 13:42:03.123 UTC [57] FATAL:  password authentication failed for user "app"`, "", ""}, // the server's own log
		{`2026-11-20 13:42:03.123 UTC [57] shop@shop FATAL:  password authentication failed for user "app"`, "", ""},
		{`2026-11-20 13:42:03 ERROR [57] db: password authentication failed for user "app"`, creds, ""},
		{`ERROR 1045 (28000): Access denied for user 'app'@'10.0.0.1' (using password: YES)`, creds, ""},
		{`Access denied for user 'app'@'%' to database 'shop'`, "", ""},
		{`MongoServerError: Authentication failed.`, creds, ""},
		{`WRONGPASS invalid username-password pair or user is disabled.`, creds, ""},
		{`Exception (403) Reason: "username or password not allowed"`, "", ""},
		{`pika.exceptions.ProbableAuthenticationError: ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.`, creds, ""},
		{`requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://api.example/v1`, creds, ""},
		{`AxiosError: Request failed with status code 401`, creds, ""},
		{`FATAL: login to the billing service: invalid credentials`, creds, ""},
		{`10.0.0.1 - - [20/Nov/2026:10:00:00 +0000] "GET /v1 HTTP/1.1" 401 Unauthorized`, "", ""},
		// certificates
		{`Get "https://x": x509: certificate signed by unknown authority`, cert, ""},
		{`ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1007)`, cert, ""},
		{`serving /etc/tls/tls.crt: x509: certificate has expired or is not yet valid: current time 2026`, cert, "/etc/tls/tls.crt"},
		{`level=ERROR msg="refusing to serve" cert=/etc/tls/tls.crt err="x509: certificate has expired or is not yet valid: current time 2026"`, cert, "/etc/tls/tls.crt"},
		{`{"level":"error","msg":"x509: certificate has expired or is not yet valid","certFile":"/etc/tls/tls.crt","keyFile":"/etc/tls/tls.key"}`, cert, "/etc/tls/tls.crt"},
		{`level=error file=/etc/tls/server.pem msg="certificate has expired"`, cert, "/etc/tls/server.pem"},
		{`level=error file=/app/main.go msg="certificate has expired"`, cert, ""},
		{`level=error ca=/etc/tls/ca.crt client_cert=/etc/tls/me.crt msg="certificate has expired"`, cert, ""},
		{`level=error cert=/etc/a/tls.crt tls_cert=/etc/b/tls.crt msg="certificate has expired"`, cert, ""},
		{`level=error note="see cert=/etc/tls/tls.crt there" msg="certificate has expired"`, cert, ""},
		{`level=error cert=/etc/tls/tls.crt err="tls: failed to verify certificate: x509: certificate has expired or is not yet valid"`, cert, ""},
		{`level=error cert=/etc/tls/tls.crt err="Get \"https://api\": x509: certificate has expired or is not yet valid"`, cert, ""},
		{`level=error cert=/etc/tls/tls.crt endpoint=api:443 err="x509: certificate has expired or is not yet valid"`, cert, ""},
		{`level=error cert=/etc/tls/tls.crt err="x509: certificate signed by unknown authority"`, cert, ""},
		{`http: TLS handshake error from 10.0.0.1:53412: remote error: tls: bad certificate`, "", ""},
		// those who come too often
		{`ERROR:  deadlock detected`, Deadlock, ""},
		{`SQLSTATE[40001]: Serialization failure: 1213 Deadlock found when trying to get lock; try restarting transaction`, Deadlock, ""},
		{`code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'`, cert, ""},
		{`Error: timeout exceeded when trying to connect`, Connections, ""},
		{`file: '/etc/app/app.ini', line: 1`, config, "/etc/app/app.ini"},
		{`fatal error: all goroutines are asleep - deadlock!`, "", ""},
		{`FATAL:  sorry, too many clients already`, Connections, ""},
		{`java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms.`, Connections, ""},
		{`FATAL: connection pool exhausted: 20 of 20 in use`, Connections, ""},
		{`importlib: deadlock detected by _ModuleLock`, "", ""},
		{`ERROR rate limit exceeded for client 10.0.0.1`, "", ""},
		{`FATAL: rates service: too many requests, rate limit exceeded`, RateLimit, ""},
		{`openai.RateLimitError: Error code: 429`, RateLimit, ""},
		{`I1120 request.go:668] Waited for 1.2s due to client-side throttling, not priority and fairness`, "", ""},
	} {
		r, ok := readReason(c.line)
		if ok != (c.want != "") || ok && (r.Trouble != c.want || r.Path != c.path) {
			t.Errorf("%s\n\twant %q %q, have %q %q %t", c.line, c.want, c.path, r.Trouble, r.Path, ok)
		}
	}
}

func TestTheApiServersRefusalIsRead(t *testing.T) {
	want := Refusal{Namespace: "shop", Account: "web", Verb: "list", Resource: "pods", In: "shop"}
	for _, line := range []string{
		`pods is forbidden: User "system:serviceaccount:shop:web" cannot list resource "pods" in API group "" in the namespace "shop"`,
		`E1120 10:00:00.000000 1 main.go:41] "cannot list" err="pods is forbidden: User \"system:serviceaccount:shop:web\" cannot list resource \"pods\" in API group \"\" in the namespace \"shop\""`,
		`{"level":"error","msg":"cannot list","error":"pods is forbidden: User \"system:serviceaccount:shop:web\" cannot list resource \"pods\" in API group \"\" in the namespace \"shop\""}`,
	} {
		if r, ok := readReason(line); !ok || r.Refused != want {
			t.Errorf("%s: have %+v %t", line, r.Refused, ok)
		}
	}
	for _, line := range []string{
		`User "system:serviceaccount:shop:web" cannot list resource "pods"`,
		`pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "shop"`,
		`Error 403 Forbidden`,
	} {
		if _, ok := readForbidden(line); ok {
			t.Errorf("%s is no refusal of a ServiceAccount", line)
		}
	}
}

func lines(log string) []redact.Text {
	var out []redact.Text
	for line := range strings.SplitSeq(strings.Trim(log, "\n"), "\n") {
		out = append(out, clean(line))
	}
	return out
}

func TestTheLastErrorBeforeTheEndDecides(t *testing.T) {
	for _, c := range []struct {
		name, log string
		want      Trouble
	}{
		{"an error and words of farewell", "starting\nERROR open /data/x: permission denied\nFATAL: giving up after 3 attempts\nexit status 1", FileDenied},
		{"a later error of another kind", "ERROR open /data/x: permission denied\nERROR: no price list for today", ""},
		{"a later error that repeats the reason", "ERROR open /data/x: permission denied\nFATAL: storage failed: permission denied", FileDenied},
		{"a later error about the same file", "ERROR open /data/x: permission denied\nFATAL: storage in /data/x is of no use", FileDenied},
		{"two readable reasons, the later one", "write /data/x: no space left on device\nFATAL: pq: password authentication failed for user \"shop\"", Credentials},
		{"only a warning", "WARN open /data/x: permission denied\nbye", ""},
		{"a warning after the error", "ERROR open /data/x: permission denied\nWARN metrics are off", FileDenied},
		{"the program went to work", "ERROR open /data/x: permission denied\nlistening on 0.0.0.0:8080\ndone", ""},
		{"it said much more", "ERROR open /data/x: permission denied\n" + strings.Repeat("an order was served\n", 13), ""},
		{"it said much more, of no importance", "ERROR open /data/x: permission denied\n" + strings.Repeat("INFO an order was served\n", 13), ""},
		{"a panic of Go", "panic: open /data/x: permission denied\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d\nexit status 2", FileDenied},
		{"a trace of Python", "Traceback (most recent call last):\n  File \"/app/x.py\", line 3, in <module>\n    open('/data/x')\nPermissionError: [Errno 13] Permission denied: '/data/x'", FileDenied},
		{"a trace of Python about YAML", "Traceback (most recent call last):\n  File \"/app/x.py\", line 3, in <module>\nyaml.scanner.ScannerError: mapping values are not allowed here\n  in \"/etc/app/config.yaml\", line 3, column 10", Configuration},
		{"a trace of Java, the deepest cause", "Exception in thread \"main\" java.lang.RuntimeException: no start\n\tat shop.Main.main(Main.java:3)\nCaused by: java.nio.file.AccessDeniedException: /data/x\n\tat shop.Main.open(Main.java:9)\n\t... 3 more", FileDenied},
		{"a trace of Java, whose deepest cause is its own", "Caused by: java.nio.file.AccessDeniedException: /data/x\n\tat shop.Main.open(Main.java:9)\nCaused by: java.lang.IllegalStateException: no price list\n\tat shop.Main.x(Main.java:1)", ""},
		{"an error of Node", "node:fs:600\n  ^\n\nError: EACCES: permission denied, open '/data/x'\n    at Object.openSync (node:fs:600:3) {\n  errno: -13,\n  code: 'EACCES',\n  path: '/data/x'\n}\n\nNode.js v20.1.0", FileDenied},
		{"HAProxy's last words", "[ALERT]    (1) : config : parsing [/usr/local/etc/haproxy/haproxy.cfg:8] : unknown keyword 'x' in 'global' section\n[ALERT]    (1) : config : Error(s) found in configuration file : /usr/local/etc/haproxy/haproxy.cfg\n[ALERT]    (1) : config : Fatal errors found in configuration.", Configuration},
		{"Redis's last words", "*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\nReading the configuration file, at line 2\n>>> 'tcp-backlogs 511'\nBad directive or wrong number of arguments", Configuration},
		{"PostgreSQL explains itself", "ERROR:  deadlock detected\nDETAIL:  Process 7 waits for ShareLock on transaction 1002; blocked by process 9.\nHINT:  See server log for query details.", Deadlock},
		{"an unset variable last", "ERROR open /data/x: permission denied\nsh: DB_HOST: parameter not set", ""},
		{"a refused connection last", "ERROR open /data/x: permission denied\nERROR dial tcp 10.0.0.1:5432: connect: connection refused", ""},
		{"the last of several attempts", "ERROR open /data/x: permission denied\n    at x (node:fs:1)\nMaxRetriesPerRequestError: Reached the max retries per request limit (which is 20). Refer to \"maxRetriesPerRequest\" option for details.", FileDenied},
		{"attempts at something else", "ERROR open /data/x: permission denied\nERROR: max retries reached for today's price list", ""},
		{"a limit of something else", "ERROR open /data/x: permission denied\nERROR: request limit exceeded", ""},
		{"an exception below its error", "2026-11-20 10:00:00 ERROR open /data/x: permission denied\nshop.StartError: no price list\n2026-11-20 10:00:01 ERROR open /data/x: permission denied\nshop.StartError: no price list", ""},
		{"nothing", "", ""},
	} {
		d, ok := LastReason(lines(c.log), false)
		if ok != (c.want != "") || d.Trouble != c.want {
			t.Errorf("%s: want %q, have %q %t", c.name, c.want, d.Trouble, ok)
		}
	}
}

func TestARunningProgramMustInsist(t *testing.T) {
	const rejected = "ERROR: FATAL: password authentication failed for user \"shop\"\n"
	const (
		entry = "2026-11-20T10:00:00.000Z ERROR 1 --- [x] : HikariPool-1 - Connection is not available, request timed out after 30000ms (total=10, active=10)\n"
		wraps = "shop.TransactionException: Could not open a transaction\n"
	)
	for name, c := range map[string]struct {
		log  string
		want bool
	}{
		"with the exception of its entry":     {entry + wraps + "2026-11-20T10:00:01Z  WARN x\n" + entry + "\tat x(y)\n" + wraps, true},
		"the first entry is cut":              {wraps + entry + wraps + entry + wraps, true},
		"with the exception once":             {entry + entry + wraps, false},
		"the exception comes alone, too":      {entry + wraps + entry + wraps + "2026-11-20T10:00:01Z INFO x\n" + wraps, false},
		"the exception came alone first":      {"2026-11-20T10:00:01Z INFO x\n" + wraps + entry + wraps + entry + wraps, false},
		"the exception of another reason":     {entry + wraps + "2026-11-20T10:00:00Z " + rejected + wraps + entry + wraps, false},
		"an exception with a time of its own": {strings.Repeat(entry+"2026-11-20T10:00:00Z ERROR "+wraps, 2), false},
		"an error, and no exception":          {strings.Repeat(entry+"ERROR no price list\n", 2), false},
		"an exception that names its trouble": {strings.Repeat(entry+"shop.CallError: connection refused\n", 2), false},
		"below a line without a time":         {strings.Repeat(rejected+wraps, 2), false},
		"again and again":                     {"listening on :8080\n" + rejected + "GET /healthz\n" + rejected + "GET /healthz", true},
		"as its last word":                    {"listening on :8080\n" + rejected, true},
		"once, and it went on":                {"listening on :8080\n" + rejected + "connected\nserved 3 requests", false},
		"among errors of others":              {rejected + "ERROR: no price list\n" + rejected, false},
		"as a warning":                        {"WARN " + rejected + "WARN " + rejected, false},
	} {
		l := lines(c.log)
		d, ok := LastReason(l, true)
		if got := ok && Insists(l, d); got != c.want {
			t.Errorf("%s: want %t, have %t", name, c.want, got)
		}
	}
}

// clean redacts as a reader of a cluster does.
func clean(s string) redact.Text { return redact.New(redact.Config{Key: []byte("test")}).Redact(s) }

func FuzzReason(f *testing.F) {
	for _, line := range []string{
		`nginx: [emerg] unknown directive "sever" in /etc/nginx/nginx.conf:12`,
		`level=error msg="a" file=/etc/x err="open /data/x: permission denied"`,
		`pods is forbidden: User "system:serviceaccount:shop:web" cannot list resource "pods" in API group "" in the namespace "shop"`,
		`PANIC:  could not write to file "pg_wal/x": No space left on device`,
		`'a b' "c d" 'e`, `msg="\\\"`, "  in \"/x\", line 1, column 1", "heap used: 12MB",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		r, ok := readReason(line)
		if ok && r.Trouble == "" || !strings.Contains(line, `\`) && (!strings.Contains(line, r.Path) || !strings.Contains(line, r.Refused.Account)) {
			t.Errorf("invented %+v", r)
		}
		if _, n, ok := parseMemory(line); ok && n < 0 {
			t.Errorf("less than nothing: %v", n)
		}
		LastReason([]redact.Text{clean(line), clean(line)}, false)
		LastFault([]redact.Text{clean(line)})
		wrapped([]redact.Text{clean(line), clean(line), clean(line)}, true)
		FindsFaultWith(line, "x")
	})
}
