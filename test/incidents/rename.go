package incidents

import "strings"

// object is a copy with every name replaced. Kinds, API versions and images are
// not names; keys stay, they belong to programs.
func (n *renamer) object(o map[string]any) map[string]any {
	out := make(map[string]any, len(o))
	for key, value := range o {
		switch {
		case key == "apiVersion" || key == "kind" || key == "apiGroup" || key == "image":
			out[key] = value
		case key == "annotations":
			out[key] = n.annotations(value)
		default:
			out[key] = n.value(value)
		}
	}
	return out
}

func (n *renamer) value(value any) any {
	switch v := value.(type) {
	case string:
		return n.text(v)
	case map[string]any:
		return n.object(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = n.value(v[i])
		}
		return out
	}
	return value
}

func (n *renamer) annotations(value any) any {
	m, ok := value.(map[string]any)
	if !ok {
		return value
	}
	out := map[string]any{}
	for key, v := range m {
		if strings.Contains(key, "kubernetes.io/") {
			out[key] = n.value(v)
		}
	}
	return out
}

// text replaces each name where it stands as a word of its own, or before the
// number of a StatefulSet's pod.
func (n *renamer) text(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		name := n.at(s, i)
		if name == "" {
			out.WriteByte(s[i])
			i++
			continue
		}
		out.WriteString(n.names[name])
		i += len(name)
	}
	return out.String()
}

// at is the longest name that stands at i, or nothing.
func (n *renamer) at(s string, i int) string {
	if i > 0 && wordy(s[i-1]) {
		return ""
	}
	for _, name := range n.longest {
		rest, ok := strings.CutPrefix(s[i:], name)
		if ok && ends(rest) {
			return name
		}
	}
	return ""
}

func ends(rest string) bool {
	if rest == "" || !wordy(rest[0]) {
		return true
	}
	if rest[0] != '-' {
		return false
	}
	number := strings.TrimLeft(rest[1:], "0123456789")
	return len(number) < len(rest)-1 && (number == "" || !wordy(number[0]))
}

func wordy(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
