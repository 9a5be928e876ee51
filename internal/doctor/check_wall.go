package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/admission"
)

const installAgain = "install the manifests of this version again"

// executorJob looks at the image, and whether the Job of the settings is the one
// that the policies in the cluster let the gate create.
func (e *examination) executorJob(ctx context.Context) []row {
	image := imageRow(e.Template.Image)
	const name = "executor job"
	if e.KeysError != nil {
		return []row{image, {name: name, detail: "the Job carries the gate's public key, and the keys could not be read", remedy: "run it where KEYS_DIR holds the gate's keys"}}
	}
	sample, err := e.Template.Sample()
	if err != nil {
		return []row{image, bad(name, err.Error(), "correct the settings of the executor")}
	}
	// Completed in the roles' own namespace: the wall keeps people out of the
	// executors'.
	if e.completed, err = admission.CompleteJob(ctx, e.Person, e.Wall, sample); err != nil {
		return []row{image, unclear(name, err, "")}
	}
	if e.set, err = admission.Manifests(e.Wall, e.completed); err == nil {
		e.wall, err = newWall(e.Wall, e.completed)
	}
	if err != nil {
		return []row{image, bad(name, err.Error(), "see what changes Jobs in namespace "+e.Wall.Namespace+", such as a webhook, and exempt the namespace")}
	}
	gate, err := e.as(e.Wall.GateUser(), "system:masters")
	if err != nil {
		return []row{image, unclear(name, err, "")}
	}
	_, refused, err := completeAsGate(ctx, gate, e.Wall, sample)
	switch {
	case err != nil:
		return []row{image, unclear(name, err, "")}
	case refused != "":
		return []row{image, bad(name, refused, "give the settings of the installation (image, keys, protected namespaces), or "+installAgain)}
	}
	return []row{image, good(name, "the Job of these settings is the pinned one")}
}

var byDigest = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

func imageRow(image string) row {
	const name = "executor image"
	switch {
	case image == "":
		return bad(name, "no image is set", "set EXECUTOR_IMAGE to NAME@sha256:DIGEST")
	case !byDigest.MatchString(image):
		return bad(name, image+" is not given by digest", "set EXECUTOR_IMAGE to NAME@sha256:DIGEST: a tag can be moved to other bytes")
	}
	return good(name, "%s", image)
}

// as impersonates one of our accounts. With the group system:masters RBAC lets
// everything pass, so that nothing but a policy can refuse.
func (e *examination) as(user string, groups ...string) (kubernetes.Interface, error) {
	conn := rest.CopyConfig(e.Person)
	conn.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("impersonate %s: %w", user, err)
	}
	return client, nil
}

// policies compares each policy with what this version installs.
func (e *examination) policies(ctx context.Context) []row {
	at := e.client.AdmissionregistrationV1()
	var rows []row
	for _, name := range e.Wall.PolicyNames() {
		p, err := at.ValidatingAdmissionPolicies().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			p, err = nil, nil
		}
		if err != nil {
			rows = append(rows, unclear("policy "+name, err, ""))
			continue
		}
		b, err := at.ValidatingAdmissionPolicyBindings().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			b, err = nil, nil
		}
		if err != nil {
			rows = append(rows, unclear("policy "+name, err, ""))
			continue
		}
		rows = append(rows, policyRow(e.wall, name, p, b))
	}
	return rows
}

func policyRow(w *wall, name string, p *policy, b *binding) row {
	row := "policy " + name
	if fault := w.policyFault(name, p); fault != "" {
		return bad(row, "the policy "+fault, installAgain)
	}
	if fault := w.bindingFault(name, b); fault != "" {
		return bad(row, "its binding "+fault, installAgain)
	}
	if w == nil {
		return unclear(row, errNoWall, noWall)
	}
	return good(row, "as this version installs it, and bound")
}

var errNoWall = errors.New("the policy and its binding are there; without the executor Job there is nothing to compare them with")

const noWall = "see the check of the executor job"

// fence tries what each policy must refuse, as the person who asks, in the name
// of each account.
func (e *examination) fence(ctx context.Context) []row {
	mark := ""
	if e.wall != nil {
		mark = e.wall.mark
	}
	return []row{fenceRow(admission.Verify(ctx, e.Person, e.Wall, mark), len(e.Wall.PolicyNames()))}
}

// fenceRow reads what Verify joined: one error for each policy.
func fenceRow(err error, policies int) row {
	const name = "fence"
	if err == nil {
		return good(name, "%d policies refuse what they must", policies)
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the list itself is wanted
		all = joined.Unwrap()
	}
	text := make([]string, len(all))
	for i, one := range all {
		by, _ := admission.RefusedBy(one)
		if by == "" && (apierrors.IsForbidden(one) || errors.Unwrap(one) != nil && !definite(one)) {
			return unclear(name, one, "") // the person may not impersonate, or there was no answer
		}
		text[i] = one.Error()
	}
	return bad(name, strings.Join(text, "; "), installAgain)
}
