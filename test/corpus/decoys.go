package corpus

import "strings"

// Decoy is text that looks like a secret and tells what is wrong; all of it
// must come through.
type Decoy struct{ Kind, Text string }

// decoyRows are lines as the parts of a cluster write them. Each %{…} is drawn
// from a pattern; a %{word} names a list.
const decoyRows = `
pod name: Back-off restarting failed container %{noun} in pod %{noun}-[0-9a-f]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}_shop([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12})
image digest: Pulled image "ghcr.io/acme/%{noun}:v1.[0-9].[0-9]@sha256:[0-9a-f]{64}"
image tag: Failed to pull image "registry.example.com:5000/team/%{noun}:[0-9]{4}.[0-9]{2}.[0-9]{2}-[0-9a-f]{7}": not found
git hash: built from commit [0-9a-f]{40} on branch main
git short: release %{noun}@[0-9a-f]{7,10} deployed
trace id: level=info trace_id=[0-9a-f]{32} span_id=[0-9a-f]{16} msg="request done"
traceparent: traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01
uid: object uid [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12} not found
container id: Container containerd://[0-9a-f]{64} exited
resource version: "resourceVersion":"[1-9][0-9]{6,9}","generation":[1-9]
timestamp: [2][0][2][0-9]-1[0-2]-[0-2][1-8]T1[0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{9}Z stdout F worker started
epoch: ts=17[0-9]{11} latency_ns=[1-9][0-9]{5,8}
klog: E1120 13:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}       1 reflector.go:[1-9][0-9]{2}] failed to list *v1.%{kind}: the server could not find the requested resource
secret absent: Error: secret "%{noun}-credentials" not found
key absent: Error: couldn't find key DB_PASSWORD in Secret shop/%{noun}-credentials
secret mount: MountVolume.SetUp failed for volume "%{noun}-token" : secret "%{noun}-token" not found
secret ref: valueFrom: {secretKeyRef: {name: %{noun}-credentials, key: password}}
described: DB_PASSWORD:  <set to the key 'password' in secret '%{noun}-credentials'>  Optional: false
created: secret/%{noun}-credentials created
path: open /var/run/secrets/kubernetes.io/serviceaccount/token: permission denied
config path: TOKEN_FILE=/etc/%{noun}/token
auth failed: FATAL: password authentication failed for user "postgres"
denied: Access denied for user 'root'@'localhost' (using password: YES)
var missing: panic: required environment variable [A-Z]{4,9}_(TOKEN|PASSWORD|API_KEY) is not set
expired: token is expired by [1-9]h[1-5]?[0-9]m
jwt words: error: invalid token: signature is invalid
stack: 	at com.acme.%{noun}.security.TokenProvider.validatePassword(TokenProvider.java:[1-9][0-9]{1,2})
python: File "/app/%{noun}/auth/password.py", line [1-9][0-9]{1,2}, in verify_token
goroutine: goroutine [1-9][0-9]{1,3} [running]: main.(*tokenSource).Token(0xc000[0-9a-f]{6})
class: org.springframework.security.authentication.BadCredentialsException: Bad credentials
limits: OOMKilled exit code 137, limit [1-9][0-9]{2}Mi, usage [1-9][0-9]{5}Ki
port: dial tcp 127.0.0.1:[1-9][0-9]{3}: connect: connection refused
listen: listening on 0.0.0.0:[1-9][0-9]{3}
probe: Readiness probe failed: HTTP probe failed with statuscode: 50[0-9]
version: %{noun} v[0-9].[1-9][0-9].[0-9] (build [2][0][2][6]1[0-2]1[0-9])
helm: sh.helm.release.v1.%{noun}.v[1-9]
checksum: checksum/config: [0-9a-f]{64}
go sum: github.com/acme/%{noun} v1.[0-9].[0-9] h1:[A-Za-z0-9+/]{43}=
integrity: "integrity": "sha512-[A-Za-z0-9+/]{86}=="
etag: etag: "[0-9a-f]{32}"
template hash: pod-template-hash=[0-9a-f]{8,10}
quota: exceeded quota: compute, requested: memory=[1-9]Gi, used: memory=[1-9]00Mi, limited: memory=2Gi
max tokens: max_tokens=[1-9][0-9]{2,3} total_tokens=[1-9][0-9]{3,4}
primary: duplicate key value violates unique constraint "%{noun}_pkey"
primary id: primary_key=id partition_key=user_id
rbac: User "system:serviceaccount:shop:%{noun}" cannot list resource "secrets" in API group "" in the namespace "shop"
http: GET /api/v1/namespaces/shop/%{noun}/[1-9][0-9]{3,6}?limit=500 200 [1-9][0-9]ms
url: see https://docs.example.com/auth/tokens#password-reset for help
user agent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/1[0-4][0-9].0.[1-9][0-9]{3}.[1-9][0-9] Safari/537.36"
base64 word: encoding=base64 content=text/plain charset=utf-8
empty: password= token="" secret: null api_key: ${API_KEY}
template: password: {{ .Values.%{noun}.password }}
masked: password=******** token=<redacted>
uuid named: request_id=[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-9[0-9a-f]{3}-[0-9a-f]{12} status=500
scheduler: 0/[1-9] nodes are available: [1-9] Insufficient memory, 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }.
nginx: nginx: [emerg] unknown directive "servr" in /etc/nginx/conf.d/%{noun}.conf:[1-9][0-9]
kafka: [Consumer clientId=consumer-%{noun}-1, groupId=%{noun}] Error while fetching metadata with correlation id [1-9][0-9]
redis: WRONGPASS invalid username-password pair or user is disabled.
mongo: MongoServerError: Authentication failed.
x509: x509: certificate has expired or is not yet valid: current time 2026-11-20T13:42:03Z is after 2026-11-01T00:00:00Z
service: lookup %{noun}.shop.svc.cluster.local: no such host
float: cpu=0.[0-9]{4} mem=[1-9][0-9]{2}.[0-9]{2}MiB goroutines=[1-9][0-9]{1,2}
hex dump: address 0x[0-9a-f]{12} pc=0x[0-9a-f]{6}
migration: applied migration 202611[0-2][0-9]1[0-9]0000_add_password_reset_tokens
metric: http_request_duration_seconds_bucket{le="0.5",path="/token"} [1-9][0-9]{2,5}
node: node ip-worker-[1-9] status is now: NodeNotReady
`

