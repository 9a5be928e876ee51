package remediate

import (
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
)

const (
	switchPath  = "/api/v1/namespaces/countersign/configmaps/" + action.SwitchName
	signersPath = "/api/v1/namespaces/countersign/configmaps/" + action.SignersName
	approver    = "U02ALICE"
)

func configMap(name string, data map[string]string) map[string]any {
	plain := map[string]any{}
	for k, v := range data {
		plain[k] = v
	}
	return map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "metadata": map[string]any{"name": name, "namespace": "countersign"}, "data": plain}
}

func (s *apiServer) steer(name string, data map[string]string) {
	s.objects["/api/v1/namespaces/countersign/configmaps/"+name] = configMap(name, data)
}

var stopped = action.Switch{Stopped: true, By: "U02ALICE", Reason: "the rollout of today", At: time.Date(2026, 11, 20, 13, 59, 0, 0, time.UTC)}

func TestTheKillSwitchStopsRehearsalsAndExecutionsBeforeAnythingIsTouched(t *testing.T) {
	for _, kind := range kinds() {
		for _, mode := range []action.Mode{action.Rehearse, action.Apply} {
			s := serve(t)
			a, after := approved(t, s, cartAction(kind))
			s.writes = nil
			s.steer(action.SwitchName, stopped.Data())
			var asked []string
			s.odd = func(_ http.ResponseWriter, r *http.Request, _ bool) bool {
				asked = append(asked, r.URL.Path)
				return false
			}
			r := s.run(mode, a, after)
			if r.State != Refused || r.Code != CodeStopped {
				t.Errorf("%s, %s: %s %s: %s", kind, mode, r.State, r.Code, r.Reason)
			}
			if d := cmp.Diff([]string{"/version", switchPath}, asked); d != "" {
				t.Errorf("%s, %s: asked (-want +got):\n%s", kind, mode, d)
			}
			for _, part := range []string{"U02ALICE", "2026-11-20T13:59:00Z", "the rollout of today"} {
				if !strings.Contains(r.Reason.String(), part) {
					t.Errorf("%q does not say %q", r.Reason, part)
				}
			}
			s.steer(action.SwitchName, action.Switch{By: "U02ALICE"}.Data())
			if r := s.run(mode, a, after); r.Code != "" {
				t.Errorf("%s, %s, set back: %s %s: %s", kind, mode, r.State, r.Code, r.Reason)
			}
		}
	}
}

func TestASwitchThatIsSetWhileTheExecutorRunsStopsItsWrite(t *testing.T) {
	for _, kind := range kinds() {
		s := serve(t)
		a, after := approved(t, s, cartAction(kind))
		before := snapshot(t, s)
		s.writes = nil
		s.odd = func(_ http.ResponseWriter, r *http.Request, dry bool) bool {
			if r.Method != http.MethodGet && dry {
				s.steer(action.SwitchName, stopped.Data())
			}
			return false
		}
		r := s.run(action.Apply, a, after)
		delete(s.objects, switchPath)
		if r.State != Refused || r.Code != CodeStopped || len(s.writes) != 2 || !strings.HasSuffix(s.writes[1], " dry") {
			t.Errorf("%s: %s %s after %q", kind, r.State, r.Code, s.writes)
		}
		if d := cmp.Diff(before, snapshot(t, s)); d != "" {
			t.Errorf("%s: something changed:\n%s", kind, d)
		}
	}
}

