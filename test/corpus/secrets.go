package corpus

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
)

// Planted is a text with a secret in it.
type Planted struct {
	Kind, Carrier, Encoding string
	Text                    string
	// Secrets are the pieces of which none may be left; Stays must be.
	Secrets, Stays []string
}

// Secrets draws n texts, every form in turn, each in a carrier and in one of
// three cases in an encoding too.
func (g Generator) Secrets(n int) []Planted {
	all := forms()
	out := make([]Planted, 0, n)
	for i := range n {
		var p Planted
		switch i % 5 {
		case 0, 1:
			p = g.token(all[(i/5*2+i%5)%len(all)])
		case 2, 3:
			p = g.password()
		default:
			p = g.place()
		}
		for _, s := range p.Secrets {
			if !strings.Contains(p.Text, s) {
				panic("carrier " + p.Carrier + " does not hold its secret")
			}
		}
		if g.Rand.IntN(3) == 0 {
			g.encode(&p)
		}
		out = append(out, p)
	}
	return out
}

// token plants a provider's credential: alone where its form tells, behind a
// name where it does not.
func (g Generator) token(k kind) Planted {
	value, err := g.Draw(k.pattern)
	if err != nil {
		panic(err) // a mistake in formRows
	}
	if k.named() || g.Rand.IntN(2) == 0 {
		return g.named(k.name, value)
	}
	c := pick(g, aloneCarriers)
	if strings.Contains(value, "/") && strings.HasPrefix(c.name, "url") {
		c = aloneCarriers[0]
	}
	return Planted{Kind: k.name, Carrier: c.name, Text: c.write("", value), Secrets: pieces(value)}
}

// password plants what people choose and what generators draw.
func (g Generator) password() Planted {
	switch g.Rand.IntN(3) {
	case 0:
		return g.named("chosen password", pick(g, plain))
	case 1:
		value, _ := g.Draw(`[A-Za-z0-9!#%*+_.-]{8,40}`)
		return g.named("drawn password", "p"+strings.TrimRight(value, ".-!%*+_#")+"7")
	}
	value, _ := g.Draw(pick(g, []string{`[0-9a-f]{32,64}`, `[A-Za-z0-9+/]{43}=`, `[A-Za-z0-9_-]{32,64}`, `[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}`}))
	return g.named("drawn key", value)
}

// named writes a value behind a name, escaped as the carrier demands.
func (g Generator) named(kind, value string) Planted {
	c, name := pick(g, namedCarriers), pick(g, names)
	if !c.quoted && !c.query && strings.ContainsAny(value, ";&,<>(){}\"' ") {
		c = pick(g, quotedCarriers())
	}
	written := value
	if c.query {
		written = url.QueryEscape(value)
	}
	return Planted{Kind: kind, Carrier: c.name, Text: c.write(name, written), Secrets: pieces(written), Stays: stays(c, name)}
}

func quotedCarriers() []carrier {
	var out []carrier
	for _, c := range namedCarriers {
		if c.quoted && c.name != "xml attribute" {
			out = append(out, c)
		}
	}
	return out
}

// stays: the name is what tells people which setting it was.
func stays(c carrier, name string) []string {
	if c.name == "ansi" {
		return nil
	}
	return []string{strings.TrimLeft(name, "-")}
}

