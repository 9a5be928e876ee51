package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// readAnswer takes the policy's decision as OPA returns it. A field of another
// type is an error and never the zero value.
func readAnswer(value any) (d incident.Decision, reasons []string, err error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return d, nil, fmt.Errorf("the policy's decision is no object but %T", value)
	}
	r := reader{fields: fields}
	if _, said := fields["allow"]; !said {
		return d, nil, errors.New("the policy's decision does not say allow")
	}
	d.Allow = field[bool](&r, "allow")
	d.NeedsReason = field[bool](&r, "needsReason")
	d.Pending = field[bool](&r, "pending")
	d.Risk = field[string](&r, "risk")
	d.Quorum = r.count("quorum")
	d.Until = r.time("until")
	for _, v := range field[[]any](&r, "reasons") {
		reason, ok := v.(string)
		if !ok {
			return incident.Decision{}, nil, fmt.Errorf("the policy's reasons hold %v, which is no text", v)
		}
		reasons = append(reasons, reason)
	}
	switch {
	case r.err != nil:
		return incident.Decision{}, nil, r.err
	case d.Allow && d.Quorum < 1:
		return incident.Decision{}, nil, fmt.Errorf("the policy allows with a quorum of %d", d.Quorum)
	case d.Allow && len(reasons) > 0:
		return incident.Decision{}, nil, errors.New("the policy allows and gives reasons against")
	}
	return d, reasons, nil
}

// reader keeps the first error.
type reader struct {
	fields map[string]any
	err    error
}

func (r *reader) fail(key string, value any, what string) {
	if r.err == nil {
		r.err = fmt.Errorf("the policy's decision has %s: %v, which is no %s", key, value, what)
	}
}

// field is the zero value where the key is not there.
func field[T any](r *reader, key string) (v T) {
	value, said := r.fields[key]
	if !said {
		return v
	}
	v, ok := value.(T)
	if !ok {
		r.fail(key, value, fmt.Sprintf("%T", v))
	}
	return v
}

func (r *reader) count(key string) int {
	number := field[json.Number](r, key)
	if number == "" {
		return 0
	}
	n, err := number.Int64()
	if err != nil || n < 0 || n > 1000 {
		r.fail(key, number, "number of people")
	}
	return int(n)
}

func (r *reader) time(key string) time.Time {
	text := field[string](r, key)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.fail(key, text, "time in RFC 3339")
	}
	return t
}
