package redact

import (
	"maps"
	"slices"
	"strings"
)

// rule says which finder looks around which anchors.
type rule struct {
	find    finder
	anchors string // separated by blanks, in lower case
}

// finderTable lists the anchors that are single words.
func finderTable() []rule {
	return []rule{
		{(*pass).findField, `pass pwd pw secret token key cred jwt bearer otp pin mfa psk auth session sid salt dsn
			sas hash keytab license licence user usr login uname sig code state assertion ticket policy phone mobile
			msisdn ssn`},
		{(*pass).findNear, `access auth api cred passw secret token`},
		{(*pass).findAuthorization, `authorization`},
		{(*pass).findCookie, `cookie`},
		{(*pass).findURL, `://`},
		{(*pass).findDriverDSN, `@tcp( @unix( @tcp6(`},
		{(*pass).findOracle, `jdbc:oracle:`},
		{(*pass).findJWT, `eyj`},
		{(*pass).findServiceHost, `.svc`},
		{(*pass).findTelegram, `:aa`},
		{(*pass).findAzure, `q~`},
		{(*pass).findMiddle, middleMarks()},
		{(*pass).findManifest, `stringdata binarydata secret`},
		{(*pass).findFromLiteral, `--from-literal`},
		{(*pass).findCommand, `mysql mariadb sshpass redis-cli valkey-cli curl wget docker podman helm skopeo crane mongo
			sqlcmd bcp ldapsearch ldapadd ldapmodify`},
	}
}

func middleMarks() string {
	marks := map[string]bool{}
	for _, m := range middles {
		marks[strings.ToLower(m.mark)] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(marks)), " ")
}

// spacedTable lists the anchors that contain a blank.
func spacedTable() []rule {
	return []rule{
		{(*pass).findPEM, "-----begin "},
		{(*pass).findBearer, "bearer "},
		{(*pass).findBasic, "basic "},
		{(*pass).findIdentified, "identified by "},
		{(*pass).findServiceHost, "lookup "},
	}
}
