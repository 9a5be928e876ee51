package action

import (
	"crypto"
	"crypto/dsa" //nolint:staticcheck // to show that it does not count
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const alice, bob = "U02ALICE", "U03BOB"

func sshKey(t testing.TB, private crypto.Signer, err error) ssh.Signer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newKey is cheap; most tests need any key.
func newKey(t testing.TB) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	return sshKey(t, private, err)
}

// rsaKeys are made once: they cost most of a second.
var rsaKeys = sync.OnceValues(func() (weak, strong *rsa.PrivateKey) {
	weak, _ = rsa.GenerateKey(rand.Reader, 2048)
	strong, _ = rsa.GenerateKey(rand.Reader, 3072)
	return weak, strong
})

// token behaves like a FIDO authenticator with an sk-ssh-ed25519 key.
type token struct {
	private ed25519.PrivateKey
	touched bool
}

const tokenApplication = "ssh:"

func (k token) PublicKey() ssh.PublicKey {
	public, _ := k.private.Public().(ed25519.PublicKey)
	key, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Name, Key, Application string
	}{ssh.KeyAlgoSKED25519, string(public), tokenApplication}))
	if err != nil {
		panic(err)
	}
	return key
}

func (k token) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, message := sha256.Sum256([]byte(tokenApplication)), sha256.Sum256(data)
	rest := []byte{0, 0, 0, 0, 9}
	if k.touched {
		rest[0] = 1
	}
	blob := append(append(app[:], rest...), message[:]...)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(k.private, blob), Rest: rest}, nil
}

func line(who string, key ssh.PublicKey, options ...string) string {
	return strings.Join(append(append([]string{who}, options...), string(ssh.MarshalAuthorizedKey(key))), " ")
}

