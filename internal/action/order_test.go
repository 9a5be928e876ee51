package action

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAnOrderOfEveryKindIsAcceptedByItsExecutor(t *testing.T) {
	for kind, a := range actions() {
		text, err := applyOrder(t, a).Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := VerifyOrder(text, testKeys(), at().Add(time.Second)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// leaves calls visit for every value in a decoded JSON document, with a
// function that replaces it.
func leaves(v any, path string, set func(any), visit func(path string, value any, set func(any))) {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			leaves(child, path+"/"+k, func(n any) { v[k] = n }, visit)
		}
	case []any:
		for i, child := range v {
			leaves(child, fmt.Sprintf("%s/%d", path, i), func(n any) { v[i] = n }, visit)
		}
	default:
		visit(path, v, set)
	}
}

func mutants(value any) []any {
	switch v := value.(type) {
	case string:
		out := []any{v + "x", "", strings.ToUpper(v) + "Z", nil, 7}
		if v != "" {
			out = append(out, v[1:], v[:len(v)-1], "x"+v[1:])
		}
		return out
	case float64:
		return []any{v + 1, -v, fmt.Sprint(v), nil}
	case bool:
		return []any{!v, nil, "true"}
	}
	return []any{1, "x"}
}

func TestAnOrderIsRefusedWhicheverOfItsFieldsIsChanged(t *testing.T) {
	count := 0
	for kind := range actions() {
		raw, err := json.Marshal(countersignedOrder(t, kind))
		if err != nil {
			t.Fatal(err)
		}
		var original any
		if err := json.Unmarshal(raw, &original); err != nil {
			t.Fatal(err)
		}
		leaves(original, "", nil, func(path string, value any, set func(any)) {
			for _, mutant := range mutants(value) {
				if fmt.Sprint(mutant) == fmt.Sprint(value) {
					continue
				}
				set(mutant)
				changed, err := json.Marshal(original)
				set(value)
				if err != nil {
					t.Fatal(err)
				}
				// The decoded document has its keys in another order; put them
				// back through the type, so that the signature is what refuses.
				for _, form := range [][]byte{changed, throughType(changed)} {
					if bytes.Equal(form, raw) { // null where the value was the zero one
						continue
					}
					count++
					if _, err := VerifyOrder(base64.RawURLEncoding.EncodeToString(form), testKeys(), at()); err == nil {
						t.Errorf("%s: %s = %v was accepted", kind, path, mutant)
					}
				}
			}
		})
	}
	if count < 1000 {
		t.Errorf("only %d mutants were tried", count)
	}
}

func throughType(raw []byte) []byte {
	var o Order
	if json.Unmarshal(raw, &o) != nil {
		return raw
	}
	again, err := json.Marshal(o)
	if err != nil {
		return raw
	}
	return again
}

func TestTheSignerRefusesWhatTheVerifierWould(t *testing.T) {
	for name, change := range map[string]func(*Order){
		"no mode":                        func(o *Order) { o.Mode = "" },
		"no policy decision":             func(o *Order) { o.Decision = "" },
		"no policy":                      func(o *Order) { o.Terms.Policy = "" },
		"a malformed policy":             func(o *Order) { o.Terms.Policy = "x" },
		"no bound hash":                  func(o *Order) { o.Terms.Action.Bound = "" },
		"no predicted hash":              func(o *Order) { o.After = "" },
		"a malformed predicted hash":     func(o *Order) { o.After = "X" },
		"no stamps":                      func(o *Order) { o.Stamps = nil },
		"terms that promise no stamps":   func(o *Order) { o.Terms.Stamped = false },
		"no approver":                    func(o *Order) { o.Stamps.ApprovedBy = nil },
		"an empty approver":              func(o *Order) { o.Stamps.ApprovedBy = []string{""} },
		"an approver with a comma":       func(o *Order) { o.Stamps.ApprovedBy = []string{"U1,U2"} },
		"an approver with markup":        func(o *Order) { o.Stamps.ApprovedBy = []string{"<!channel>"} },
		"too many approvers for a stamp": func(o *Order) { o.Stamps.ApprovedBy = []string{strings.Repeat("U", 121)} },
		"stamps of another incident":     func(o *Order) { o.Stamps.Incident = "i999999999999" },
		"no stamped time":                func(o *Order) { o.Stamps.At = time.Time{} },
		"an incident that is no id":      func(o *Order) { o.Incident, o.Stamps.Incident = "I 1", "I 1" },
		"no expiry":                      func(o *Order) { o.ExpiresAt = time.Time{} },
		"an expiry in another zone":      func(o *Order) { o.ExpiresAt = at().In(time.FixedZone("x", 3600)) },
		"a life beyond the approval":     func(o *Order) { o.ExpiresAt = o.Terms.ExpiresAt.Add(OrderLife + time.Second) },
		"a Job name of another mode":     func(o *Order) { o.Execution = "cs-r0" + strings.TrimPrefix(o.Execution, "cs-a") },
		"a Job name of another target":   func(o *Order) { o.Execution = strings.Replace(o.Execution, testUID, otherUID, 1) },
		"a Job name of another digest":   func(o *Order) { o.Execution = o.Execution[:len(o.Execution)-12] + "000000000000" },
		"no Job name":                    func(o *Order) { o.Execution = "" },
		"a signature of no approver":     func(o *Order) { o.Stamps.ApprovedBy = []string{bob} },
		"a signature of nobody":          func(o *Order) { o.Signatures[0].Signer = "" },
		"two signatures of one person":   func(o *Order) { o.Signatures = append(o.Signatures, o.Signatures[0]) },
		"a signature that is none":       func(o *Order) { o.Signatures[0].SSHSig = "yes" },
		"approvers named twice":          func(o *Order) { o.ApprovedBy = []string{alice} },
	} {
		o := countersignedOrder(t, SetImage)
		change(&o)
		if _, err := o.Sign(testKey()); err == nil {
			t.Errorf("an order with %s was signed", name)
		}
		if _, err := VerifyOrder(unchecked(t, o), testKeys(), at()); err == nil || errors.Is(err, ErrOrderSignature) {
			t.Errorf("an order with %s that was signed all the same: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Order){
		"stamps":                     func(o *Order) { o.Stamps = &Stamps{Incident: o.Incident, ApprovedBy: []string{"U1"}, At: at()} },
		"a signature of no approver": func(o *Order) { o.ApprovedBy = nil },
		"an approver of no Slack":    func(o *Order) { o.ApprovedBy = append(o.ApprovedBy, "alice") },
	} {
		o := countersignedOrder(t, DeletePod)
		if change(&o); o.Stamps != nil {
			o.ApprovedBy = nil
		}
		if _, err := o.Sign(testKey()); err == nil {
			t.Errorf("a deletion with %s was signed", name)
		}
	}
	for _, mode := range []Mode{Rehearse, Probe} {
		o := countersignedOrder(t, DeletePod)
		var err error
		if o.Execution, err = JobName(mode, o.Terms, 0); err != nil {
			t.Fatal(err)
		}
		o.Mode = mode
		if _, err := o.Sign(testKey()); err == nil {
			t.Errorf("an order to %s has approvers", mode)
		}
		o.Signatures, o.ApprovedBy = nil, nil
		if _, err := o.Sign(testKey()); err != nil {
			t.Errorf("an order to %s without them: %v", mode, err)
		}
	}
	for name, key := range map[string]SigningKey{"no key": {}, "a short key": {ID: "k1", Private: ed25519.PrivateKey{1}}, "a key without id": {Private: testKey().Private}} {
		if _, err := applyOrder(t, actions()[Restart]).Sign(key); err == nil {
			t.Errorf("%s signed an order", name)
		}
	}
}

// unchecked signs as a gate would that checks nothing.
func unchecked(t *testing.T, o Order) string {
	t.Helper()
	if digest, err := o.Terms.Digest(); err == nil {
		o.Proposal = digest
	}
	message, err := o.message()
	if err != nil {
		t.Fatal(err)
	}
	o.Sig = ed25519.Sign(testKey().Private, message)
	text, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAnOrderCarriesTheSignaturesOfItsApprovers(t *testing.T) {
	for kind := range actions() {
		o := countersignedOrder(t, kind)
		text, err := o.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := VerifyOrder(text, testKeys(), at())
		if err != nil || len(got.Signatures) != 1 || !slices.Contains(got.Approvers(), alice) {
			t.Errorf("%s: %v: %+v", kind, err, got)
		}
	}
}

func TestAnOrderThatWouldNotTravelIsNotSigned(t *testing.T) {
	o := applyOrder(t, actions()[DeletePod])
	_, strong := rsaKeys()
	sig := signed(t, o.Terms, alice, sshKey(t, strong, nil))
	for i := range 60 {
		sig.Signer = fmt.Sprintf("U%d", i)
		o.ApprovedBy, o.Signatures = append(o.ApprovedBy, sig.Signer), append(o.Signatures, sig)
		signed, err := o.Sign(testKey())
		if err != nil {
			if i < 10 {
				t.Errorf("%d signatures are too many: %v", i, err)
			}
			return
		}
		if text, err := signed.Encode(); err != nil || len(text) > MaxOrder {
			t.Fatalf("signed with %d bytes: %v", len(text), err)
		}
	}
	t.Error("60 signatures of RSA fit")
}

func TestAnOrderHasItsTimeAndNoOther(t *testing.T) {
	text, err := applyOrder(t, actions()[Restart]).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		now time.Time
		ok  bool
	}{
		"when it was given":             {at(), true},
		"in its last second":            {at().Add(OrderLife - time.Second), true},
		"at its expiry":                 {at().Add(OrderLife), false},
		"a day later":                   {at().Add(24 * time.Hour), false},
		"by a clock that lags a little": {at().Add(-ClockSlack), true},
		"long before it could be given": {at().Add(-ClockSlack - time.Second), false},
		"by a clock that nobody set":    {time.Time{}, false},
	} {
		_, err := VerifyOrder(text, testKeys(), tc.now)
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && !errors.Is(err, ErrOrderExpired) {
			t.Errorf("%s: refused for another reason: %v", name, err)
		}
	}
}

func TestReadingAnOrderAsksForEverythingButTheTime(t *testing.T) {
	o := applyOrder(t, actions()[Restart])
	text, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ReadOrder(text, testKeys()); err != nil || got.Execution != o.Execution {
		t.Errorf("%v: %+v", err, got)
	}
	if _, err := ReadOrder(text, nil); !errors.Is(err, ErrOrderSignature) {
		t.Errorf("without keys: %v", err)
	}
}

func TestAnOrderIsTrustedOnlyThroughAKeyThatThisExecutorKnows(t *testing.T) {
	o := applyOrder(t, actions()[Restart])
	text, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, strange, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	public, _ := strange.Public().(ed25519.PublicKey)
	for name, keys := range map[string]Keys{
		"no keys": nil, "another key of the same id": {"k1": public}, "the key under another id": {"k2": testKeys()["k1"]}, "a cut key": {"k1": public[:31]},
	} {
		if _, err := VerifyOrder(text, keys, at()); !errors.Is(err, ErrOrderSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	forged, err := o.Sign(SigningKey{ID: "k1", Private: strange})
	if err != nil {
		t.Fatal(err)
	}
	if text, err = forged.Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyOrder(text, testKeys(), at()); !errors.Is(err, ErrOrderSignature) {
		t.Errorf("signed by somebody else: %v", err)
	}
}

func TestOneOrderHasOneSpelling(t *testing.T) {
	text, err := applyOrder(t, actions()[SetImage]).Encode()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	for name, spelling := range map[string]string{
		"a line break in the base64":  text[:40] + "\n" + text[40:],
		"padding":                     base64.URLEncoding.EncodeToString(append(raw, ' ')),
		"white space around the JSON": encode(append([]byte(" "), raw...)),
		"trailing brackets":           encode(append(append([]byte{}, raw...), ']')),
		"a second value":              encode(append(append([]byte{}, raw...), raw...)),
		"another case of a key":       encode([]byte(strings.Replace(string(raw), `"mode"`, `"Mode"`, 1))),
		"a key twice":                 encode([]byte(strings.Replace(string(raw), `"mode":"apply"`, `"mode":"rehearse","mode":"apply"`, 1))),
		"an unknown field":            encode([]byte(strings.Replace(string(raw), `{`, `{"force":true,`, 1))),
		"an escaped letter":           encode([]byte(strings.Replace(string(raw), `"apply"`, `"\u0061pply"`, 1))),
		"another form of the time":    encode([]byte(strings.Replace(string(raw), `:00Z"`, `:00.0Z"`, 1))),
		"nothing":                     "",
		"too much":                    strings.Repeat("A", MaxOrder+1),
	} {
		if spelling == text {
			t.Fatalf("%s: the test changes nothing", name)
		}
		if _, err := VerifyOrder(spelling, testKeys(), at()); err == nil {
			t.Errorf("an order with %s was accepted", name)
		}
	}
}

func TestAJobNameSaysModeTargetAndDigest(t *testing.T) {
	terms := NewTerms(actions()[Restart], hashOf('f'), at())
	digest, err := terms.Digest()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		mode    Mode
		attempt int
		want    string
	}{
		{Apply, 0, "cs-a-" + testUID + "-" + digest.Short()},
		{Rehearse, 9, "cs-r9-" + testUID + "-" + digest.Short()},
		{Probe, 3, "cs-p3-" + testUID + "-" + digest.Short()},
		{Apply, 1, ""}, {Rehearse, 10, ""}, {Rehearse, -1, ""}, {"", 0, ""}, {"force", 0, ""},
	} {
		got, err := JobName(tc.mode, terms, tc.attempt)
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s %d: %q, %v", tc.mode, tc.attempt, got, err)
		}
		// The job controller cuts a pod's name prefix at 58 characters, and the
		// policies read the whole of it.
		if len(got) > 57 {
			t.Errorf("%s is %d characters long", got, len(got))
		}
		if got != "" && !PodOf(got, got+"-x7k2p") {
			t.Errorf("a pod of %s is not recognised", got)
		}
	}
	for _, pod := range []string{"", "-", "job", "job-", "job-x7k2", "job-x7k2pp", "job-x7-2p", "xjob-x7k2p"} {
		if PodOf("job", pod) {
			t.Errorf("%q counts as a pod of job", pod)
		}
	}
	if PodOf("", "-x7k2p") {
		t.Error("a Job without a name has pods")
	}
}
