package action

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Stamps are the values of the three annotations of requirement C10.
type Stamps struct {
	Incident   string    `json:"incident"`
	ApprovedBy []string  `json:"approvedBy"`
	At         time.Time `json:"at"`
}

// stampPattern is what the admission policies accept as an annotation's value.
var (
	stampPattern    = regexp.MustCompile(`^[0-9A-Za-z,:.+_-]{0,120}$`)
	incidentPattern = regexp.MustCompile(`^[0-9a-z]{1,40}$`)
)

// Annotations are the three annotations of requirement C10.
func (s Stamps) Annotations() map[string]string {
	return map[string]string{
		"countersign.dev/incident":    s.Incident,
		"countersign.dev/approved-by": strings.Join(s.ApprovedBy, ","),
		"countersign.dev/at":          s.At.UTC().Format(time.RFC3339),
	}
}

func (s Stamps) check(o Order) error {
	if s.Incident != o.Incident {
		return errors.New("the stamps are of another incident")
	}
	if s.At.IsZero() || s.At.Location() != time.UTC {
		return errors.New("the stamped time is not in UTC")
	}
	for _, who := range s.ApprovedBy {
		if who == "" || strings.Contains(who, ",") {
			return fmt.Errorf("approver %q cannot be stamped", clip(who))
		}
	}
	for key, value := range s.Annotations() {
		if !stampPattern.MatchString(value) {
			return fmt.Errorf("stamp %s cannot hold %q", key, clip(value))
		}
	}
	return nil
}