// place plants a secret that its position marks.
func (g Generator) place() Planted {
	pw := pick(g, plain)
	if g.Rand.IntN(2) == 0 {
		pw, _ = g.Draw(`[A-Za-z][A-Za-z0-9_.-]{6,22}[0-9]`)
	}
	host, user := pick(g, hosts), pick(g, users)
	safe := url.QueryEscape(pw)
	basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + pw))
	hexSig, _ := g.Draw(`[0-9a-f]{64}`)
	sig, _ := g.Draw(`[A-Za-z0-9]{41}`)
	type row struct{ name, text, secret, stays string }
	rows := []row{
		{"postgres url", "postgres://" + user + ":" + safe + "@" + host + ":5432/shop?sslmode=disable", safe, ":5432/shop?sslmode=disable"},
		{"redis url", "redis://:" + safe + "@" + host + ":6379/0", safe, ":6379/0"},
		{"mongodb url", `connecting to "mongodb+srv://` + user + ":" + safe + "@cluster0.example.net/test?retryWrites=true\"", safe, "cluster0.example.net/test"},
		{"amqp url", "amqp://" + user + ":" + safe + "@" + host + ":5672/vhost: dial tcp: timeout", safe, "dial tcp: timeout"},
		{"https url", "fetch https://" + user + ":" + safe + "@git.example.com/a/b.git failed", safe, "git.example.com/a/b.git failed"},
		{"go mysql", user + ":" + safe + "@tcp(" + host + ":3306)/shop?parseTime=true", safe, "/shop?parseTime=true"},
		{"sqlalchemy", "(sqlalchemy) mysql+pymysql://" + user + ":" + safe + "@" + host + "/shop", safe, "mysql+pymysql://"},
		{"ado", "Data Source=" + host + ";User ID=" + user + ";Password=" + safe + ";Encrypt=True", safe, "Encrypt=True"},
		{"azure storage", "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=" + sig + sig + "AA==;EndpointSuffix=core.windows.net", sig, "AccountName=shop"},
		{"event hub", "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=" + sig + "=", sig, "SharedAccessKeyName=root"},
		{"jaas", `required username="` + user + `" password="` + safe + `";`, safe, "required username="},
		{"basic header", "Authorization: Basic " + basic, basic, "Authorization"},
		{"basic header map", `"Authorization":["Basic ` + basic + `"]`, basic, "Authorization"},
		{"curl -u", "curl -sS -u " + user + ":" + safe + " https://example.com/x", safe, "https://example.com/x"},
		{"mysql -p", "mysql -h " + host + " -u" + user + " -p" + safe + " shop", safe, "mysql -h"},
		{"redis-cli -a", "redis-cli -h " + host + " -a " + safe + " PING", safe, "PING"},
		{"docker login", "docker login -u " + user + " -p " + safe + " registry.example.com", safe, "registry.example.com"},
		{"sshpass", "sshpass -p " + safe + " ssh app@host", safe, "ssh "},
		{"sas", "https://shop.blob.core.windows.net/c/b?sv=2024-01-01&se=2026-12-01&sig=" + sig + "%3D&sp=r", sig, "sv=2024-01-01"},
		{"s3 presigned", "https://b.s3.amazonaws.com/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261120T000000Z&X-Amz-Signature=" + hexSig, hexSig, "X-Amz-Date=20261120T000000Z"},
		{"gcs presigned", "https://storage.googleapis.com/b/o?X-Goog-Expires=900&X-Goog-Signature=" + hexSig + hexSig, hexSig, "X-Goog-Expires=900"},
		{"cookie", "Cookie: session=" + sig + "; theme=dark", sig, "Cookie"},
		{"set-cookie", "set-cookie: sid=" + sig + "; Path=/; HttpOnly", sig, "set-cookie"},
		{"sql", "ALTER USER " + user + " WITH PASSWORD '" + pw + "'", pw, "ALTER USER"},
		{"identified by", "CREATE USER 'x'@'%' IDENTIFIED BY '" + pw + "'", pw, "CREATE USER"},
		{"from literal", "kubectl create secret generic db --from-literal=password=" + safe, safe, "kubectl create secret generic db"},
		{"dockerconfigjson", `{"auths":{"registry.example.com":{"username":"` + user + `","password":"` + safe + `","auth":"` + basic + `"}}}`, basic, "registry.example.com"},
		{"dockerconfigjson base64", ".dockerconfigjson: " + base64.StdEncoding.EncodeToString([]byte(`{"auths":{"r.example.com":{"auth":"`+basic+`"}}}`)), "eyJhdXRocyI6", ".dockerconfigjson"},
		{"kubeconfig", "users:\n- name: admin\n  user:\n    token: " + sig + "\n    client-key-data: " + base64.StdEncoding.EncodeToString([]byte(privateKey())) + "\n", sig, "name: admin"},
		{"secret manifest", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  value: " + base64.StdEncoding.EncodeToString([]byte(pw+"-"+sig)) + "\n", base64.StdEncoding.EncodeToString([]byte(pw + "-" + sig))[:24], "name: db"},
		{"jwt", "token rejected: " + g.jwt(), "", "rejected"},
		{"pem", privateKey(), "", ""},
		{"pem in a log", logged(privateKey()), "", "stdout F"},
		{"pem in json", `{"key":"` + strings.ReplaceAll(privateKey(), "\n", `\n`) + `","port":1}`, "", `"port":1`},
		{"npmrc", "//registry.npmjs.org/:_authToken=" + sig, sig, "registry.npmjs.org"},
		{"netrc", "machine api.example.com login " + user + " password " + pw, pw, "machine api.example.com"},
		{"pgpass", "PGPASSWORD=" + safe + " psql -h " + host, safe, ""},
	}
	r := rows[g.Rand.IntN(len(rows))]
	if r.name == "jwt" {
		r.secret = strings.TrimPrefix(r.text, "token rejected: ")
	}
	secrets := pieces(r.secret)
	if strings.HasPrefix(r.name, "pem") {
		body := strings.Split(strings.ReplaceAll(r.text, `\n`, "\n"), "\n")
		line := strings.Fields(body[len(body)/2])
		secrets = []string{line[len(line)-1]}
		if r.name == "pem in a log" {
			r.stays = ""
		}
	}
	p := Planted{Kind: r.name, Carrier: "position", Text: r.text, Secrets: secrets}
	if r.stays != "" {
		p.Stays = []string{r.stays}
	}
	return p
}

