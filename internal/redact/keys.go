package redact

import "strings"

// weight says how much a field's name tells about its value.
type weight int

const (
	telling weight = iota + 1 // the value is a secret, however plain it looks
	hinting                   // the value is a secret if it looks like one
	user                      // the value is a person's or account's name
	coding                    // the value is a secret inside a URL's query
	dialled                   // the value is a phone number
)

// vocabulary holds the words of field names. It is immutable once built.
type vocabulary struct {
	secret, benign, beforeKey, notKey, oneTime, account, counted map[string]bool

	endings []string
}

func newVocabulary() *vocabulary {
	return &vocabulary{
		secret: words(`password passwords passwd passwds passwort kennwort passphrase passcode pwd pwds pass pw
			secret secrets token tokens apikey apikeys apitoken credential credentials cred creds jwt bearer
			cookie cookies otp totp pin mfa psk authkey authtoken secretkey accesskey privatekey requirepass
			masterauth sig signature signingkey encryptionkey masterkey accountkey sharedaccesskey sessionid
			ssn sessiontoken csrftoken keytab dsnpassword`),
		benign: words(`spec name names ref refs reference file files filename path paths dir directory mount mounts
			mountpath type kind url uri urls endpoint endpoints host hostname port user username policy policies count
			counts length len size ttl expiry expires expire expired expiration lifetime seconds minutes hours ms timeout enabled
			disabled required optional version rotation rotated age limit limits max min status state provider
			issuer audience format algorithm alg method store manager namespace selector volume volumes
			mode request requests error errors attempts retries usage used bucket index created updated modified
			valid validity header prefix suffix field fields controller class source sources projection cache
			reviews review scope scopes go py java js ts rb rs cc cpp kt php cs scala txt log yaml yml json toml conf cfg ini
			pem crt so sh expirationseconds strength complexity strategy interval window rate refresh
			generator factory helper handler validator validation encoder service client server exception`),
		beforeKey: words(`api access private secret signing sign encryption encrypt decryption decrypt master account
			storage shared auth license licence client admin root app application hmac crypto cipher aes des
			session integration ingest write read deploy ssh rsa ecdsa ed25519 tls ssl gpg pgp webhook consumer
			subscription function host admin user service webhook jwt cookie activation product
			server wireguard preshared pre psk rest developer project team org merchant functions bot`),
		notKey:  words(`secret`),
		oneTime: words(`2fa mfa otp totp verification security login confirmation time pin auth authentication`),
		account: words(`user username login usr uname`),
		counted: words(`tokens secrets cookies keys`),
		endings: strings.Fields(`password passwd passphrase passwort secret token tokens apikey secretkey
			accesskey privatekey authkey credential credentials pwd dbpass userpass rootpass adminpass mypass
			sshpass mysqlpass pgpass`),
	}
}

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// name is a field's name, split in camel, snake, kebab or dotted style into
// words in lower case without digits at their ends. It lives on the stack: most
// names in a log tell nothing and must cost nothing.
type name struct {
	low  [2*maxName + 64]byte
	at   [32]struct{ from, to uint8 }
	size int
}

// word returns the n-th word, counted from the end where n is negative.
func (w *name) word(n int) []byte {
	if n < 0 {
		n += w.size
	}
	return w.low[w.at[n].from:w.at[n].to]
}

func (w *name) split(s string) {
	s = s[:min(len(s), len(w.low))]
	start := 0
	for i := range len(s) {
		c := s[i]
		w.low[i] = fold(c)
		switch {
		case !isAlnum(c):
			w.add(start, i)
			start = i + 1
		case isUpper(c) && i > start && (isLower(s[i-1]) || i+1 < len(s) && isLower(s[i+1]) && isUpper(s[i-1])):
			w.add(start, i)
			start = i
		}
	}
	w.add(start, len(s))
}

func (w *name) add(from, to int) {
	for to > from && isDigit(w.low[to-1]) {
		to--
	}
	if to > from && w.size < len(w.at) {
		w.at[w.size].from, w.at[w.size].to = uint8(from), uint8(to)
		w.size++
	}
}

// lastWord is the last word of a name, or nothing.
func lastWord(s string) string {
	var w name
	if w.split(s); w.size == 0 {
		return ""
	}
	return string(w.word(-1))
}

// weigh returns the weight of a field's name and the kind of its value, or 0.
func (v *vocabulary) weigh(s string) (weight, string) {
	var w name
	if w.split(s); w.size == 0 {
		return 0, ""
	}
	last := w.word(-1)
	if v.account[string(last)] || string(last) == "name" && w.size > 1 && v.account[string(w.word(-2))] {
		if first := w.word(0); w.size > 1 && (string(first) == "run" || string(first) == "fs") {
			return 0, ""
		}
		return user, "user"
	}
	if v.benign[string(last)] && !(string(last) == "user" || string(last) == "service" && w.size == 1) {
		return 0, ""
	}
	for i := range w.size {
		if heavy, kind, known := v.weighWord(&w, i); known {
			return heavy, kind
		}
	}
	return weighWeak(&w)
}

// weighWord weighs one word among its neighbours; known tells that it decides.
func (v *vocabulary) weighWord(w *name, i int) (heavy weight, kind string, known bool) {
	word := w.word(i)
	next, before := "", ""
	if i+1 < w.size {
		next = string(w.word(i + 1))
	}
	if i > 0 {
		before = string(w.word(i - 1))
	}
	if v.secret[string(word)] || v.endsSecret(word) {
		switch {
		case next == "less" || before == "pull" || before == "by":
			return 0, "", true
		case string(word) == "sig" || string(word) == "signature":
			return coding, "signature", true
		}
		return telling, kindOfWord(string(word)), true
	}
	if string(word) != "key" && string(word) != "keys" {
		return 0, "", false
	}
	switch {
	case v.beforeKey[before]:
		return telling, "key", true
	case next == "data" || i+1 == w.size:
		return hinting, "key", true
	}
	return 0, "", false
}

func weighWeak(w *name) (weight, string) {
	switch string(w.word(-1)) {
	case "auth", "session", "sid", "salt", "dsn", "sas", "identitytoken", "licence", "license":
		return hinting, "credential"
	case "phone", "mobile", "msisdn", "telephone", "phonenumber":
		return dialled, "phone"
	case "code", "state", "assertion", "ticket", "policy":
		if w.size == 1 {
			return coding, "code"
		}
	}
	return 0, ""
}

func (v *vocabulary) endsSecret(w []byte) bool {
	for _, e := range v.endings {
		if len(w) > len(e) && string(w[len(w)-len(e):]) == e {
			return true
		}
	}
	return false
}

func kindOfWord(w string) string {
	switch {
	case strings.Contains(w, "pass") || strings.Contains(w, "pw"):
		return "password"
	case strings.Contains(w, "token") || w == "jwt" || w == "bearer":
		return "token"
	case strings.Contains(w, "key"):
		return "key"
	case strings.Contains(w, "cookie") || strings.Contains(w, "session"):
		return "cookie"
	case strings.Contains(w, "cred"):
		return "credential"
	}
	return "secret"
}