var kubeKinds = strings.Fields(`Secret ConfigMap Pod Endpoints TokenReview`)

// Decoys draws n lines, every form in turn.
func (g Generator) Decoys(n int) []Decoy {
	rows := strings.Split(strings.Trim(decoyRows, "\n"), "\n")
	out := make([]Decoy, 0, n)
	for i := range n {
		name, pattern, _ := strings.Cut(rows[i%len(rows)], ": ")
		out = append(out, Decoy{name, g.fill(pattern)})
	}
	return out
}

// fill draws the bracketed classes of a row; everything else is literal.
func (g Generator) fill(pattern string) string {
	pattern = strings.NewReplacer("%{noun}", pick(g, nouns), "%{kind}", pick(g, kubeKinds), `\.`, ".").Replace(pattern)
	var b strings.Builder
	for pattern != "" {
		open := strings.IndexByte(pattern, '[')
		if open < 0 {
			b.WriteString(pattern)
			break
		}
		b.WriteString(pattern[:open])
		class, rest, ok := classAt(pattern[open:])
		if !ok {
			b.WriteByte('[')
			pattern = pattern[open+1:]
			continue
		}
		s, err := g.Draw(class)
		if err != nil {
			panic(err) // a mistake in decoyRows
		}
		b.WriteString(s)
		pattern = rest
	}
	return strings.NewReplacer("(TOKEN|PASSWORD|API_KEY)", "TOKEN").Replace(b.String())
}

// classAt splits "[0-9a-f]{8} rest" after its class and count. A bracket that
// holds a word, as in klog's lines, is none.
func classAt(s string) (class, rest string, ok bool) {
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return "", s, false
	}
	inside := s[1:end]
	if !strings.Contains(inside, "-") && len(inside) > 1 && inside != "bcdfghjklmnpqrstvwxz2456789" || strings.ContainsAny(inside, " :=,") {
		return "", s, false
	}
	end++
	switch {
	case strings.HasPrefix(s[end:], "{"):
		if n := strings.IndexByte(s[end:], '}'); n > 0 && strings.Trim(s[end+1:end+n], "0123456789,") == "" {
			end += n + 1
		}
	case strings.HasPrefix(s[end:], "?"):
		end++
	}
	return s[:end], s[end:], true
}