// jwt is a token of the right form; its signature is drawn.
func (g Generator) jwt() string {
	part := func(v any) string {
		raw, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	sig, _ := g.Draw(`[A-Za-z0-9_-]{43}`)
	return part(map[string]string{"alg": "HS256", "typ": "JWT"}) + "." +
		part(map[string]any{"sub": fmt.Sprint(g.Rand.IntN(1 << 30)), "iat": 1763646123}) + "." + sig
}

// privateKey is a new key that nobody uses.
func privateKey() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func logged(text string) string {
	const prefix = "2026-11-20T13:42:03.123456789Z stdout F "
	return prefix + strings.ReplaceAll(text, "\n", "\n"+prefix)
}

// encode wraps a text the way collectors, clients and terminals do.
func (g Generator) encode(p *Planted) {
	switch g.Rand.IntN(8) {
	case 0:
		p.whole("base64", base64.StdEncoding.EncodeToString([]byte(p.Text)))
	case 1:
		p.whole("base64 twice", base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(p.Text)))))
	case 2:
		p.whole("hex", hex.EncodeToString([]byte(p.Text)))
	case 3, 4:
		once := url.QueryEscape(p.Text)
		switch {
		case !strings.Contains(once, "%"): // nothing was encoded
		case g.Rand.IntN(2) == 0:
			p.escaped("url", once)
		default:
			p.escaped("url twice", url.QueryEscape(once))
		}
	case 5:
		raw, _ := json.Marshal(p.Text)
		p.inside("json string", `{"level":"info","msg":`+string(raw)+`}`)
	case 6:
		raw, _ := json.Marshal(p.Text)
		raw, _ = json.Marshal(string(raw))
		p.inside("json string twice", `{"log":`+string(raw)+`}`)
	default:
		p.broken("wrapped", 80)
	}
}

// whole replaces the text by one run that hides everything: none of it may be
// left but in pieces too short to be decoded to the secret.
func (p *Planted) whole(name, run string) {
	p.Encoding, p.Stays = name, nil
	p.Text = "payload " + run + " end"
	p.Secrets = []string{run}
}

// escaped is whole where the escaping changed the secret, and leaves the secret
// as the one piece that may not be left where it did not.
func (p *Planted) escaped(name, run string) {
	secrets := p.Secrets
	p.whole(name, run)
	for _, s := range secrets {
		if !strings.Contains(run, s) {
			return
		}
	}
	p.Secrets = secrets
}

// inside keeps the secret as it stands where no escaping changed it.
func (p *Planted) inside(name, text string) {
	p.Encoding, p.Text = name, text
	p.Stays = nil
	var left []string
	for _, s := range p.Secrets {
		if strings.Contains(text, s) {
			left = append(left, s)
		}
	}
	p.Secrets = left
}

// broken breaks a long single line at a terminal's width.
func (p *Planted) broken(name string, width int) {
	if strings.ContainsAny(p.Text, "\n\x1b") || len(p.Text) < 24 {
		return
	}
	const head = "2026-11-20 13:42:03 INFO  worker-7 processing message "
	text := head + p.Text
	var b strings.Builder
	for len(text) > width {
		b.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	b.WriteString(text)
	p.Encoding, p.Text, p.Stays = name, b.String(), nil
	var left []string
	for _, s := range p.Secrets {
		for _, line := range strings.Split(p.Text, "\n") {
			if n := overlap(line, s); n >= 8 {
				left = append(left, edge(line, s, n))
			}
		}
	}
	p.Secrets = left
}

// overlap is the length of the longest piece of s that the line begins or ends
// with, or of s itself where the line holds it.
func overlap(line, s string) int {
	if strings.Contains(line, s) {
		return len(s)
	}
	for n := min(len(s), len(line)); n > 0; n-- {
		if strings.HasSuffix(line, s[:n]) || strings.HasPrefix(line, s[len(s)-n:]) {
			return n
		}
	}
	return 0
}

// edge is the piece of s, n bytes long, that the line ends or begins with.
func edge(line, s string, n int) string {
	if strings.HasSuffix(line, s[:n]) {
		return s[:n]
	}
	return s[len(s)-n:]
}

// pieces are what may not be left of a value: the whole, and for a long one its
// middle, so that hiding its ends alone does not count.
func pieces(value string) []string {
	if len(value) < 20 {
		return []string{value}
	}
	return []string{value, value[len(value)/2-6 : len(value)/2+6]}
}

func pick[T any](g Generator, list []T) T { return list[g.Rand.IntN(len(list))] }
