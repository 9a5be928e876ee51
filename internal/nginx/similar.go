package nginx

import "slices"

// letters are those of directives' names.
const letters = "abcdefghijklmnopqrstuvwxyz_0123456789"

// maxSimilar is how long a name may be for which two errors are looked for.
const maxSimilar = 32

// similar lists the directives one typing error away from name that suit, else
// those two away. The library's tables cannot be listed, only asked, so that
// every misspelling is tried.
func similar(name string, suits func(string) bool) []string {
	if len(name) < 3 || len(name) > maxSimilar {
		return nil
	}
	first := misspelt(name, nil)
	if found := suiting(first, suits); len(found) > 0 {
		return found
	}
	if len(name) < 5 {
		return nil
	}
	var second, found []string
	for _, w := range first {
		second = misspelt(w, second[:0])
		for _, name := range second {
			if ofNginx(name) {
				found = append(found, name)
			}
		}
	}
	return suiting(found, suits)
}

// maxSuggested bounds how many names are told.
const maxSuggested = 3

func suiting(words []string, suits func(string) bool) []string {
	var found []string
	for _, w := range words {
		if known(w) && !slices.Contains(found, w) && suits(w) {
			found = append(found, w)
		}
	}
	slices.Sort(found)
	return found[:min(len(found), maxSuggested)]
}

// misspelt appends all words that are one letter more, fewer or other than s,
// or have two letters exchanged.
func misspelt(s string, out []string) []string {
	for i := range len(s) + 1 {
		if i < len(s) {
			out = append(out, s[:i]+s[i+1:])
		}
		if i+1 < len(s) {
			out = append(out, s[:i]+s[i+1:i+2]+s[i:i+1]+s[i+2:])
		}
		for l := range len(letters) {
			c := letters[l : l+1]
			out = append(out, s[:i]+c+s[i:])
			if i < len(s) {
				out = append(out, s[:i]+c+s[i+1:])
			}
		}
	}
	return out
}
