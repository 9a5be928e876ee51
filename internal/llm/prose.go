package llm

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/countersign-dev/countersign/internal/redact"
)

// What a model's prose may not have: whatever a chat would turn into a link, an
// image or a call to people.
var (
	angled  = regexp.MustCompile(`<[^<>]*>`)
	mdImage = regexp.MustCompile(`!\[[^\[\]]*\]\([^()]*\)`)
	mdLink  = regexp.MustCompile(`\[([^\[\]]*)\]\([^()]*\)`)
	link    = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*:)?//\S*|www\.\S*|\b(mailto|tel|javascript|data):\S+`)
	// No word boundary before what is dangerous: markup that was taken out may
	// have stood there.
	commanded = regexp.MustCompile(`(?i)(kubectl|crictl|etcdctl|istioctl|nerdctl|calicoctl)\b|\boc\s+[-a-z]` +
		`|helm\s+(upgrade|install|rollback|uninstall|delete|template|test)\b` +
		`|(docker|podman|argocd|flux)\s+(run|exec|rm|kill|stop|pull|push|app|delete|suspend|resume|reconcile)\b` +
		`|sudo\s|rm\s+-[a-z]|\b(curl|wget|nc|ssh)\s+[-a-z0-9]|\b(ba|z|da)?sh\s+-|\$\(|&&|\|\|?\s*[a-z]|;\s*[a-z]+\s+-`)
)

// imageDigest is the only place of an @ that is no call to somebody.
const imageDigest = "@sha256:"

// maxProseRounds bounds how often prose is cleaned until nothing changes: what
// is taken out may join its neighbours to something new.
const maxProseRounds = 6

// prose makes text of a model fit for people: redacted, on one line, without
// links, images, mentions and markup, at most maxRunes long. It is refused where
// it holds a command or letters that look like others.
func (c *dossier) prose(s string, maxRunes int) (redact.Text, bool) {
	if len(s) > maxStatement {
		return redact.Text{}, false
	}
	for range maxProseRounds {
		t := c.redactor.Redact(s)
		next := plain(t.String())
		if next != t.String() {
			s = next
			continue
		}
		if next == "" || !latin(next) || commanded.MatchString(next) {
			return redact.Text{}, false
		}
		t = t.Truncate(maxRunes)
		return t, !t.IsEmpty()
	}
	return redact.Text{}, false
}

// plain takes markup out of s and puts it on one line.
func plain(s string) string {
	s = mdImage.ReplaceAllString(s, "")
	s = mdLink.ReplaceAllString(s, "$1")
	s = angled.ReplaceAllString(s, "")
	s = link.ReplaceAllString(s, "")
	// What is left of "](" is half a link, which a viewer may complete.
	s = strings.NewReplacer("`", "", "<", "‹", ">", "›", "](", " (", imageDigest, imageDigest, "@", "").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}

// latin tells whether s has the letters of English and its neighbours only.
// Others can look like them and pass the patterns above; so can full-width
// signs.
func latin(s string) bool {
	for _, r := range s {
		if r >= 0x250 && (unicode.IsLetter(r) || unicode.IsNumber(r)) || r >= 0xff00 && r <= 0xffef {
			return false
		}
	}
	return true
}
