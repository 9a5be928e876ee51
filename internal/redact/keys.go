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
	secret, benign, beforeKey, notKey, oneTime, account, counted, alone map[string]bool

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
		alone: words(`key keys auth session sid salt dsn sas identitytoken licence license phone mobile msisdn telephone phonenumber
			code state assertion ticket policy`),
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

// splitName splits a field's name in camel, snake, kebab or dotted style into
// words in lower case, without digits at their ends.
func splitName(name string) []string {
	var parts []string
	start := 0
	flush := func(end int) {
		if w := strings.TrimRight(strings.ToLower(name[start:end]), "0123456789"); w != "" {
			parts = append(parts, w)
		}
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case !isAlnum(c):
			flush(i)
			start = i + 1
		case isUpper(c) && i > start && (isLower(name[i-1]) || i+1 < len(name) && isLower(name[i+1]) && isUpper(name[i-1])):
			flush(i)
			start = i
		}
	}
	if start < len(name) {
		flush(len(name))
	}
	return parts
}

// weigh returns the weight of a field's name and the kind of its value, or 0.
func (v *vocabulary) weigh(name string) (weight, string) {
	if !v.mayTell(name) {
		return 0, ""
	}
	parts := splitName(name)
	if len(parts) == 0 {
		return 0, ""
	}
	return v.weighWords(parts)
}

// mayTell is the cheap look that spares most names the splitting: a name in
// lower case that is one word tells only if the vocabulary has it.
func (v *vocabulary) mayTell(name string) bool {
	for i := range len(name) {
		if !isLower(name[i]) {
			return true
		}
	}
	return v.account[name] || v.secret[name] || v.alone[name] || v.endsSecret(name)
}

func (v *vocabulary) weighWords(parts []string) (weight, string) {
	last := parts[len(parts)-1]
	if v.account[last] || last == "name" && len(parts) > 1 && v.account[parts[len(parts)-2]] {
		if len(parts) > 1 && (parts[0] == "run" || parts[0] == "fs") {
			return 0, ""
		}
		return user, "user"
	}
	if v.benign[last] && !(last == "user" || last == "service" && len(parts) == 1) {
		return 0, ""
	}
	for i, w := range parts {
		if v.secret[w] || v.endsSecret(w) {
			if i+1 < len(parts) && parts[i+1] == "less" || i > 0 && (parts[i-1] == "pull" || parts[i-1] == "by") {
				return 0, ""
			}
			if w == "sig" || w == "signature" {
				return coding, "signature"
			}
			return telling, kindOfWord(w)
		}
		if w == "key" || w == "keys" {
			if i > 0 && v.beforeKey[parts[i-1]] {
				return telling, "key"
			}
			if i+1 < len(parts) && parts[i+1] == "data" || i+1 == len(parts) {
				return hinting, "key"
			}
		}
	}
	return v.weighWeak(parts, last)
}

func (v *vocabulary) weighWeak(parts []string, last string) (weight, string) {
	switch last {
	case "auth", "session", "sid", "salt", "dsn", "sas", "identitytoken", "licence", "license":
		return hinting, "credential"
	case "phone", "mobile", "msisdn", "telephone", "phonenumber":
		return dialled, "phone"
	case "code", "state", "assertion", "ticket", "policy":
		if len(parts) == 1 {
			return coding, "code"
		}
	}
	return 0, ""
}

func (v *vocabulary) endsSecret(w string) bool {
	for _, e := range v.endings {
		if len(w) > len(e) && strings.HasSuffix(w, e) {
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
