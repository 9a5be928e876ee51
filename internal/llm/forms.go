package llm

import (
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// Lines of a log that differ in a few places only are one form, which is shown
// once with its count, its first and its last line. The way is Drain's (He et
// al., 2017): lines are sorted by their number of words and their first word,
// and within that by how many words they share.

const (
	wild     = "<*>"
	minShare = 0.7 // of the words must be the same
	minFixed = 2   // so many, at least: stack frames share only "at"
	minLines = 3   // fewer are shown as they are
	maxForms = 200 // in one log; what comes after stands alone
)

// form is what several lines have in common.
type form struct {
	words   []string
	telling bool
	lines   []int // indexes, in order
}

// formKey sorts lines roughly, so that few forms are compared.
type formKey struct {
	words   int
	first   string
	telling bool
}

// formsOf sorts lines into forms, in the order of their first lines.
func formsOf(lines []redact.Text) []*form {
	var out []*form
	sorted := map[formKey][]*form{}
	for i, line := range lines {
		words := wordsOf(line.String())
		key := formKey{words: len(words), telling: telling(line)}
		if len(words) > 0 {
			key.first = words[0]
		}
		var home *form
		for _, f := range sorted[key] {
			if f.takes(words) {
				home = f
				break
			}
		}
		if home == nil {
			home = &form{words: words, telling: key.telling}
			out = append(out, home)
			if len(out) <= maxForms {
				sorted[key] = append(sorted[key], home)
			}
		}
		home.lines = append(home.lines, i)
	}
	return out
}

// takes adds words of the same number where they are much the same.
func (f *form) takes(words []string) bool {
	same, fixed := 0, 0
	for i, w := range words {
		switch {
		case f.words[i] == w:
			same++
			if !strings.HasSuffix(w, wild) {
				fixed++
			}
		case tellsOfFailure(w) || tellsOfFailure(f.words[i]):
			return false
		}
	}
	if same == len(words) && fixed == same {
		return true // the very same line
	}
	if float64(same) < minShare*float64(len(words)) || fixed < minFixed {
		return false
	}
	for i, w := range words {
		if f.words[i] != w {
			f.words[i] = wild
		}
	}
	return true
}

// pattern is the form as it is shown.
func (f *form) pattern() string { return strings.Join(f.words, " ") }

// wordsOf splits a line and masks what varies: words with digits, but for the
// name before a value, and the error codes of HTTP. What stands in place of
// hidden text is one word.
func wordsOf(line string) []string {
	var words []string
	start, within := -1, false
	for i, r := range line {
		if r == '⟨' || r == '⟩' {
			within = r == '⟨'
		}
		parts := !within && strings.ContainsRune(" \t,;{}", r)
		switch {
		case parts && start >= 0:
			words, start = append(words, masked(line[start:i])), -1
		case !parts && start < 0:
			start = i
		}
	}
	if start >= 0 {
		words = append(words, masked(line[start:]))
	}
	return words
}

func masked(word string) string {
	if !strings.ContainsAny(word, "0123456789") || strings.ContainsAny(word, "⟨⟩") || errorCode(word) {
		return word
	}
	i := strings.IndexAny(word, "=:")
	switch {
	case i <= 0 || strings.ContainsAny(word[:i], "0123456789"):
		return wild
	case errorCode(word[i+1:]):
		return word
	}
	return word[:i+1] + wild
}

// errorCode recognises 4xx and 5xx, which tell requests that failed from others.
func errorCode(word string) bool {
	return len(word) == 3 && (word[0] == '4' || word[0] == '5') && strings.Trim(word, "0123456789") == ""
}

// tellsOfFailure recognises an error code, also as a value.
func tellsOfFailure(word string) bool {
	return errorCode(word) || errorCode(word[strings.IndexAny(word, "=:")+1:])
}
