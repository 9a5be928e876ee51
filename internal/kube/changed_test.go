package kube

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAnObjectChangedWhenItsLastManagerWroteIt(t *testing.T) {
	at := func(minute int) metav1.Time {
		return metav1.NewTime(time.Date(2026, 11, 20, 10, minute, 0, 0, time.UTC))
	}
	first, last := at(3), at(7)
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(1)}}
	if got := ChangedAt(s); !got.Equal(at(1).Time) {
		t.Errorf("without managers it changed when it was made, have %s", got)
	}
	s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "a", Time: &first}, {Manager: "b", Time: &last}, {Manager: "c"}}
	if got := ChangedAt(s); !got.Equal(last.Time) {
		t.Errorf("want %s, have %s", last, got)
	}
	var none *corev1.Secret
	if !ChangedAt(none).IsZero() || !ChangedAt(nil).IsZero() {
		t.Error("nothing has no time")
	}
}
