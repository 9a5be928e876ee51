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
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

const databaseEnv = `DB|DATABASE|DATASOURCE|SQL|JDBC`

// envWords finds one of the words at the beginning of a part of a variable's
// name.
func envWords(words string) *regexp.Regexp { return regexp.MustCompile(`(?i)(?:^|_)(?:` + words + `)`) }

// systemEnv finds, by the kind of service that rejects credentials, the
// variables that speak of it.
var systemEnv = map[string]*regexp.Regexp{
	"PostgreSQL":         envWords(databaseEnv + `|PG|POSTGRES`),
	"MySQL":              envWords(databaseEnv + `|MYSQL|MARIADB`),
	"MongoDB":            envWords(`DB|DATABASE|MONGO`),
	"Redis":              envWords(`REDIS|CACHE|VALKEY`),
	"RabbitMQ":           envWords(`RABBIT|AMQP|BROKER|MQ`),
	"Kafka":              envWords(`KAFKA|SASL|BROKER`),
	"SQL Server":         envWords(databaseEnv + `|SA_`),
	"LDAP":               envWords(`LDAP|BIND`),
	"the mail server":    envWords(`SMTP|MAIL`),
	"AWS":                envWords(`AWS|S3`),
	loglines.HTTPService: envWords(`API|HTTP|TOKEN|CLIENT`),
	loglines.SomeService: envWords(``),
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
	about, known := systemEnv[system]
	return known && about.MatchString(env)
}

func aboutAnother(env, system string) bool {
	if system == loglines.SomeService {
		return false
	}
	for name, about := range systemEnv {
		if name != system && name != loglines.HTTPService && name != loglines.SomeService && about.MatchString(env) {
			return true
		}
	}
	return false
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
