package geministub

import (
	"fmt"
	"regexp"
	"strings"
)

// fillIn replaces every {{name}} in a JSON text by what the pattern of that name finds in the prompt, escaped for a JSON string.
// All places are found in the script's own text first: braces that come from a prompt are never filled in again.
func fillIn(text string, captures map[string]*regexp.Regexp, prompt string) (string, error) {
	var pairs []string
	for _, name := range sortedKeys(captures) {
		if !strings.Contains(text, "{{"+name+"}}") {
			continue
		}
		found := captures[name].FindStringSubmatch(prompt)
		if found == nil {
			return "", fmt.Errorf("capture %s: %q finds nothing in the prompt", name, captures[name])
		}
		quoted := string(encode(found[min(1, len(found)-1)], ""))
		pairs = append(pairs, "{{"+name+"}}", quoted[1:len(quoted)-1])
	}
	return strings.NewReplacer(pairs...).Replace(text), nil
}
