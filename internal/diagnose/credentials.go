package diagnose

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// dependency is a kind of service that rejects credentials in words of its own.
// env finds the variables that speak of it.
type dependency struct {
	name    string
	rejects *regexp.Regexp
	env     *regexp.Regexp
}

const databaseEnv = `DB|DATABASE|DATASOURCE|SQL|JDBC`

// envWords finds one of the words at the beginning of a part of a variable's
// name.
func envWords(words string) *regexp.Regexp { return regexp.MustCompile(`(?i)(?:^|_)(?:` + words + `)`) }

var dependencies = []dependency{
	{"PostgreSQL", regexp.MustCompile(`\bpassword authentication failed for user\b|\bSASL authentication failed\b`), envWords(databaseEnv + `|PG|POSTGRES`)},
	{"MySQL", regexp.MustCompile(`\bAccess denied for user '[^']*'@'[^']*' \(using password: (?:YES|NO)\)`), envWords(databaseEnv + `|MYSQL|MARIADB`)},
	{"MongoDB", regexp.MustCompile(`\(AuthenticationFailed\) Authentication failed|\bMongo(?:Server)?Error: Authentication failed|\bauth error: .*[Aa]uthentication failed`), envWords(`DB|DATABASE|MONGO`)},
	{"Redis", regexp.MustCompile(`\bWRONGPASS invalid username-password pair|\bERR invalid password\b`), envWords(`REDIS|CACHE|VALKEY`)},
	{"RabbitMQ", regexp.MustCompile(`\bACCESS_REFUSED - Login was refused\b|\busername or password not allowed\b`), envWords(`RABBIT|AMQP|BROKER|MQ`)},
	{"Kafka", regexp.MustCompile(`\bSaslAuthenticationException: |\bSASL authentication error\b|\bSASL Authentication failed\b`), envWords(`KAFKA|SASL|BROKER`)},
	{"SQL Server", regexp.MustCompile(`\bLogin failed for user '[^']+'`), envWords(databaseEnv + `|SA_`)},
	{"LDAP", regexp.MustCompile(`\bLDAP Result Code 49\b|\bLDAP: error code 49\b`), envWords(`LDAP|BIND`)},
	{"the mail server", regexp.MustCompile(`\b535[ -]5\.7\.\d+ `), envWords(`SMTP|MAIL`)},
	{"AWS", regexp.MustCompile(`\b(?:InvalidAccessKeyId|InvalidClientTokenId|SignatureDoesNotMatch)\b`), envWords(`AWS|S3`)},
	{"an HTTP service", regexp.MustCompile(`\b401 Client Error: Unauthorized for url\b|(?i:\b(?:status|status code|statuscode|returned|responded with|answered|response code|http/1\.1|http/2)[:=]? ?(?:http )?401\b|\b401 unauthorized\b)`), envWords(`API|HTTP|TOKEN|CLIENT`)},
	{someService, regexp.MustCompile(`(?i)\b(?:invalid|wrong|bad|incorrect) (?:user ?name or password|credentials|password|api key|api token)\b|\bauthentication failed\b|\blogin failed\b`), envWords(``)},
}

// someService rejects in words that any program might use, also of its own
// clients: they count only as the last words of a program that ended.
const someService = "a service that it calls"

// readRejection reads which kind of dependency rejects the program's
// credentials.
func readRejection(line string) (reason, bool) {
	for _, d := range dependencies {
		if d.rejects.MatchString(line) {
			return reason{cause: incident.CredentialsRejected, system: d.name}, true
		}
	}
	return reason{}, false
}

// rejectedCredentials blames the Secret that the credentials come from, where
// the spec leaves no doubt which.
func (l *look) rejectedCredentials(f fault, p proof, system string, words redact.Text) proof {
	p.summary = redact.Sprintf("%s: its credentials are rejected by %s: “%s”", l.fares(f), text(system), words)
	name, how, ok := l.credentials(f, system)
	if !ok {
		return p
	}
	p.root = l.sourceRef(f.pod.Namespace, source{kind: "Secret", name: name})
	p.cites = append(p.cites, l.evidence.add("spec", l.subject, redact.Sprintf("container %s", text(f.symptom.Container)),
		redact.Sprintf("%s of %s", how, refText(p.root)), l.x.Taken))
	p.summary = redact.Sprintf("%s: %s rejects the credentials of %s: “%s”", l.fares(f), text(system), refText(p.root), words)
	if changed, stale := l.isStale(f, p.root); stale {
		p.cites = append(p.cites, l.evidence.add("status", p.root, redact.Literal("changed"),
			redact.Sprintf("after the container was started at %s", redact.Time(f.runningSince())), changed))
		p.summary = redact.Sprintf("%s: %s was changed after its start, and it still uses the credentials of before, which %s rejects",
			l.fares(f), refText(p.root), text(system))
	}
	return p
}

