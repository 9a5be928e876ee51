package action

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// maxSigners bounds the text of allowed signers, in bytes: hundreds of keys.
const maxSigners = 256 << 10

// AllowedSigners says whose keys count for signatures outside Slack. The zero
// value is nobody.
type AllowedSigners struct{ entries []allowedSigner }

type allowedSigner struct {
	who           string // Slack user id
	key           ssh.PublicKey
	namespaces    []string  // empty: every one
	after, before time.Time // zero: without that bound
}

// ParseAllowedSigners reads OpenSSH's allowed_signers format (ssh-keygen(1)) in
// which the principal is a Slack user id:
//
//	U02ALICE valid-before="20270101Z" ssh-ed25519 AAAA… alice@laptop
//
// What this program would not honour as OpenSSH does is an error that names the
// line, and then nobody's key counts: patterns of principals or namespaces,
// certificate authorities, times in the zone of whatever machine reads them,
// unknown options. So is a key that stands there twice: it proves one person.
func ParseAllowedSigners(text string) (AllowedSigners, error) {
	if len(text) > maxSigners {
		return AllowedSigners{}, fmt.Errorf("the allowed signers have %d bytes, %d are allowed", len(text), maxSigners)
	}
	var all AllowedSigners
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		entry, err := parseSigner(line)
		if err == nil && slices.ContainsFunc(all.entries, func(e allowedSigner) bool { return sameKey(e.key, entry.key) }) {
			err = errors.New("this key is already there")
		}
		if err != nil {
			return AllowedSigners{}, fmt.Errorf("allowed signers, line %d: %w", i+1, err)
		}
		all.entries = append(all.entries, entry)
	}
	return all, nil
}

func parseSigner(line string) (allowedSigner, error) {
	// The parser of keys takes a carriage return for the end of its line.
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' }) {
		return allowedSigner{}, errors.New("a control character stands in it")
	}
	i := strings.IndexAny(line, " \t")
	if i < 0 {
		return allowedSigner{}, errors.New("it has no key")
	}
	e := allowedSigner{who: line[:i]}
	if !signerPattern.MatchString(e.who) {
		return allowedSigner{}, fmt.Errorf("%q is not one Slack user id such as U02ALICE", clip(e.who))
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line[i:]))
	if err != nil {
		return allowedSigner{}, fmt.Errorf("its key: %w", err)
	}
	if err := checkKey(key); err != nil {
		return allowedSigner{}, err
	}
	e.key = key
	seen := map[string]bool{}
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		if seen[name] {
			return allowedSigner{}, fmt.Errorf("option %s stands there twice", clip(name))
		}
		seen[name] = true
		if err := e.option(name, value); err != nil {
			return allowedSigner{}, err
		}
	}
	return e, nil
}

// option takes one option with its value, which is in quotes.
func (e *allowedSigner) option(name, quoted string) error {
	value := ""
	if len(quoted) > 2 && quoted[0] == '"' && quoted[len(quoted)-1] == '"' {
		value = quoted[1 : len(quoted)-1]
	}
	var err error
	switch name {
	case "namespaces":
		if e.namespaces = strings.Split(value, ","); value == "" || strings.ContainsAny(value, `*?!"\ `) {
			err = errors.New("namespaces must be names in quotes, without patterns")
		}
	case "valid-after":
		e.after, err = signerTime(value)
	case "valid-before":
		e.before, err = signerTime(value)
	case "cert-authority":
		err = errors.New("certificate authorities do not count: name the keys")
	default:
		err = fmt.Errorf("option %q is not known here", clip(name))
	}
	return err
}

// signerTime reads OpenSSH's times. Without the Z they would mean another
// moment on every machine.
func signerTime(value string) (time.Time, error) {
	for _, layout := range []string{"20060102Z", "200601021504Z", "20060102150405Z"} {
		if len(layout) != len(value) {
			continue
		}
		if at, err := time.Parse(layout, value); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time in UTC such as \"20270101Z\" or \"202701011800Z\"", clip(value))
}

// find gives the entry of who's key, and says what is missing.
func (s AllowedSigners) find(who string, key ssh.PublicKey) (allowedSigner, error) {
	known := false
	for _, e := range s.entries {
		if e.who != who {
			continue
		}
		known = true
		if sameKey(e.key, key) {
			return e, nil
		}
	}
	if !known {
		return allowedSigner{}, fmt.Errorf("the allowed signers name no key of %q", clip(who))
	}
	return allowedSigner{}, fmt.Errorf("key %s is not one that the allowed signers give to %s", ssh.FingerprintSHA256(key), who)
}

// Beyond says in sentences which keys count here and did not in before.
func (s AllowedSigners) Beyond(before AllowedSigners) (sentences []string) {
	for _, e := range s.entries {
		if !slices.ContainsFunc(before.entries, e.within) {
			sentences = append(sentences, fmt.Sprintf("key %s may sign as %s", ssh.FingerprintSHA256(e.key), e.who))
		}
	}
	return sentences
}

// within reports whether o is the same person's same key and counts at least as
// often.
func (e allowedSigner) within(o allowedSigner) bool {
	longer := o.before.IsZero() || !e.before.IsZero() && !e.before.After(o.before)
	return e.who == o.who && sameKey(e.key, o.key) && !e.after.Before(o.after) && longer && slices.Equal(e.namespaces, o.namespaces)
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// usable says whether the key counts at now for signatures of namespace.
func (e allowedSigner) usable(now time.Time, namespace string) error {
	switch {
	case len(e.namespaces) > 0 && !slices.Contains(e.namespaces, namespace):
		return fmt.Errorf("the allowed signers give %s this key for other purposes than %s", e.who, namespace)
	case !e.after.IsZero() && now.Before(e.after):
		return fmt.Errorf("the key of %s is not valid before %s", e.who, e.after.Format(time.RFC3339))
	case !e.before.IsZero() && !now.Before(e.before):
		return fmt.Errorf("the key of %s was valid until %s", e.who, e.before.Format(time.RFC3339))
	}
	return nil
}
