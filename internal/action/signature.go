package action

import (
	"bytes"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Signature is an approver's signature outside Slack, over the terms.
type Signature struct {
	Signer string `json:"signer"` // the Slack user id to which allowed signers give the key
	SSHSig string `json:"sshsig"` // armored, over Terms.SignaturePayload
}

// The namespaces keep these signatures apart from each other and from every
// other use of the same SSH key.
const (
	SignatureNamespace = "countersign-approval"
	RejectionNamespace = "countersign-rejection"
)

const (
	// MaxSignature bounds one armored signature, in bytes. The largest RSA key
	// that OpenSSH makes, of 16,384 bits, needs 5,800.
	MaxSignature = 8 << 10
	// minRSA is in bits.
	minRSA = 3072
)

// signerPattern is a Slack user id.
var signerPattern = regexp.MustCompile(`^[UW][0-9A-Z]{1,40}$`)

// SignTerms signs t with key for the person whose Slack user id is signer. An
// SSH agent's key will do, and so will one on a token: it waits for the touch.
func SignTerms(t Terms, signer string, key ssh.Signer) (Signature, error) {
	return signTerms(t, signer, key, SignatureNamespace)
}

// SignRejection is SignTerms for who rejects them.
func SignRejection(t Terms, signer string, key ssh.Signer) (Signature, error) {
	return signTerms(t, signer, key, RejectionNamespace)
}

func signTerms(t Terms, signer string, key ssh.Signer, namespace string) (Signature, error) {
	if !signerPattern.MatchString(signer) {
		return Signature{}, fmt.Errorf("sign terms: %q is not a Slack user id", clip(signer))
	}
	if err := checkKey(key.PublicKey()); err != nil {
		return Signature{}, fmt.Errorf("sign terms: %w", err)
	}
	payload, err := t.SignaturePayload()
	if err != nil {
		return Signature{}, fmt.Errorf("sign terms: %w", err)
	}
	made, err := sshsig.Sign(bytes.NewReader(payload), key, sshsig.HashSHA512, namespace)
	if err != nil {
		return Signature{}, fmt.Errorf("sign terms: %w", err)
	}
	return Signature{Signer: signer, SSHSig: string(sshsig.Armor(made))}, nil
}

// check holds a signature to its form; whose it is, only Verify says.
func (s Signature) check() error {
	if !signerPattern.MatchString(s.Signer) {
		return fmt.Errorf("signer %q is not a Slack user id", clip(s.Signer))
	}
	_, err := s.parse()
	return err
}

// parse decodes the armored signature. The library's own Unarmor would skip
// what stands before and behind the block.
func (s Signature) parse() (*sshsig.Signature, error) {
	if len(s.SSHSig) > MaxSignature {
		return nil, fmt.Errorf("the signature of %s has %d bytes, %d are allowed", clip(s.Signer), len(s.SSHSig), MaxSignature)
	}
	text := strings.TrimSpace(s.SSHSig)
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != sshsig.PEMType || len(block.Headers) > 0 || len(rest) > 0 ||
		!strings.HasPrefix(text, "-----BEGIN "+sshsig.PEMType+"-----") || strings.Count(text, "-----BEGIN") > 1 {
		return nil, fmt.Errorf("the signature of %s is not one armored SSH signature", clip(s.Signer))
	}
	parsed, err := sshsig.ParseSignature(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the signature of %s is malformed: %w", clip(s.Signer), err)
	}
	if err := checkKey(parsed.PublicKey); err != nil {
		return nil, fmt.Errorf("the signature of %s: %w", clip(s.Signer), err)
	}
	return parsed, nil
}

// checkKey refuses the kinds of keys that no longer prove anything, and
// certificates, whose authority nobody here has named.
func checkKey(key ssh.PublicKey) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256: // without a touch, Verify of an sk key refuses
		return nil
	case ssh.KeyAlgoRSA:
		// An agent's key knows its bytes only.
		if whole, err := ssh.ParsePublicKey(key.Marshal()); err == nil {
			key = whole
		}
		if plain, ok := key.(ssh.CryptoPublicKey); ok {
			if pub, ok := plain.CryptoPublicKey().(*rsa.PublicKey); ok && pub.N.BitLen() >= minRSA {
				return nil
			}
		}
		return fmt.Errorf("an RSA key needs %d bits or more", minRSA)
	}
	return fmt.Errorf("keys of type %s do not count", clip(key.Type()))
}

// Verify returns nil only if sig approves exactly t by a key that s gives to
// sig.Signer, valid at now. now is the API server's time; a zero one refuses.
func (s AllowedSigners) Verify(t Terms, sig Signature, now time.Time) error {
	return s.verify(t, sig, now, SignatureNamespace)
}

// VerifyRejection is Verify for a signature that rejects t.
func (s AllowedSigners) VerifyRejection(t Terms, sig Signature, now time.Time) error {
	return s.verify(t, sig, now, RejectionNamespace)
}

func (s AllowedSigners) verify(t Terms, sig Signature, now time.Time, namespace string) error {
	if now.IsZero() {
		return errors.New("no time was given to compare the key's validity with")
	}
	payload, err := t.SignaturePayload()
	if err != nil {
		return err
	}
	parsed, err := sig.parse()
	if err != nil {
		return err
	}
	entry, err := s.find(sig.Signer, parsed.PublicKey)
	if err != nil {
		return err
	}
	if err := entry.usable(now, namespace); err != nil {
		return err
	}
	if err := sshsig.Verify(bytes.NewReader(payload), parsed, entry.key, parsed.HashAlgorithm, namespace); err != nil {
		return fmt.Errorf("the signature of %s is not over these terms: %w", entry.who, err)
	}
	return nil
}
