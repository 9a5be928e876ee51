package kube

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func entry(manager, subresource string, at time.Time, fields string) metav1.ManagedFieldsEntry {
	t := metav1.NewTime(at)
	return metav1.ManagedFieldsEntry{Manager: manager, Subresource: subresource, Time: &t, FieldsV1: metav1.NewFieldsV1(fields)}
}

func TestWritesSayWhoWroteAndWhatIsTheirs(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
		entry("kubectl-create", "", at, `{"f:data":{".":{},"f:app.conf":{},"f:b":{}},"f:metadata":{"f:labels":{"f:app":{}}}}`),
		entry("kubelet", "status", at.Add(time.Hour), `{"f:status":{"f:phase":{}}}`),
		entry("kubectl-edit", "", at.Add(time.Minute), `{"f:data":{"f:app.conf":{}}}`),
		{Manager: "no-time"},
		entry("odd", "", at.Add(-time.Minute), `[1`),
	}}}
	for n := range 2 { // the cut record says the same
		got := Writes(m)
		if len(got) != 3 || got[0].Manager != "kubectl-edit" || !got[0].At.Equal(at.Add(time.Minute)) ||
			strings.Join(got[0].Fields, " ") != "data.app.conf" || strings.Join(got[1].Fields, " ") != "data.app.conf data.b metadata.labels" || got[2].Fields != nil {
			t.Errorf("round %d: have %+v", n, got)
		}
		if !got[0].Owns("data") || !got[0].Owns("data.app.conf") || got[0].Owns("data.app") || got[0].Owns("spec") {
			t.Errorf("round %d: what %+v owns is wrong", n, got[0])
		}
		TrimWrites(m)
	}
	if m.ManagedFields[1].FieldsV1 != nil || strings.Contains(m.ManagedFields[0].FieldsV1.GetRawString(), "app\":{}}}") {
		t.Errorf("kept more than is read: %s", m.ManagedFields[0].FieldsV1)
	}
	if Writes(nil) != nil {
		t.Error("nothing has no writes")
	}
}

func FuzzWrittenFields(f *testing.F) {
	f.Add(`{"f:spec":{"f:template":{}}}`)
	f.Add(`{"f:data":{".":{},"k:{\"name\":\"x\"}":{}}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		o := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{entry("m", "", time.Now(), raw)}}}
		before := Writes(o)[0].Fields
		if len(before) > maxWrittenFields {
			t.Errorf("%d fields", len(before))
		}
		TrimWrites(o)
		if after := Writes(o)[0].Fields; strings.Join(after, "|") != strings.Join(before, "|") {
			t.Errorf("%q became %q", before, after)
		}
	})
}
