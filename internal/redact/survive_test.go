package redact

import "strings"

// surviveRows are lines that must come through unchanged: what people and
// rules read in them tells the cause.
func surviveRows() []string {
	lines := `
Back-off restarting failed container web in pod web-6d4cf56db6-x2x4v_shop(0b1f6a1e-8c0a-4bd1-9d7a-2c1f5d8f2a11)
Failed to pull image "registry.example.com:5000/team/shop:v1.2.3@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08": not found
Failed to pull image "docker.io/library/nginx:1.99.9": rpc error: code = NotFound desc = failed to resolve reference
MountVolume.SetUp failed for volume "db-secret" : secret "db-credentials" not found
MountVolume.SetUp failed for volume "token" : configmap "app-config" not found
Error: secret "db-credentials" not found
Error: couldn't find key DB_PASSWORD in Secret shop/db-credentials
Error: couldn't find key password in Secret shop/db-credentials
references non-existent secret key: DB_PASSWORD
secret/db-credentials created
secret/db-credentials unchanged
open /etc/secrets/token: no such file or directory
open /run/secrets/db-password: permission denied
failed to sync secret cache: timed out waiting for the condition
Access denied for user 'root'@'localhost' (using password: YES)
FATAL: password authentication failed for user "app"
invalid token: expired at 2026-11-20T13:42:03Z
error: token is expired by 3h2m
Unauthorized: token: invalid signature
missing required environment variable DB_PASSWORD
panic: environment variable API_TOKEN is not set
KeyError: 'API_TOKEN'
the password is incorrect
password is required for user app
token is expired
tokens:
  the quick brown fox
imagePullSecrets:
- name: regcred
secrets:
- db-credentials
exit code: 137
command terminated with exit code: 1
failed to get token source ServiceAccount
secret db-credentials2 was updated
token ring buffer 12345
password policy v1.2.3 applied
dd.trace_id=6249785623524942554 dd.span_id=228114450199004348
pod-template-hash: 6d4cf56db6
commit_hash: 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
checksum/config: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
secrets "db-credentials" is forbidden: User "system:serviceaccount:shop:default" cannot get resource "secrets"
"resourceVersion":"123456","generation":3
memory: 1073741824
Node: node-1 Start Time: Fri, 20 Nov 2026 13:42:03 +0000
kubectl.kubernetes.io/restartedAt: "2026-11-20T13:42:03Z"
sh.helm.release.v1.shop.v1
DB_PASSWORD=
DB_PASSWORD=""
DB_PASSWORD=${DB_PASSWORD}
DB_PASSWORD=$(DB_PASSWORD)
password: ${DB_PASSWORD}
password: {{ .Values.db.password }}
password: ""
password: null
password: ********
password: <redacted>
DB_PASSWORD:  <set to the key 'password' in secret 'db-credentials'>  Optional: false
token:  1234 bytes
automountServiceAccountToken: true
secretName: db-credentials
secretKeyRef:
tokenExpirationSeconds: 3607
"expirationSeconds":3607,"path":"token"
imagePullSecrets: [{"name":"regcred"}]
imagePullSecrets: regcred
PASSWORD_FILE=/run/secrets/db-password
passwordPath: /vault/secrets/db
TOKEN=/var/run/secrets/kubernetes.io/serviceaccount/token
token_type=refresh
tokenUrl: https://auth.example.com/oauth/token
max_tokens: 4096
total_tokens=12345 prompt_tokens=12000
secrets: 3
secret=shop/db-credentials
"secret"="shop/db-credentials"
User "system:serviceaccount:shop:default" cannot list resource "secrets" in API group "" in the namespace "shop"
user=system:serviceaccount:shop:default verb=list
runAsUser: 1000
user: 1000
user=root
bypass=true compass=north passed=12
keyboard: qwerty
primary_key=id partition_key=user_id
key: app.properties
key=DB_PASSWORD
keys: 12
author: unknown
authority: cluster
session started after 12ms
tokenizer=bert
secretary: none
passwordless=true
GET /api/v1/namespaces/shop/pods/web-6d4cf56db6-x2x4v/log?container=web&tailLines=100 200 12ms
GET https://kubernetes.default.svc:443/api/v1/secrets?limit=500&resourceVersion=0
https://github.com:443/foo@bar
git clone git@github.com:org/repo.git
commit 3b18e512dba79e4c8300dd08aeb37f8e728b8dad
trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7
traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
uid: 0b1f6a1e-8c0a-4bd1-9d7a-2c1f5d8f2a11
containerd://5f3c1e2a9b7d4c6e8f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"integrity": "sha512-WFrLnRVmBkX3lDqAVHRRz8a8PUFQ9kmHxDxbFTbkvmYMvfuUTZlj/aOu1dAMWcKB9HOwGqIXHhsyBN8RE1QqKw=="
github.com/foo/bar v1.2.3 h1:WFrLnRVmBkX3lDqAVHRRz8a8PUFQ9kmHxDxbFTbkvmY=
2026-11-20T13:42:03.123456789Z stdout F ready
2026/11/20 13:42:03 http: TLS handshake error from 127.0.0.1:53412: EOF
I1120 13:42:03.123456       1 controller.go:123] "Starting" worker=5
E1120 13:42:03.123456       1 secret.go:89] unable to sync
2026-11-20 13:42:03.123 +0000 UTC m=+0.012345678
2026-11-20 13:42:03.123 +0200 CEST m=+1234567.012345678
1763646123000 1763646123000000 1763646123000000000
listening on 0.0.0.0:8080 and [::]:8080, probe http://127.0.0.1:8080/healthz and [::1]:9090
Liveness probe failed: HTTP probe failed with statuscode: 500
Readiness probe failed: dial tcp 127.0.0.1:8081: connect: connection refused
0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available
OOMKilled exit code 137, limit 128Mi, usage 131072Ki
java.lang.OutOfMemoryError: Java heap space
	at com.example.shop.TokenService.validatePassword(TokenService.java:123)
	at org.springframework.boot.autoconfigure.jdbc.DataSourceBeanCreationException.<init>(X.java:77)
java.lang.Object@1b2c3d4e
Caused by: org.postgresql.util.PSQLException: FATAL: no pg_hba.conf entry
File "/app/auth/token.py", line 12, in load_password
node:internal/modules/cjs/loader:1080
goroutine 1 [running]: main.main() /app/main.go:42 +0x1d
std::vector<int> ns::Token::parse() abc::def
nginx: [emerg] unknown directive "sever" in /etc/nginx/conf.d/default.conf:3
npm ERR! code ELIFECYCLE @scope/pkg@1.2.3 react@18.2.0
kubelet getty@tty1.service entered failed state
Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.109 Safari/537.36
app version 1.2.3.4 build 20261120.1
image: ghcr.io/team/app:1.2.3.4
255.255.255.0 169.254.169.254
docker run -p 8080:80 nginx
mkdir -p /var/lib/app && cp -p a b
ssh -p 22 host
curl -u https://example.com/ -o out
configmap "app-config" not found
Deployment does not have minimum availability
pods "web-6d4cf56db6-x2x4v" is forbidden: exceeded quota: compute, requested: memory=1Gi, used: memory=900Mi, limited: memory=1Gi
exec: "server": executable file not found in $PATH: unknown
x509: certificate signed by unknown authority
WWW-Authenticate: Bearer realm="https://auth.docker.io/token",service="registry.docker.io"
no basic auth credentials
job 12345678A of batch 20261120T waits, part AB123456X, order 078-05-112, serial 529.982.247-26
ticket 000-12-3456 and code RSSMRA85T10A562A
authorization: failed for service account
using basic configuration for tests
bearer token missing
PWD=/app
OLDPWD=/root
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
KUBERNETES_SERVICE_PORT=443
HOSTNAME=web-6d4cf56db6-x2x4v
JAVA_OPTS=-Xmx512m -XX:+UseG1GC -Dserver.port=8080
vault-token-7d9f8: OOMKilled
exit status 1: exit code 255, signal: killed
state: Running, status: True, code: 200
policy "require-signature" denied the request
{"level":"error","ts":"2026-11-20T13:42:03.123Z","caller":"auth/token.go:42","msg":"cannot parse token","error":"unexpected EOF"}
{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"shop","uid":"0b1f6a1e-8c0a-4bd1-9d7a-2c1f5d8f2a11"}}
{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"name":"db-credentials","key":"password"}}}
- name: DB_PASSWORD
volumes: secret: SecretVolumeSource{SecretName:db-credentials,Items:[]KeyToPath{},DefaultMode:*420,Optional:nil,}
`
	return strings.Split(strings.Trim(lines, "\n"), "\n")
}