// isStale reports whether a container runs that was started before the Secret
// changed, and when that was: it holds the values of before.
func (l *look) isStale(f fault, secret action.Ref) (changed time.Time, stale bool) {
	have, found := kube.FindKeys(l.x.Secrets, secret.Namespace, secret.Name)
	at := f.runningSince()
	return have.Changed, found && !at.IsZero() && have.Changed.After(at)
}

// runningSince is when the running container was started, zero if none runs: a
// container that starts anew reads its Secrets anew.
func (f fault) runningSince() time.Time {
	if f.status == nil || f.status.State.Running == nil {
		return time.Time{}
	}
	return f.status.State.Running.StartedAt.Time
}

var (
	credentialEnv = regexp.MustCompile(`(?i)PASSWORD|PASSWD|(?:^|_)(?:PASS|PWD|PW|SECRET|TOKEN|KEY|CREDENTIALS?|AUTH|DSN|URL|URI|CONN(?:ECTION)?(?:_?STRING)?)(?:_FILE)?$`)
	passwordEnv   = regexp.MustCompile(`(?i)PASSWORD|PASSWD|(?:^|_)(?:PASS|PWD|PW|TOKEN|DSN)(?:_FILE)?$`)
)

// credentials names the Secret from which a container takes what it shows to
// system, and how: by the names of its variables, else the only Secret that it
// uses at all.
func (l *look) credentials(f fault, system string) (name string, how redact.Text, ok bool) {
	if f.container == nil || f.pod == nil {
		return "", redact.Text{}, false
	}
	own, other := map[string]redact.Text{}, map[string]redact.Text{}
	literal := false // a password that stands in the spec or a ConfigMap
	for i := range f.container.Env {
		e := &f.container.Env[i]
		if !credentialEnv.MatchString(e.Name) {
			continue
		}
		from, is := l.secretBehind(f, e)
		about := aboutSystem(e.Name, system)
		switch {
		case is && about:
			own[from] = redact.Sprintf("%s comes from a key", text(e.Name))
		case is && !aboutAnother(e.Name, system):
			other[from] = redact.Sprintf("%s comes from a key", text(e.Name))
		case !is && about && passwordEnv.MatchString(e.Name):
			literal = true
		}
	}
	if literal {
		return "", redact.Text{}, false
	}
	for _, found := range []map[string]redact.Text{own, other, secretsOf(f, system)} {
		if len(found) == 1 {
			name = slices.Collect(maps.Keys(found))[0]
			return name, found[name], true
		}
		if len(found) > 1 {
			break
		}
	}
	return "", redact.Text{}, false
}

func aboutSystem(env, system string) bool {
	return slices.ContainsFunc(dependencies, func(d dependency) bool { return d.name == system && d.env.MatchString(env) })
}

func aboutAnother(env, system string) bool {
	return system != someService && slices.ContainsFunc(dependencies, func(d dependency) bool {
		return d.name != system && d.name != "an HTTP service" && d.name != someService && d.env.MatchString(env)
	})
}

// secretBehind is the Secret of a variable: its own, or that of the file which
// it names.
func (l *look) secretBehind(f fault, e *corev1.EnvVar) (string, bool) {
	switch {
	case e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil:
		return e.ValueFrom.SecretKeyRef.Name, true
	case path.IsAbs(e.Value):
		from, ok := l.sourceOf(f, e.Value)
		return from.name, ok && from.kind == "Secret"
	}
	return "", false
}

// tlsMount marks volumes that hold certificates and no credentials.
var tlsMount = regexp.MustCompile(`(?i)tls|cert|ssl|/ca\b|/pki`)

// secretsOf are the Secrets that a container uses, and how, without those that
// are for another system by their name.
func secretsOf(f fault, system string) map[string]redact.Text {
	out := map[string]redact.Text{}
	for i := range f.container.EnvFrom {
		if s := f.container.EnvFrom[i].SecretRef; s != nil {
			out[s.Name] = redact.Literal("its variables come from the keys")
		}
	}
	for i := range f.container.Env {
		e := &f.container.Env[i]
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil && !aboutAnother(e.Name, system) {
			out[e.ValueFrom.SecretKeyRef.Name] = redact.Sprintf("%s comes from a key", text(e.Name))
		}
	}
	for i := range f.container.VolumeMounts {
		m := &f.container.VolumeMounts[i]
		v := volumeNamed(f.pod, m.Name)
		if v == nil || tlsMount.MatchString(m.MountPath) {
			continue
		}
		for _, name := range volumeNames(v, "Secret") {
			out[name] = cmp.Or(out[name], redact.Sprintf("the files in %s are the keys", text(m.MountPath)))
		}
	}
	delete(out, "")
	return out
}
