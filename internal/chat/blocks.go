package chat

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/redact"
)

// Slack's limits, in characters, and ours within them.
const (
	headerRunes  = 150
	leafRunes    = 3000
	confirmRunes = 300
	lineRunes    = 600 // a line of prose
	// exactRunes is the longest text that the approval block shows; a change
	// that takes more gets no button.
	exactRunes = 9000
)

// orDash keeps an element from being empty, which Slack refuses.
func orDash(s string) string {
	if strings.TrimSpace(s) == "" {
		return "–"
	}
	return s
}

func plain(text redact.Text, runes int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, orDash(unmarked(text.Truncate(runes).String())), true, false)
}

// unmarked takes the characters of Slack's markup out of a plain text object. It
// should not be read there; what should not be is not relied on.
func unmarked(s string) string {
	return strings.NewReplacer("<", "‹", ">", "›", "&", "+").Replace(s)
}

func leaf(text string, style *slack.RichTextSectionTextStyle) slack.RichTextSectionElement {
	return slack.NewRichTextSectionTextElement(orBreak(text), style)
}

// orBreak is for pieces within a line, where a dash would show.
func orBreak(s string) string {
	if s == "" {
		return " "
	}
	return s
}

func prose(text redact.Text) slack.RichTextSectionElement {
	return leaf(text.Truncate(lineRunes).String(), nil)
}

func strong(text redact.Text) slack.RichTextSectionElement {
	return leaf(text.Truncate(lineRunes).String(), &slack.RichTextSectionTextStyle{Bold: true})
}

func line(elements ...slack.RichTextSectionElement) slack.RichTextElement {
	return slack.NewRichTextSection(elements...)
}

func rich(id string, elements ...slack.RichTextElement) *slack.RichTextBlock {
	return slack.NewRichTextBlock(id, elements...)
}

// paragraph is a block of one text.
func paragraph(id string, text redact.Text) slack.Block {
	return rich(id, line(leaf(orDash(text.Truncate(leafRunes-1).String()), nil)))
}

// preformatted shows text as it is. It takes more than one element where the
// text is longer than one holds.
func preformatted(text string) slack.RichTextElement {
	pre := &slack.RichTextPreformatted{Type: slack.RTEPreformatted}
	runes := []rune(orDash(text))
	for len(runes) > 0 {
		n := min(len(runes), leafRunes-1)
		pre.Elements = append(pre.Elements, slack.NewRichTextSectionTextElement(string(runes[:n]), nil))
		runes = runes[n:]
	}
	return pre
}

func list(style slack.RichTextListElementType, items []redact.Text) slack.RichTextElement {
	elements := make([]slack.RichTextElement, 0, len(items))
	for _, item := range items {
		elements = append(elements, line(leaf(orDash(item.Truncate(lineRunes).String()), nil)))
	}
	return slack.NewRichTextList(style, 0, elements...)
}

// exact writes text so that it reads as nothing else: what is not printable
// ASCII or a letter, and the backslash, stand as \u{hex}. Emoji would come back
// from Slack under other names, and signs that look alike would pass for ours.
func exact(s string, keep string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= ' ' && r < 0x7f && r != '\\', strings.ContainsRune(keep, r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}

// named writes text that holds the names of people: their letters stay.
func named(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(exact(string(r), `\`+ourSigns))
	}
	return b.String()
}

// ourSigns are the signs that the approval block's own words use.
const ourSigns = "→…·⟨⟩–"