func TestASwitchThatCannotBeReadIsNoPermission(t *testing.T) {
	for name, answer := range map[string]func(*apiServer, http.ResponseWriter){
		"forbidden": func(s *apiServer, w http.ResponseWriter) { s.refuse(w, 403, metav1.StatusReasonForbidden, "no") },
		"broken":    func(s *apiServer, w http.ResponseWriter) { s.refuse(w, 500, metav1.StatusReasonInternalError, "no") },
		"other data": func(s *apiServer, w http.ResponseWriter) {
			s.reply(w, 200, in(t, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{},"data":{"state":1}}`))
		},
	} {
		for _, mode := range []action.Mode{action.Rehearse, action.Apply} {
			s := serve(t)
			a, after := approved(t, s, cartAction(action.SetImage))
			s.writes = nil
			s.odd = func(w http.ResponseWriter, r *http.Request, _ bool) bool {
				if r.URL.Path == switchPath {
					answer(s, w)
				}
				return r.URL.Path == switchPath
			}
			if r := s.run(mode, a, after); r.State != Failed || len(s.writes) != 0 || !strings.Contains(r.Reason.String(), "read the kill switch") {
				t.Errorf("%s, %s: %s %s (%s) after %q", name, mode, r.State, r.Code, r.Reason, s.writes)
			}
		}
	}
}

func TestAProbeGoesOnWhileTheSwitchIsSet(t *testing.T) {
	s := serve(t)
	a, _ := approved(t, s, cartAction(action.SetImage))
	s.steer(action.SwitchName, stopped.Data())
	if r := s.run(action.Probe, a, ""); r.State != Probed {
		t.Errorf("%s %s: %s", r.State, r.Code, r.Reason)
	}
}

func TestWhoSetTheSwitchCannotPutWordsOnTheCard(t *testing.T) {
	s := serve(t)
	s.steer(action.SwitchName, map[string]string{
		"state": "stop\n<!channel>", "by": "mallory\nApproved by U1", "at": "never",
		"reason": "password=" + strings.Repeat("Zq8", 9) + "\u202e\x00 " + strings.Repeat("long ", 100),
	})
	r := s.run(action.Rehearse, cartAction(action.SetImage), "")
	said := r.Reason.String()
	if r.Code != CodeStopped || strings.ContainsAny(said, "\n\x00\u202e") || strings.Contains(said, "Zq8Zq8") || len([]rune(said)) > 400 {
		t.Errorf("%s: %q", r.Code, said)
	}
	s.steer(action.SwitchName, map[string]string{"state": "halt"})
	if r := s.run(action.Rehearse, cartAction(action.SetImage), ""); !strings.Contains(r.Reason.String(), "somebody") || !strings.Contains(r.Reason.String(), "no reason") {
		t.Errorf("%q", r.Reason)
	}
}

// sshSigner is an approver's key, told apart by n.
func sshSigner(t testing.TB, n byte) ssh.Signer {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	key, err := ssh.NewSignerFromSigner(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// mayLine lets who sign with key.
func mayLine(who string, key ssh.Signer, options ...string) string {
	return strings.Join(append(append([]string{who}, options...), string(ssh.MarshalAuthorizedKey(key.PublicKey()))), " ")
}

// signedBy adds who's signature over the order's terms as change leaves them.
func signedBy(t testing.TB, who string, key ssh.Signer, change ...func(*action.Terms)) func(*action.Order) {
	return func(o *action.Order) {
		terms := o.Terms
		for _, c := range change {
			c(&terms)
		}
		s, err := action.SignTerms(terms, who, key)
		if err != nil {
			t.Fatal(err)
		}
		o.Signatures = append(o.Signatures, s)
		if o.Stamps == nil && o.ApprovedBy == nil {
			o.ApprovedBy = []string{approver}
		}
	}
}

// signatureCase is one way to ask for an execution where a signature is needed.
type signatureCase struct {
	with    []func(*action.Order)
	signers map[string]string // data of the ConfigMap; nil: there is none
	code    string            // empty: applied
	says    string
}

// signatureCases are run on the stand-in and on a real API server.
func signatureCases(t testing.TB) map[string]signatureCase {
	key, other := sshSigner(t, 1), sshSigner(t, 2)
	list := func(lines ...string) map[string]string {
		return map[string]string{action.SignersKey: strings.Join(lines, "")}
	}
	usual := list("# approvers\n", mayLine(approver, key))
	later := func(terms *action.Terms) { terms.ExpiresAt = terms.ExpiresAt.Add(time.Second) }
	elsewhere := func(terms *action.Terms) { terms.Action.Target.Name = "other" }
	good := signedBy(t, approver, key)
	one := func(f ...func(*action.Order)) []func(*action.Order) { return f }
	return map[string]signatureCase{
		"an approver's signature":                   {one(good), usual, "", ""},
		"one of two":                                {one(signedBy(t, approver, other), func(o *action.Order) { approvedToo(o, "U03BOB") }, signedBy(t, "U03BOB", sshSigner(t, 3))), list(mayLine(approver, key), mayLine("U03BOB", sshSigner(t, 3))), "", ""},
		"no signature":                              {nil, usual, CodeSignatureRequired, "carries none"},
		"a key of nobody":                           {one(signedBy(t, approver, other)), usual, CodeSignatureWrong, "not one that the allowed signers give"},
		"another person's key":                      {one(signedBy(t, approver, other)), list(mayLine(approver, key), mayLine("U03BOB", other)), CodeSignatureWrong, "not one that the allowed signers give"},
		"other terms":                               {one(signedBy(t, approver, key, elsewhere)), usual, CodeSignatureWrong, "not over these terms"},
		"terms that stood longer":                   {one(signedBy(t, approver, key, later)), usual, CodeSignatureWrong, "not over these terms"},
		"a key whose time is over":                  {one(good), list(mayLine(approver, key, `valid-before="20261101Z"`)), CodeSignatureWrong, "was valid until"},
		"a key for something else":                  {one(good), list(mayLine(approver, key, `namespaces="git"`)), CodeSignatureWrong, "other purposes"},
		"a signer who did not approve":              {one(good, func(o *action.Order) { approvedBy(o, "U03BOB") }), usual, CodeBadOrder, "no approver of this order"},
		"no list":                                   {one(good), nil, CodeSignatureWrong, "no allowed signers"},
		"an empty list":                             {one(good), map[string]string{}, CodeSignatureWrong, "no key of"},
		"a list under another name":                 {one(good), map[string]string{"signers": mayLine(approver, key)}, CodeSignatureWrong, "no key of"},
		"a list with a line that is not honoured":   {one(good), list(mayLine(approver, key), "*"+mayLine("", other)), CodeSignatureWrong, "line 2"},
		"a list in which the key's name is foreign": {one(good), list(mayLine("U9", key)), CodeSignatureWrong, "no key of"},
	}
}

func approvedBy(o *action.Order, who ...string) {
	if o.Stamps == nil {
		o.ApprovedBy = who
		return
	}
	stamps := *o.Stamps
	stamps.ApprovedBy = who
	o.Stamps = &stamps
}

func approvedToo(o *action.Order, who string) { approvedBy(o, append(o.Approvers(), who)...) }

func TestWhereANamespaceAsksForASignatureOnlyAGoodOneWillDo(t *testing.T) {
	for _, kind := range []action.Kind{action.SetImage, action.DeletePod} {
		for name, tc := range signatureCases(t) {
			s := serve(t)
			a, after := approved(t, s, cartAction(kind))
			set(s.objects[nsPath], "true", "metadata", "labels", action.SignatureLabel)
			if tc.signers != nil {
				s.steer(action.SignersName, tc.signers)
			}
			before := snapshot(t, s)
			s.writes = nil
			r := s.run(action.Apply, a, after, tc.with...)
			if tc.code == "" {
				if r.State != Applied {
					t.Errorf("%s, %s: %s %s: %s", kind, name, r.State, r.Code, r.Reason)
				}
				continue
			}
			if r.State != Refused || r.Code != tc.code || !strings.Contains(r.Reason.String(), tc.says) || len(s.writes) != 0 {
				t.Errorf("%s, %s: %s %s: %s (want %s, %q) after %q", kind, name, r.State, r.Code, r.Reason, tc.code, tc.says, s.writes)
			}
			if d := cmp.Diff(before, snapshot(t, s)); d != "" {
				t.Errorf("%s, %s: refused, and yet it changed:\n%s", kind, name, d)
			}
		}
	}
}

func TestAllowedSignersThatCannotBeReadAreNobody(t *testing.T) {
	s := serve(t)
	a, after := approved(t, s, cartAction(action.SetImage))
	set(s.objects[nsPath], "true", "metadata", "labels", action.SignatureLabel)
	s.writes = nil
	s.odd = func(w http.ResponseWriter, r *http.Request, _ bool) bool {
		if r.URL.Path == signersPath {
			s.refuse(w, 403, metav1.StatusReasonForbidden, "no")
		}
		return r.URL.Path == signersPath
	}
	if r := s.run(action.Apply, a, after, signedBy(t, approver, sshSigner(t, 1))); r.State != Failed || len(s.writes) != 0 {
		t.Errorf("%s %s (%s) after %q", r.State, r.Code, r.Reason, s.writes)
	}
}

func TestARehearsalNeedsNoSignatureAndNorDoesAnotherNamespace(t *testing.T) {
	s := serve(t)
	a, after := approved(t, s, cartAction(action.SetImage))
	set(s.objects[nsPath], "true", "metadata", "labels", action.SignatureLabel)
	if r := s.run(action.Rehearse, a, ""); r.State != Rehearsed {
		t.Errorf("%s %s: %s", r.State, r.Code, r.Reason)
	}
	set(s.objects[nsPath], "false", "metadata", "labels", action.SignatureLabel)
	if r := s.run(action.Apply, a, after); r.State != Applied {
		t.Errorf("%s %s: %s", r.State, r.Code, r.Reason)
	}
}
