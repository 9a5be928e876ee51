package app

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// duration is a time.Duration that reads "30s" in files and variables.
type duration time.Duration

// UnmarshalJSON reads a duration such as "30s".
func (d *duration) UnmarshalJSON(raw []byte) error {
	text, err := strconv.Unquote(string(raw))
	if err != nil {
		return fmt.Errorf("%s is not a duration in quotes, such as \"30s\"", raw)
	}
	v, err := time.ParseDuration(text)
	*d = duration(v)
	return err
}

// MarshalJSON writes the form that UnmarshalJSON reads.
func (d duration) MarshalJSON() ([]byte, error) {
	return []byte(strconv.Quote(time.Duration(d).String())), nil
}

// LoadSettings reads the file, if one is named, and then the environment.
func LoadSettings(file string, lookup func(string) (string, bool)) (Settings, error) {
	s := DefaultSettings()
	if file != "" {
		raw, err := os.ReadFile(file)
		if err != nil {
			return Settings{}, fmt.Errorf("read the settings file: %w", err)
		}
		if err := yaml.UnmarshalStrict(raw, &s); err != nil {
			return Settings{}, fmt.Errorf("settings file %s: %w (known keys: countersign config print)", file, err)
		}
	}
	if err := s.readEnv(lookup); err != nil {
		return Settings{}, err
	}
	return s, s.check()
}

func (s *Settings) readEnv(lookup func(string) (string, bool)) error {
	v := reflect.ValueOf(s).Elem()
	for n := range v.NumField() {
		tag := v.Type().Field(n).Tag.Get("env")
		if tag == "" {
			continue
		}
		for _, name := range strings.Split(tag, ",") {
			text, ok := lookup(name)
			if !ok || text == "" {
				continue
			}
			if err := setField(v.Field(n), text); err != nil {
				return fmt.Errorf("environment variable %s: %w", name, err)
			}
			break
		}
	}
	return nil
}

func setField(f reflect.Value, text string) error {
	switch f.Interface().(type) {
	case duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration such as 30s", text)
		}
		f.SetInt(int64(d))
		return nil
	case int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		f.SetInt(int64(n))
		return nil
	case float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		f.SetFloat(x)
		return nil
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is not true or false", text)
		}
		f.SetBool(b)
		return nil
	}
	f.SetString(text)
	return nil
}
