package remediate

import (
	"errors"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/redact"
)

// The machine codes of a Result.
const (
	CodeBadOrder          = "bad-order"     // malformed, not canonical, against the catalogue
	CodeBadSignature      = "bad-signature" // or a key that is not trusted
	CodeExpired           = "expired"
	CodeWrongPod          = "wrong-pod"
	CodeProtected         = "protected"
	CodeStopped           = "stopped"            // by the kill switch
	CodeSignatureRequired = "signature-required" // outside Slack, and the order carries none
	CodeSignatureWrong    = "signature-wrong"    // it carries some, and none counts
	CodeNotFound          = "not-found"
	CodeUIDChanged        = "uid-changed"
	CodeBoundChanged      = "bound-changed"
	CodeTerminating       = "terminating"
	CodeBarePod           = "bare-pod"
	CodeBudget            = "pdb"
	CodeGitOps            = "owned-by-gitops"
	CodeOperator          = "owned-by-operator"
	CodeNoContainer       = "no-such-container"
	CodeValueChanged      = "value-changed" // the card names another current value
	CodeImageNeverRan     = "image-never-ran"
	CodeNoRevision        = "no-such-revision"
	CodeRevisionChanged   = "revision-changed"
	CodeRollbackScope     = "rollback-scope" // the revisions differ in what a rollback may not change
	CodeNoChange          = "no-change"
	CodeWallOpen          = "wall-open"
	CodePredictionChanged = "prediction-changed" // the dry run gives another result than the rehearsal did
	CodeAfterDiffers      = "after-differs"      // applied, but the result is not the predicted one
	CodeDenied            = "denied-by-admission"
	CodeForbidden         = "forbidden"
	CodeConflict          = "conflict"
	CodeInvalid           = "invalid"
	CodeAPI               = "api-error"
	CodeUnknown           = "unknown" // a write was sent and it could not be learned whether it took effect
	CodeMisconfigured     = "misconfigured"
	CodeInternal          = "internal"
)

// stop is the end of a run before its effect; nil means go on.
type stop struct {
	state  State
	code   string
	reason redact.Text
}

func refuse(code string, reason redact.Text) *stop { return &stop{Refused, code, reason} }
func fail(code string, reason redact.Text) *stop   { return &stop{Failed, code, reason} }

// couldNot is the stop for a read that failed: what was not seen is not assumed.
func (r *run) couldNot(doing redact.Text, err error) *stop {
	reason := redact.Sprintf("Could not %s, so nothing was done: %s", doing, r.tell(err))
	if apierrors.IsForbidden(err) {
		return fail(CodeForbidden, reason)
	}
	return fail(CodeAPI, reason)
}

// tell is the part of an error that people are shown.
func (r *run) tell(err error) redact.Text {
	return r.cfg.Redactor.Redact(err.Error()).Truncate(300)
}

// refusal is who said no to a write. The zero value: nobody that we know.
type refusal struct {
	policy  string // ValidatingAdmissionPolicy
	webhook bool
	rbac    bool
	said    string
}

// PolicyPrefix begins the name of every admission policy of ours.
const PolicyPrefix = "countersign-"

func (f refusal) ours() bool { return strings.HasPrefix(f.policy, PolicyPrefix) }

// refusalOf reads who refused a write. The API server says so in prose only:
// this is the one place where text of its errors is looked at. For a policy it
// is the message of the last structured cause, which holds no text of the
// object before the policy's name; "ValidatingAdmissionPolicy 'NAME' …".
func refusalOf(err error) refusal {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return refusal{}
	}
	s := status.Status()
	if details := s.Details; details != nil && len(details.Causes) > 0 {
		cause := details.Causes[len(details.Causes)-1]
		if rest, ok := strings.CutPrefix(cause.Message, "ValidatingAdmissionPolicy '"); ok && cause.Field == "" {
			name, _, closed := strings.Cut(rest, "'")
			if _, said, cut := strings.Cut(rest, "denied request: "); closed && cut {
				return refusal{policy: name, said: said}
			}
		}
	}
	if strings.HasPrefix(s.Message, "admission webhook ") {
		return refusal{webhook: true, said: s.Message}
	}
	forbidden := s.Code == http.StatusForbidden && s.Reason == metav1.StatusReasonForbidden
	return refusal{rbac: forbidden, said: s.Message}
}
