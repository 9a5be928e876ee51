package redact

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

type hideRow struct {
	name    string
	text    string
	secrets []string
	stays   []string
}

// r20 and its like are synthetic bodies of tokens.
func body(n int) string {
	return strings.Repeat("aB3dE6gH9jK2mN5pQ8sT1vW4xY7z", 8)[:n]
}

func pem(label string, n int) string {
	var b strings.Builder
	b.WriteString("-----BEGIN " + label + "-----\n")
	for range n {
		b.WriteString("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" + body(32) + "\n")
	}
	return b.String() + "-----END " + label + "-----"
}

func wrap(s string, width int) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + "\n")
		s = s[width:]
	}
	return b.String() + s
}

func prefixed(prefix, text string) string {
	return prefix + strings.ReplaceAll(text, "\n", "\n"+prefix)
}

func hideRows() []hideRow {
	pw := "hun" + "ter2"
	key := pem("RSA PRIV"+"ATE KEY", 4)
	inner := "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
	jwt := "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0." + body(43)
	basic := base64.StdEncoding.EncodeToString([]byte("bob:" + pw))
	rows := []hideRow{
		{"dsn keeps scheme, host, port and path", "postgres://app:" + pw + "@db.internal:5432/shop?sslmode=disable", []string{pw}, []string{"postgres://", "@db.internal:5432/shop?sslmode=disable"}},
		{"dsn with awkward password", "postgres://app:p@" + pw + "/w0rd@db.internal:5432/shop", []string{pw, "w0rd"}, []string{"@db.internal:5432/shop"}},
		{"dsn without user", "redis://:" + pw + "@cache:6379/0", []string{pw}, []string{"redis://", "@⟨svc shop/cache⟩:6379/0"}},
		{"dsn in json", `{"url":"amqp://u:` + pw + `@mq:5672/v"}`, []string{pw}, []string{`@mq:5672/v"}`}},
		{"dsn in an error", `dial "mongodb+srv://u:` + pw + `@m.example.net/db": timeout`, []string{pw}, []string{"timeout"}},
		{"url with token as user", "https://" + body(24) + "@github.com/org/repo.git", []string{body(24)}, []string{"@github.com/org/repo.git"}},
		{"go mysql dsn", "app:" + pw + "@tcp(db:3306)/shop", []string{pw}, []string{"@tcp(db:3306)/shop"}},
		{"oracle jdbc", "jdbc:oracle:thin:scott/" + pw + "@db:1521:orcl", []string{pw}, []string{"@db:1521:orcl"}},
		{"ado.net", "Server=db;User Id=app;Password=" + pw + ";Encrypt=true", []string{pw}, []string{"Server=db", "Encrypt=true"}},
		{"jaas", `sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="app" password="` + pw + `";`, []string{pw}, []string{"PlainLoginModule"}},
		{"sas signature", "https://a.blob.core.windows.net/c/b?sv=2020-08-04&sig=" + body(20) + "%2F" + body(10) + "%3D&se=2026", []string{body(20)}, []string{"sv=2020-08-04", "&se=2026"}},
		{"aws presigned", "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK" + "IA" + strings.Repeat("Q", 16) + "%2F20261120&X-Amz-Signature=" + strings.Repeat("0af1", 16) + "&x=1", []string{strings.Repeat("0af1", 16), strings.Repeat("Q", 16)}, []string{"AWS4-HMAC-SHA256"}},
		{"gcs presigned", "https://storage.googleapis.com/b/o?X-Goog-Signature=" + strings.Repeat("0af1", 16) + "&x=1", []string{strings.Repeat("0af1", 16)}, []string{"&x=1"}},
		{"oauth code", "GET /callback?code=" + body(30) + "&state=x1", []string{body(30)}, []string{"GET /callback?code="}},
		{"bearer header", "Authorization: Bearer " + body(30), []string{body(30)}, []string{"Authorization: Bearer "}},
		{"bearer in json header map", `{"Authorization":["Bearer ` + body(30) + `"],"Accept":["*/*"]}`, []string{body(30)}, []string{`"Accept":["*/*"]`}},
		{"bearer in go header map", "map[Authorization:[Bearer " + body(30) + "] Accept:[*/*]]", []string{body(30)}, []string{"Accept:[*/*]"}},
		{"basic header", "authorization: Basic " + basic, []string{basic}, nil},
		{"basic alone", "using Basic " + basic + " for host", []string{basic}, []string{"for host"}},
		{"bearer alone", "curl -H 'Bearer " + body(30) + "'", []string{body(30)}, nil},
		{"raw authorization", "Authorization: " + body(30), []string{body(30)}, nil},
		{"sigv4 header", "Authorization: AWS4-HMAC-SHA256 Credential=x/20261120/us-east-1/s3/aws4_request, Signature=" + strings.Repeat("0af1", 16), []string{strings.Repeat("0af1", 16)}, nil},
		{"cookie", "Cookie: sid=" + body(20) + "; theme=dark", []string{body(20)}, []string{"Cookie: "}},
		{"set-cookie in json", `"Set-Cookie":["sid=` + body(20) + `; Path=/; HttpOnly"],"Date":["x"]`, []string{body(20)}, []string{`"Date":["x"]`}},
		{"x-api-key", "X-Api-Key: " + pw, []string{pw}, nil},
		{"curl -u", "curl -u bob:" + pw + " https://example.com/", []string{pw}, []string{"https://example.com/"}},
		{"mysql -p", "mysql -h db -u root -p" + pw + " shop", []string{pw}, []string{"-h db"}},
		{"mysqldump -p", "mysqldump -uroot -p" + pw + " shop", []string{pw}, nil},
		{"redis-cli -a", "redis-cli -h cache -a " + pw + " ping", []string{pw}, []string{"ping"}},
		{"sshpass", "sshpass -p " + pw + " ssh bob@host", []string{pw}, nil},
		{"docker login", "docker login -u bob -p " + pw + " registry.io", []string{pw}, []string{"registry.io"}},
		{"command as json", `["redis-cli","-a","` + pw + `","ping"]`, []string{pw}, []string{`"ping"`}},
		{"from literal", "kubectl create secret generic x --from-literal=plain=" + pw + " --from-literal=b=two2", []string{pw, "two2"}, []string{"kubectl create secret generic x"}},
		{"a table's columns", "| DB_PASSWORD | S3cr" + "etValue |", []string{"S3cr" + "etValue"}, []string{"| DB_PASSWORD | "}},
		{"dockerfile", "ENV DB_PASSWORD S3cr" + "etValue", []string{"S3cr" + "etValue"}, []string{"ENV DB_PASSWORD "}},
		{"one-time code", "your verification code: 481516", []string{"481516"}, []string{"code: "}},
		{"sentence with to", "PASSWORD is set to " + pw, []string{pw}, nil},
		{"nested json", `"{\"a\":\"{\\\"token\\\":\\\"` + pw + `\\\"}\"}"`, []string{pw}, nil},
		{"argument on the next line", "      --admin-password\n      " + pw + "\n", []string{pw}, nil},
		{"helm --set", "helm upgrade x --set db.password=" + pw + ",foo=bar", []string{pw}, []string{",foo=bar"}},
		{"yaml value on the next line", "password:\n  " + pw + "\nport: 1", []string{pw}, []string{"port: 1"}},
		{"yaml list of tokens", "  tokens:\n  - one1\n  - \"two2\"\n  port: 1", []string{"one1", "two2"}, []string{"port: 1"}},
		{"a very long argument", "mysql -h db -p" + strings.Repeat("é", 4000) + pw + " shop", []string{pw, "éé"}, []string{"mysql -h db"}},
		{"a very long element", "<password>" + strings.Repeat("x y", 4000) + pw + "</password>", []string{pw}, []string{"</password>"}},
		{"netrc", "machine git.example.com login bob password " + pw, []string{pw}, []string{"machine git.example.com"}},
		{"redis.conf", "requirepass " + pw + "\nport 6379", []string{pw}, []string{"port 6379"}},
		{"in a sentence", "the root password is " + pw + " for now", []string{pw}, []string{"for now"}},
		{"mysql's first start", "A temporary password is generated for root@localhost: k#2" + pw, []string{pw}, []string{"A temporary password"}},
		{"docker inspect", `"Env":["DB_PASSWORD=` + pw + `","PATH=/usr/bin"]`, []string{pw}, []string{`"PATH=/usr/bin"]`}},
		{"npmrc", "//registry.npmjs.org/:_authToken=" + body(30), []string{body(30)}, nil},
		{"htpasswd", "bob:$apr1$abcdefgh$" + body(22), []string{body(22)}, nil},
		{"escaped quote", `{"password":"a\"` + pw + `","x":1}`, []string{pw}, []string{`"x":1}`}},
		{"service bus", "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=" + body(43) + "=;EntityPath=q", []string{body(43)}, []string{"SharedAccessKeyName=Root", "EntityPath=q"}},
		{"wrapped at 80", wrap("level=info msg=connected to=db dsn="+strings.Repeat("x", 30)+" api_key="+body(60)+" then", 80), []string{body(60)[:12], body(60)[40:]}, []string{"level=info", "then"}},
		{"wrapped in two places", wrap("level=info msg=connected to=db dsn="+strings.Repeat("x", 24)+" token="+body(120)+" then", 64), []string{body(12), body(120)[30:60], body(120)[100:]}, []string{"level=info", "then"}},
		{"parts of a runtime", "2026-11-20T13:42:03.1Z stdout P start token=" + body(20) + "\n2026-11-20T13:42:03.1Z stdout F " + body(40)[20:] + " then", []string{body(20), body(40)[20:]}, []string{"start token=", " then"}},
		{"sql identified", "CREATE USER 'a'@'%' IDENTIFIED BY '" + pw + "'", []string{pw}, []string{"CREATE USER"}},
		{"sql password", "ALTER ROLE app WITH PASSWORD '" + pw + "';", []string{pw}, []string{"ALTER ROLE app"}},
		{"pem", "key:\n" + key + "\nend", []string{inner}, []string{"end"}},
		{"pem with log prefix", prefixed("2026-11-20T13:42:03Z stdout F ", key), []string{inner}, nil},
		{"pem in json", `{"k":"` + strings.ReplaceAll(key, "\n", `\n`) + `","n":1}`, []string{inner}, []string{`"n":1`}},
		{"pem cut short", strings.TrimSuffix(key, "-----END RSA PRIV"+"ATE KEY-----") + "ready now\n", []string{inner}, []string{"ready now"}},
		{"pem indented", prefixed("    ", key), []string{inner}, nil},
		{"pem tail only", inner + body(32) + "\n" + inner + body(32) + "\n-----END PRIVATE KEY-----", []string{inner}, nil},
		{"jwt", "got " + jwt + " from client", []string{jwt[:20], body(43)}, []string{"got ", " from client"}},
		{"jwt after escape", `{"m":"a\n` + jwt + `\nb"}`, []string{jwt[:20]}, nil},
		{"jwt cut short", "token was " + jwt[:40], []string{jwt[10:40]}, nil},
		{"dockerconfigjson", `{"auths":{"ghcr.io":{"username":"bob","password":"` + pw + `","auth":"` + basic + `"}}}`, []string{pw, basic}, []string{`"ghcr.io"`}},
		{"dockerconfigjson encoded", ".dockerconfigjson: " + base64.StdEncoding.EncodeToString([]byte(`{"auths":{"ghcr.io":{"password":"`+pw+`"}}}`)), []string{"ey" + "JhdXRocyI6"}, nil},
		{"kubeconfig", "    client-key-data: " + base64.StdEncoding.EncodeToString([]byte(key)) + "\n    token: " + body(20), []string{body(20), "LS0tLS1CRUdJTi"}, []string{"client-key-data: "}},
		{"base64 once", "payload=" + base64.StdEncoding.EncodeToString([]byte("db_password="+pw+"\nport=5432\n")), []string{"ZGJfcGFzc3dvcmQ"}, []string{"payload="}},
		{"base64 twice", base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte("db_password=" + pw + "\nport=5432\n")))), []string{"WkdKZm"}, nil},
		{"hex once", "payload " + hex.EncodeToString([]byte("db_password="+pw+"&port=5432")), []string{"64625f70"}, []string{"payload "}},
		{"url once", "next=" + url.QueryEscape("https://u:"+pw+"@host/p"), []string{pw}, []string{"next="}},
		{"email", "mail from bob.smith+x@mail.example.org failed", []string{"bob.smith", "example.org"}, []string{"mail from ", " failed"}},
		{"email in url encoding", "?u=bob%40example.org&x=1", []string{"bob%40example.org"}, []string{"&x=1"}},
		{"phone", "call +49 170 1234567 now", []string{"1234567"}, []string{"call ", " now"}},
		{"us phone", "call (555) 123-4567 or 555-123-4567", []string{"123-4567"}, nil},
		{"phone field", `{"phone":"0301234567"}`, []string{"0301234567"}, nil},
		{"card", "card 4111 1111 1111 1111 declined", []string{"4111 1111"}, []string{"declined"}},
		{"card in one piece", "card=5555555555554444;", []string{"5555555555554444"}, nil},
		{"amex", "378282246310005", []string{"378282246310005"}, nil},
		{"iban", "to DE89370400440532013000 failed", []string{"DE8937"}, []string{" failed"}},
		{"iban in groups", "to DE89 3704 0044 0532 0130 00 failed", []string{"DE89", "0130"}, []string{" failed"}},
		{"ssn", "applicant 078-05-1120 refused", []string{"078-05-1120"}, []string{"applicant ", " refused"}},
		{"nino", "NI number AB123456C on file", []string{"AB123456C"}, []string{" on file"}},
		{"dni", "dni 12345678Z, nie X1234567L", []string{"12345678Z", "X1234567L"}, []string{"dni ", ", nie "}},
		{"codice fiscale", "cf RSSMRA85T10A562S non valido", []string{"RSSMRA85T10A562S"}, []string{" non valido"}},
		{"cpf", "cpf 529.982.247-25 inválido", []string{"529.982.247"}, []string{"cpf "}},
		{"ssn field", "ssn: 078-05-1120", []string{"078-05-1120"}, nil},
		{"ipv4", "dial tcp 10.1.2.3:6379: i/o timeout", []string{"10.1.2.3"}, []string{":6379: i/o timeout"}},
		{"ipv4 after slash", "cache/10.1.2.3:6379 refused", []string{"10.1.2.3"}, []string{":6379 refused"}},
		{"ipv4 in cidr", "route 10.1.0.0/16 via 10.1.2.3", []string{"10.1."}, []string{"/16 via "}},
		{"ipv6", "dial tcp [2001:db8::1]:443: refused", []string{"2001:db8"}, []string{"]:443: refused"}},
		{"ipv6 full", "from 2001:0db8:85a3:0000:0000:8a2e:0370:7334 port 22", []string{"8a2e"}, []string{" port 22"}},
		{"ipv4 in ipv6", "peer ::ffff:10.1.2.3 gone", []string{"10.1.2.3"}, []string{" gone"}},
		{"mac", "eth0 00:1B:44:11:3A:B7 up", []string{"00:1B"}, []string{"eth0 ", " up"}},
		{"user field", "msg=login user=bob.smith ok=true", []string{"bob.smith"}, []string{"ok=true"}},
		{"username in json", `{"username":"bsmith","id":7}`, []string{"bsmith"}, []string{`"id":7`}},
		{"known address", "dial tcp 10.96.3.4:6379: connect: connection refused", []string{"10.96.3.4"}, []string{"dial tcp ⟨svc shop/cache⟩:6379: connect: connection refused"}},
		{"known host", "dial tcp: lookup cache.shop.svc.cluster.local: no such host", []string{"cluster.local"}, []string{"⟨svc shop/cache⟩: no such host"}},
		{"yaml block", "password: |\n  line one\n  line two\nport: 1", []string{"line one", "line two"}, []string{"port: 1"}},
		{"yaml list", "tokens: [\"one1\", two2]\nport: 1", []string{"one1", "two2"}, []string{"port: 1"}},
		{"number in json stays json", `{"pin": 4711, "x": 1}`, []string{"4711"}, []string{`"pin": "⟨`, `⟩", "x": 1}`}},
		{"value first", `{"value":"` + pw + `","name":"DB_PASSWORD"}`, []string{pw}, nil},
		{"passphrase in an env dump", "DB_PASSWORD=correct horse battery\nPORT=1", []string{"correct", "battery"}, []string{"PORT=1"}},
		{"delimiters in a password", "DB_PASSWORD=p@ss,w)r}d;x&y\nPORT=1", []string{"p@ss", "w)r}d", "x&y"}, []string{"PORT=1"}},
		{"comma in logfmt", "a=1 password=abc,def5 b=2", []string{"abc", "def5"}, []string{"b=2"}},
		{"ansi inside", "pass\x1b[1mword=" + pw, []string{pw}, nil},
		{"zero width inside", "pass\u200bword=hunt\u200ber2", []string{pw}, nil},
		{"bidi around", "password=\u202e" + pw + "\u202c", []string{pw}, nil},
		{"carriage return", "progress\rpassword=" + pw, []string{pw}, []string{"progress\n"}},
		{"gitleaks marker", "password=" + pw + " # gitleaks:allow", []string{pw}, nil},
		{"other markers", "password=" + pw + " // nosec pragma: allowlist secret trufflehog:ignore", []string{pw}, nil},
		{"forged placeholder", "password=⟨" + pw + "⟩ x", []string{pw}, nil},
		{"forged kind", "⟨swordfish:abcdef⟩ password=" + pw, []string{pw, "⟨swordfish"}, nil},
		{"high entropy", "loaded " + "wJalrXUtnFEMI9K7MDENG2bPxRfiCYzEXAM4PLEKEY", []string{"wJalr"}, []string{"loaded "}},
		{"telegram", "bot 123456789:AA" + body(33) + " started", []string{body(33)}, []string{" started"}},
		{"azure client secret", "got abc8Q~" + body(34), []string{body(34)}, nil},
		{"mailchimp", "key " + strings.Repeat("0af1", 8) + "-us12", []string{"0af10af1"}, nil},
		{"secret manifest", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  plain: aHVudGVyMg==\nstringData:\n  other: " + pw + "\n", []string{"aHVudGVyMg", pw}, []string{"name: db", "plain: "}},
		{"secret manifest in json", `{"kind":"Secret","metadata":{"name":"db"},"data":{"plain":"aHVudGVyMg=="},"type":"Opaque"}`, []string{"aHVudGVyMg"}, []string{`"name":"db"`, `"type":"Opaque"`}},
	}
	for _, t := range tokenTable() {
		n := max(t.min, 1)
		b := strings.Repeat("A1B2C3D4E5F6a7b8c9", 20)[:n]
		switch t.alphabet {
		case upperBytes:
			b = strings.ToUpper(b)
		case hexaBytes:
			b = strings.ToLower(b)
		}
		if t.kind == "cloudflare-key" {
			b = strings.ToLower(b)
		}
		for _, carrier := range []string{"#", "key #, next", `{"k":"#"}`, "(#)", "a=#&b", `x\n#\ny`, "<#>", "k%3D#%26v"} {
			rows = append(rows, hideRow{t.kind, strings.Replace(carrier, "#", t.prefix+b, 1), []string{b}, nil})
		}
	}
	return rows
}
