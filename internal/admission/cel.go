package admission

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// verbatim is CEL text that literal writes as it is.
type verbatim string

// literal writes a JSON-like value as CEL. Every element is wrapped in dyn(),
// because CEL wants the elements of a literal to be of one type.
func literal(v any) (string, error) {
	switch t := v.(type) {
	case verbatim:
		return string(t), nil
	case string:
		return quote(t), nil
	case bool:
		return strconv.FormatBool(t), nil
	case int64:
		return strconv.FormatInt(t, 10), nil
	case []any:
		parts := make([]string, len(t))
		for i, e := range t {
			inner, err := literal(e)
			if err != nil {
				return "", err
			}
			parts[i] = "dyn(" + inner + ")"
		}
		return "[" + strings.Join(parts, ", ") + "]", nil
	case map[string]any:
		keys := make([]string, 0, len(t))
		for k := range t {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		parts := make([]string, len(keys))
		for i, k := range keys {
			inner, err := literal(t[k])
			if err != nil {
				return "", err
			}
			parts[i] = quote(k) + ": dyn(" + inner + ")"
		}
		return "{" + strings.Join(parts, ", ") + "}", nil
	}
	return "", fmt.Errorf("a %T cannot be pinned", v)
}

// quote writes a CEL string. JSON's escapes are a subset of CEL's, once those
// for HTML are left out.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// Encoding a string cannot fail.
	_ = enc.Encode(s)
	inner := strings.TrimSuffix(b.String(), "\n")
	if strings.ContainsAny(s, "'\"\\") {
		return inner
	}
	return "'" + inner[1:len(inner)-1] + "'"
}

func list(items ...string) string {
	quoted := make([]string, len(items))
	for i, s := range items {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// moved is a CEL list that names, behind a label, every key in which two maps
// differ, other than those of free. It is empty exactly when the maps are equal
// outside free: one expression both decides and explains.
func moved(label, now, before string, free ...string) string {
	skip := ""
	if len(free) > 0 {
		skip = "!(k in " + list(free...) + ") && "
	}
	return fmt.Sprintf("%s.map(k, %s!(k in %s && %s[k] == %s[k]), %s + k) + %s.map(k, %s!(k in %s), %s + k)",
		now, skip, before, before, now, quote(label), before, skip, now, quote(label))
}

// unless is a CEL list that is empty where cond holds and else names what.
func unless(cond, what string) string {
	return "(" + cond + " ? [] : [" + quote(what) + "])"
}

// without is a list of maps, each less some keys, in their order.
func without(listExpr string, keys ...string) string {
	return fmt.Sprintf("%s.map(c, c.transformMap(k, v, !(k in %s), v))", listExpr, list(keys...))
}

// optionalMap is a CEL map that may be absent.
func optionalMap(base, field string) string { return base + ".?" + field + ".orValue({})" }
