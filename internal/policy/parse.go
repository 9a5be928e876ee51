package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// maxSettings is the size of a ConfigMap.
const maxSettings = 1 << 20

// ParseSettings reads settings in YAML. A key that is there replaces that of
// base as a whole, but protected namespaces only grow. Unknown keys are refused:
// a misspelt safety setting must not pass for the default. Errors name the line
// or the key.
func ParseSettings(raw []byte, base Settings) (Settings, error) {
	s := base.whole()
	if len(raw) > maxSettings {
		return Settings{}, fmt.Errorf("policy settings: %d bytes are too many; %d are allowed", len(raw), maxSettings)
	}
	if line := secondDocument(string(raw)); line > 0 {
		return Settings{}, fmt.Errorf("policy settings: line %d begins a second YAML document, which nobody would read", line)
	}
	var keys map[string]json.RawMessage
	if err := yaml.Unmarshal(raw, &keys); err != nil {
		return Settings{}, settingsError(err)
	}
	fields := reflect.ValueOf(&s).Elem()
	for n := range fields.NumField() {
		key := fields.Type().Field(n).Tag.Get("json")
		value, named := keys[key]
		if !named {
			continue
		}
		if string(value) == "null" {
			return Settings{}, fmt.Errorf("policy settings: %s: has no value; write [] or {} for none", key)
		}
		fields.Field(n).SetZero() // decoding into a map would add to it
		delete(keys, key)
	}
	for key := range keys {
		// encoding/json would take "Floor" for "floor".
		return Settings{}, fmt.Errorf("policy settings: unknown key %q", key)
	}
	if err := yaml.UnmarshalStrict(raw, &s); err != nil {
		return Settings{}, settingsError(err)
	}
	s = s.whole()
	for _, ns := range base.Protected {
		if !slices.Contains(s.Protected, ns) {
			s.Protected = append(s.Protected, ns)
		}
	}
	if _, err := s.check(); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// secondDocument is the line of a document separator that has content before it,
// or 0. Only the first document would be read.
func secondDocument(text string) int {
	content := false
	for n, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "---") && content {
			return n + 1
		}
		line = strings.TrimSpace(line)
		content = content || line != "" && line[0] != '#'
	}
	return 0
}

// settingsError says what is wrong in one line that names the key.
func settingsError(err error) error {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return fmt.Errorf("policy settings: %s: a %s does not belong here", kind.Field, kind.Value)
	}
	return fmt.Errorf("policy settings: %s", strings.Join(strings.Fields(err.Error()), " "))
}
