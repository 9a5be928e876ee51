package remediate

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// control reads one ConfigMap of the control namespace, live. found is false
// where there is none; every other reason not to have it is an error.
func (r *run) control(ctx context.Context, name string) (data map[string]string, found bool, err error) {
	got, err := r.cfg.Client.Resource(gvrOf("", "v1", "configmaps")).Namespace(r.cfg.Control).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	data, _, err = unstructured.NestedStringMap(got.Object, "data")
	return data, err == nil, err
}

// notStopped asks the kill switch. It is asked before the executor looks at
// anything, and again when its write is next: a rehearsal in between takes time.
func (r *run) notStopped(ctx context.Context) *stop {
	data, _, err := r.control(ctx, action.SwitchName)
	if err != nil {
		return r.couldNot(redact.Literal("read the kill switch"), err)
	}
	s := action.ReadSwitch(data)
	if !s.Stopped {
		return nil
	}
	by, at, why := r.said(s.By, 80), redact.Literal("a time that is not known"), r.said(s.Reason, 160)
	if by.IsEmpty() {
		by = redact.Literal("somebody")
	}
	if !s.At.IsZero() {
		at = redact.Time(s.At)
	}
	if why.IsEmpty() {
		why = redact.Literal("no reason was given")
	}
	return refuse(CodeStopped, redact.Sprintf("Nothing was done: the kill switch was set by %s at %s: %s", by, at, why))
}

// said puts foreign text on one line, redacts and cuts it.
func (r *run) said(text string, runes int) redact.Text {
	return r.cfg.Redactor.Redact(strings.Join(strings.Fields(text), " ")).Truncate(runes)
}

// countersigned holds an execution in a namespace that asks for it to one good
// signature of an approver (Order.check has seen to it that signers are
// approvers). The keys are read at this moment, so that taking one out of the
// list is in force at once.
func (r *run) countersigned(ctx context.Context) *stop {
	if r.order.Mode != action.Apply || r.live.namespace.GetLabels()[action.SignatureLabel] != "true" {
		return nil
	}
	if len(r.order.Signatures) == 0 {
		return refuse(CodeSignatureRequired, redact.Literal("This namespace asks for a signature outside Slack, and the order carries none."))
	}
	data, found, err := r.control(ctx, action.SignersName)
	switch {
	case err != nil:
		return r.couldNot(redact.Literal("read the allowed signers"), err)
	case !found:
		return refuse(CodeSignatureWrong, redact.Literal("This namespace asks for a signature outside Slack, and there are no allowed signers."))
	}
	signers, err := action.ParseAllowedSigners(data[action.SignersKey])
	if err != nil {
		return refuse(CodeSignatureWrong, redact.Sprintf("Nobody's signature counts until the allowed signers are corrected: %s.", r.tell(err)))
	}
	var why []redact.Text
	for _, s := range r.order.Signatures {
		err := signers.Verify(r.order.Terms, s, r.now)
		if err == nil {
			return nil
		}
		why = append(why, r.tell(err))
	}
	return refuse(CodeSignatureWrong, redact.Sprintf("No signature outside Slack counts: %s.", redact.Join("; ", why...)))
}