func allowed(t testing.TB, lines ...string) AllowedSigners {
	t.Helper()
	s, err := ParseAllowedSigners(strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func signed(t testing.TB, terms Terms, who string, key ssh.Signer) Signature {
	t.Helper()
	s, err := SignTerms(terms, who, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestARejectionApprovesNothingAndAnApprovalRejectsNothing(t *testing.T) {
	key := newKey(t)
	signers := allowed(t, line(alice, key.PublicKey()))
	approval := signed(t, someTerms(), alice, key)
	rejection, err := SignRejection(someTerms(), alice, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(signers.Verify(someTerms(), approval, at()), signers.VerifyRejection(someTerms(), rejection, at())); err != nil {
		t.Fatal(err)
	}
	if signers.Verify(someTerms(), rejection, at()) == nil {
		t.Error("a rejection approves")
	}
	if signers.VerifyRejection(someTerms(), approval, at()) == nil {
		t.Error("an approval rejects")
	}
	bound := allowed(t, line(alice, key.PublicKey(), `namespaces="`+SignatureNamespace+`"`))
	if bound.VerifyRejection(someTerms(), rejection, at()) == nil {
		t.Error("a key that is for approvals rejects")
	}
}

func someTerms() Terms { return NewTerms(actions()[SetImage], hashOf('f'), at().Add(10*time.Minute)) }

func TestWhatIsSignedIsWhatTheDigestIsOf(t *testing.T) {
	payload, err := someTerms().SignaturePayload()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := someTerms().Digest()
	if sum := sha256.Sum256(payload); err != nil || hex.EncodeToString(sum[:]) != string(digest) {
		t.Errorf("sha256sum of %q is not the digest %s (%v)", payload, digest, err)
	}
	if _, err := (Terms{}).SignaturePayload(); err == nil {
		t.Error("invalid terms can be signed")
	}
}

func TestASignatureOfEveryGoodKindOfKeyCounts(t *testing.T) {
	_, strong := rsaKeys()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]ssh.Signer{"ed25519": newKey(t), "sk-ed25519": token{private, true}, "rsa": sshKey(t, strong, nil)}
	for name, curve := range map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		keys[name] = sshKey(t, key, err)
	}
	for name, key := range keys {
		sig := signed(t, someTerms(), alice, key)
		if err := allowed(t, line(alice, key.PublicKey())).Verify(someTerms(), sig, at()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(sig.SSHSig) > MaxSignature/2 {
			t.Errorf("%s: a signature has %d bytes", name, len(sig.SSHSig))
		}
	}
}

func TestASignatureThatProvesNothingDoesNotCount(t *testing.T) {
	key, other, terms := newKey(t), newKey(t), someTerms()
	good := signed(t, terms, alice, key)
	signers := allowed(t, line(alice, key.PublicKey()), line(bob, other.PublicKey()))
	renamed := terms
	renamed.Action.Target.Name = "cart2"
	later := terms
	later.ExpiresAt = later.ExpiresAt.Add(time.Second)
	by := func(who string, s Signature) Signature { s.Signer = who; return s }
	armored := func(s string) Signature { return Signature{Signer: alice, SSHSig: s} }
	for name, tc := range map[string]struct {
		terms   Terms
		sig     Signature
		signers AllowedSigners
		now     time.Time
		says    string
	}{
		"another target":            {renamed, good, signers, at(), "not over these terms"},
		"another expiry":            {later, good, signers, at(), "not over these terms"},
		"another person's name":     {terms, by(bob, good), signers, at(), "not one that the allowed signers give to U03BOB"},
		"another key":               {terms, by(alice, signed(t, terms, bob, other)), signers, at(), "not one that the allowed signers give to U02ALICE"},
		"a stranger":                {terms, by("U9", good), signers, at(), "no key of \"U9\""},
		"nobody":                    {terms, by("", good), signers, at(), "no key"},
		"no allowed signers":        {terms, good, AllowedSigners{}, at(), "no key of"},
		"no time":                   {terms, good, signers, time.Time{}, "no time"},
		"a key that is expired":     {terms, good, allowed(t, line(alice, key.PublicKey(), `valid-before="20261120Z"`)), at(), "was valid until 2026-11-20"},
		"at the end of its time":    {terms, good, allowed(t, line(alice, key.PublicKey(), `valid-before="202611201400Z"`)), at(), "was valid until"},
		"a key of tomorrow":         {terms, good, allowed(t, line(alice, key.PublicKey(), `valid-after="20261121Z"`)), at(), "not valid before 2026-11-21"},
		"a key for other purposes":  {terms, good, allowed(t, line(alice, key.PublicKey(), `namespaces="git,file"`)), at(), "other purposes"},
		"a signature for git":       {terms, wrapped(t, terms, key, "git"), signers, at(), "not over these terms: namespace"},
		"without a purpose":         {terms, wrapped(t, terms, key, ""), signers, at(), "not over these terms: namespace"},
		"no signature":              {terms, armored(""), signers, at(), "not one armored"},
		"a signature twice":         {terms, armored(good.SSHSig + good.SSHSig), signers, at(), "not one armored"},
		"something before it":       {terms, armored("x\n" + good.SSHSig), signers, at(), "not one armored"},
		"something behind it":       {terms, armored(good.SSHSig + "x"), signers, at(), "not one armored"},
		"a header in it":            {terms, armored(strings.Replace(good.SSHSig, "\n", "\nA: b\n\n", 1)), signers, at(), "not one armored"},
		"another kind of PEM block": {terms, armored(strings.ReplaceAll(good.SSHSig, "SSH SIGNATURE", "SSH SIGNATUR")), signers, at(), "not one armored"},
		"a cut signature":           {terms, armored(cut(t, good.SSHSig)), signers, at(), "malformed"},
		"more than any key makes":   {terms, armored(strings.Repeat(" ", MaxSignature) + good.SSHSig), signers, at(), "bytes"},
		"terms out of form":         {Terms{}, good, signers, at(), ""},
	} {
		err := tc.signers.Verify(tc.terms, tc.sig, tc.now)
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
	}
	if err := signers.Verify(terms, good, at()); err != nil {
		t.Errorf("the good one: %v", err)
	}
	for _, bound := range []string{`valid-before="20261120140001Z"`, `valid-after="20261120140000Z"`, `namespaces="git,countersign-approval"`} {
		if err := allowed(t, line(alice, key.PublicKey(), bound)).Verify(terms, good, at()); err != nil {
			t.Errorf("%s: %v", bound, err)
		}
	}
}

func TestTheKeysOfAnAgentSign(t *testing.T) {
	weak, strong := rsaKeys()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	for _, key := range []any{weak, strong, &private} {
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	here, there := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- agent.ServeAgent(ring, there) }()
	t.Cleanup(func() { here.Close(); <-ended })
	keys, err := agent.NewClient(here).Signers()
	if err != nil || len(keys) != 3 {
		t.Fatalf("%v: %d keys", err, len(keys))
	}
	if _, err := SignTerms(someTerms(), alice, keys[0]); err == nil {
		t.Error("RSA of 2,048 bits signed")
	}
	for _, key := range keys[1:] {
		if err := allowed(t, line(alice, key.PublicKey())).Verify(someTerms(), signed(t, someTerms(), alice, key), at()); err != nil {
			t.Errorf("%s: %v", key.PublicKey().Type(), err)
		}
	}
}

// wrapped signs terms as SignTerms does, in another namespace.
func wrapped(t *testing.T, terms Terms, key ssh.Signer, namespace string) Signature {
	t.Helper()
	payload, err := terms.SignaturePayload()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(payload)
	blob := ssh.Marshal(struct{ Namespace, Reserved, HashAlgorithm, Hash string }{namespace, "", "sha256", string(sum[:])})
	made, err := key.Sign(rand.Reader, append([]byte("SSHSIG"), blob...))
	if err != nil {
		t.Fatal(err)
	}
	return armoredBy(key, made, namespace)
}

func armoredBy(key ssh.Signer, made *ssh.Signature, namespace string) Signature {
	return Signature{Signer: alice, SSHSig: string(sshsig.Armor(&sshsig.Signature{
		Version: 1, PublicKey: key.PublicKey(), Namespace: namespace, HashAlgorithm: sshsig.HashSHA256, Signature: made,
	}))}
}

func cut(t *testing.T, armored string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(armored))
	if block == nil {
		t.Fatal("no PEM")
	}
	block.Bytes = block.Bytes[:len(block.Bytes)-5]
	return string(pem.EncodeToMemory(block))
}

func TestAFlippedBitOfASignatureIsNoticed(t *testing.T) {
	key := newKey(t)
	good := signed(t, someTerms(), alice, key)
	signers := allowed(t, line(alice, key.PublicKey()))
	block, _ := pem.Decode([]byte(good.SSHSig))
	for i := range block.Bytes {
		for bit := range 8 {
			block.Bytes[i] ^= 1 << bit
			if signers.Verify(someTerms(), Signature{alice, string(pem.EncodeToMemory(block))}, at()) == nil {
				t.Errorf("bit %d of byte %d makes no difference", bit, i)
			}
			block.Bytes[i] ^= 1 << bit
		}
	}
}

func TestATokenThatNobodyTouchedProvesNobodyWasThere(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sig := signed(t, someTerms(), alice, token{private, false})
	if err := allowed(t, line(alice, token{private, true}.PublicKey())).Verify(someTerms(), sig, at()); err == nil {
		t.Error("it counts")
	}
}

func TestKeysThatNoLongerProveAnythingAreRefused(t *testing.T) {
	weak, strong := rsaKeys()
	big1024 := new(big.Int).SetBit(big.NewInt(1), 1023, 1)
	old, err := ssh.NewPublicKey(&dsa.PublicKey{
		Parameters: dsa.Parameters{P: big1024, Q: new(big.Int).SetBit(big.NewInt(1), 159, 1), G: big.NewInt(2)}, Y: big.NewInt(3),
	})
	if err != nil {
		t.Fatal(err)
	}
	authority, plain := newKey(t), newKey(t)
	cert := &ssh.Certificate{Key: plain.PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity, Nonce: []byte("n")}
	if err := cert.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		key  ssh.PublicKey
		says string
	}{
		"RSA of 2,048 bits": {sshKey(t, weak, nil).PublicKey(), "3072 bits"},
		"DSA":               {old, "do not count"},
		"a certificate":     {cert, "do not count"},
	} {
		if _, err := ParseAllowedSigners(line(alice, tc.key)); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s among the allowed signers: %v", name, err)
		}
	}
	if _, err := SignTerms(someTerms(), alice, sshKey(t, weak, nil)); err == nil {
		t.Error("RSA of 2,048 bits signed")
	}

	// The same good RSA key counts with SHA-2 and not with SHA-1.
	key := sshKey(t, strong, nil)
	payload, err := someTerms().SignaturePayload()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(payload)
	message := append([]byte("SSHSIG"), ssh.Marshal(struct{ Namespace, Reserved, HashAlgorithm, Hash string }{SignatureNamespace, "", "sha256", string(sum[:])})...)
	for algorithm, counts := range map[string]bool{ssh.KeyAlgoRSA: false, ssh.KeyAlgoRSASHA256: true, ssh.KeyAlgoRSASHA512: true} {
		made, err := key.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, message, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		err = allowed(t, line(alice, key.PublicKey())).Verify(someTerms(), armoredBy(key, made, SignatureNamespace), at())
		if (err == nil) != counts {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestNobodySignsUnderANameThatSlackWouldNotGive(t *testing.T) {
	for _, who := range []string{"", "alice", "U", "u02alice", "U02ALICE,U03BOB", "U02 ALICE", "B01BOT", "U" + strings.Repeat("1", 41)} {
		if _, err := SignTerms(someTerms(), who, newKey(t)); err == nil {
			t.Errorf("%q signed", who)
		}
	}
	if _, err := SignTerms(Terms{}, alice, newKey(t)); err == nil {
		t.Error("invalid terms were signed")
	}
}
