package action

import (
	"fmt"
	"regexp"
)

// Ref names one object of the cluster. UID makes it that object and no later
// one of the same name; it is empty only where the object does not exist (the
// absent ConfigMap that a diagnosis names as its root).
type Ref struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	UID        string `json:"uid,omitempty"`
}

// String is KIND/NAME, the form that people type; the namespace is said apart.
func (r Ref) String() string { return r.Kind + "/" + r.Name }

// Same reports whether both name the same object; a UID that either side lacks
// does not count.
func (r Ref) Same(o Ref) bool {
	return r.Kind == o.Kind && r.Namespace == o.Namespace && r.Name == o.Name &&
		(r.UID == o.UID || r.UID == "" || o.UID == "")
}

var (
	// A DNS-1123 subdomain, which is what the API server accepts as the name
	// of every object that Countersign changes.
	namePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	labelName   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	uidPattern  = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// validTarget checks that r can be the target of a change.
func (r Ref) validTarget() error {
	switch {
	case len(r.Name) > 253 || !namePattern.MatchString(r.Name):
		return fmt.Errorf("target name %q is not a DNS-1123 name", clip(r.Name))
	case !labelName.MatchString(r.Namespace):
		return fmt.Errorf("target namespace %q is not a DNS-1123 label", clip(r.Namespace))
	case !uidPattern.MatchString(r.UID):
		return fmt.Errorf("target UID %q is not a UID", clip(r.UID))
	}
	return nil
}

// clip bounds foreign text in an error message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
