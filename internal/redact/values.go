package redact

import (
	"regexp"
	"strings"
)

// shapes are the values that a telling name may have without being a secret:
// what is absent, what is masked already, what refers to something else.
type shapes struct {
	reference, angle, version, count, object, prose, structure *regexp.Regexp

	masked   *regexp.Regexp // what other maskers write
	pair     *regexp.Regexp // from a name to the value of a {name, value} pair
	reversed *regexp.Regexp // the same, value first, up to the name
	sentence *regexp.Regexp // from "password" to the value in a sentence

	plain, complaint map[string]bool
}

func newShapes() *shapes {
	return &shapes{
		reference: regexp.MustCompile(`^(?:\$[A-Z_][A-Z0-9_]*|\$\{[A-Za-z_][\w.]*\}|\$\([A-Za-z_]\w*\)|%[A-Z_]+%|\{\{[^{}"']*\}\}|[A-Za-z_][\w.]*\(\))$`),
		angle: regexp.MustCompile(`(?i)^<(?:none|nil|null|empty|unset|redacted|hidden|masked|removed|sensitive|no value|not set|unknown|` +
			`set to the key '[\w.-]+' (?:in|of) (?:secret|config map) '[\w.-]+'|set to the key '[\w.-]+' of config map '[\w.-]+')>(?:\s+Optional: (?:true|false))?$`),
		version:   regexp.MustCompile(`^v?\d+\.\d+(?:\.\d+)?(?:-[a-z0-9.]{1,12})?$`),
		count:     regexp.MustCompile(`^-?\d+(?:\.\d+)?(?:\s?(?:bytes|[kKMGT]i?B?|ms|s|m|h|d|%|items?))?$`),
		object:    regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9.-]{0,252}$`),
		masked:    regexp.MustCompile(`(?i)^[-*<\[(# ]*(?:redacted|masked|hidden|filtered|removed|scrubbed)[->*\])# ]*$`),
		pair:      regexp.MustCompile(`^[\\"']*(?:</\w{1,8}>)?[\s,;|]{0,40}(?:-\s)?[\\"'<]*(?i:value)[\\"']*\s?(?:[:=]|>)[ \t]*`),
		reversed:  regexp.MustCompile(`(?i)\bvalue[\\"']*\s?[:=][ \t]*([\\"']*)([^"'\n]*?)[\\"']*[\s,;]*[\\"']*(?:name|key)[\\"']*\s?[:=][ \t]*[\\"']*$`),
		sentence:  regexp.MustCompile(`^ (?:(?:is|was|generated|set)\s){0,3}(?:is:? |was:? |for [^\s:]{1,64}(?: [^\s:]{1,64})?: |set to:? )`),
		structure: regexp.MustCompile(`^[&*]?(?:[a-z0-9]+\.)?[A-Z]\w*\{(?:[A-Z]\w*:|\})`),
		prose:     regexp.MustCompile(`^[A-Za-z][a-z']{0,24}$`),
		plain: words(`true false null nil none yes no undefined missing unset empty invalid expired required enabled
			disabled optional string str bytes byte int integer number boolean bool object array list map default
			is was are not no has have had must cannot can't can could couldn't should does doesn't do did didn't a an the this that
			failed failure unauthorized forbidden denied unknown wrong incorrect mismatch rejected too got expected
			while for from in on at of with without to and or but unable context rpc open read write eof permission
			access signature malformed bad error stale revoked found already rotated rotating revoking refreshing
			refreshed validating validated verified accepted ok success authentication authorization authenticated
			basic bearer digest opaque redacted masked hidden removed sensitive filtered secret password token using
			unexpected cannot parse parsing decode decoding illegal unsupported unrecognized timeout timed dial lookup
			connection x509 tls jwt oauth2 oidc configmap key stored used sent passed provided supplied needed configured`),
		complaint: words(`invalid bad wrong missing expired failed illegal malformed incorrect empty parse parsing
			validate validating verify verifying reading get getting fetch fetching decode decoding the your this`),
	}
}

// survives tells whether value may stay behind a telling name.
func (sh *shapes) survives(value string, quoted bool) bool {
	v := strings.TrimSpace(value)
	if v == "" || v == "…" || isMask(v) || sh.masked.MatchString(v) || sh.reference.MatchString(v) || sh.angle.MatchString(v) {
		return true
	}
	bare := strings.ToLower(strings.TrimRight(v, ".,;:!?"))
	if quoted {
		switch bare {
		case "true", "false", "null", "nil", "none", "yes", "no", "undefined", "redacted", "[redacted]", "":
			return true
		}
		return false
	}
	return sh.plain[bare] || strings.HasSuffix(v, " bytes") && sh.count.MatchString(v) || bare == "[redacted]" || bare == "" || bare == "~"
}

// isMask tells whether v was masked by somebody else: one sign, repeated.
func isMask(v string) bool {
	if len(v) < 3 || !strings.ContainsRune("*xX.#-_", rune(v[0])) && !strings.HasPrefix(v, "•") {
		return strings.Trim(v, "*") == ""
	}
	if strings.HasPrefix(v, "•") {
		return strings.Trim(v, "•") == ""
	}
	return strings.Trim(v, v[:1]) == ""
}

// looksSecret tells whether a value behind a hinting name is a secret by its
// looks: long enough, mixed, and no path, address, version, UUID or name.
func looksSecret(v string) bool {
	if len(v) < 12 || strings.ContainsAny(v, " \t") || strings.Contains(v, "://") {
		return false
	}
	if v[0] == '/' || v[0] == '.' || isUUID(v) {
		return false
	}
	m := mixOf(v)
	if m.digit == 0 && (m.upper == 0 || m.lower == 0) {
		return false
	}
	switch {
	case m.upper > 0 && m.lower > 0 && m.digit > 0:
		return m.digit >= 2 || len(v) >= 20
	case m.upper == 0 && m.lower > 0 && m.digit > 0:
		return isLowerHex(v) && len(v) >= 24 || m.other == 0 && m.digit >= 4 && len(v) >= 16
	}
	return false
}

func isUUID(v string) bool {
	if len(v) != 36 {
		return false
	}
	for i := range len(v) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if v[i] != '-' {
				return false
			}
		} else if !isHex(v[i]) {
			return false
		}
	}
	return true
}
