package kube

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Write is the last write of one field manager to an object, by the API
// server's record. It proves who wrote and when, and which fields are that
// manager's; it does not say which of them the last write changed.
type Write struct {
	Manager string    `json:"manager"`
	At      time.Time `json:"at"`
	// Fields are the tops of what the manager owns, such as "spec.template" or
	// "data.app.conf", sorted.
	Fields []string `json:"fields,omitempty"`
}

// maxWrittenFields bounds the fields that one Write names.
const maxWrittenFields = 12

// Writes reads who wrote an object, the newest write first, without those of
// its status: controllers write that all the time.
func Writes(obj metav1.Object) []Write {
	if isNil(obj) {
		return nil
	}
	var out []Write
	for _, f := range obj.GetManagedFields() {
		if f.Time == nil || f.Subresource == "status" {
			continue
		}
		out = append(out, Write{Manager: f.Manager, At: f.Time.Time, Fields: tops(f.FieldsV1)})
	}
	slices.SortStableFunc(out, func(a, b Write) int { return b.At.Compare(a.At) })
	return out
}

// Owns reports whether name, such as "spec.template" or "data", is one of the
// written fields or the group of one.
func (w Write) Owns(name string) bool {
	return slices.ContainsFunc(w.Fields, func(f string) bool {
		group, _, _ := strings.Cut(f, ".") // keys have dots of their own
		return f == name || group == name
	})
}

// fieldSet is a level of what FieldsV1 holds: "f:spec" → the level below.
type fieldSet map[string]json.RawMessage

// tops names the fields two levels down.
func tops(f *metav1.FieldsV1) []string {
	if f == nil {
		return nil
	}
	var top fieldSet
	if json.Unmarshal(f.GetRawBytes(), &top) != nil {
		return nil
	}
	var out []string
	for group, raw := range top {
		group, isField := strings.CutPrefix(group, "f:")
		var below fieldSet
		if !isField || json.Unmarshal(raw, &below) != nil {
			continue
		}
		for name := range below {
			if name, isField := strings.CutPrefix(name, "f:"); isField {
				out = append(out, group+"."+name)
			}
		}
	}
	slices.Sort(out)
	return out[:min(len(out), maxWrittenFields)]
}

// TrimWrites cuts the record of an object's writes down to what Writes reads:
// whole, it is often larger than the object.
func TrimWrites(obj metav1.Object) {
	fields := obj.GetManagedFields()
	for i := range fields {
		if fields[i].FieldsV1 == nil {
			continue
		}
		kept := map[string]map[string]struct{}{}
		for _, name := range tops(fields[i].FieldsV1) {
			group, name, _ := strings.Cut(name, ".")
			if kept["f:"+group] == nil {
				kept["f:"+group] = map[string]struct{}{}
			}
			kept["f:"+group]["f:"+name] = struct{}{}
		}
		raw, err := json.Marshal(kept)
		if err != nil || fields[i].Subresource == "status" {
			fields[i].FieldsV1 = nil
			continue
		}
		fields[i].FieldsV1 = metav1.NewFieldsV1(string(raw))
	}
}
