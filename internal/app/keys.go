package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/countersign-dev/countersign/internal/action"
)

// Keys are the gate's secrets: the Ed25519 key that signs orders and the audit
// head, and the key that seals events and cards. The watcher has none of them.
type Keys struct {
	Signing action.SigningKey
	Seal    []byte
}

const (
	signingFile = "signing.pem"
	sealFile    = "seal.key"
)

// LoadKeys reads the keys of dir.
func LoadKeys(dir string) (Keys, error) {
	raw, err := os.ReadFile(filepath.Join(dir, signingFile))
	if err != nil {
		return Keys{}, fmt.Errorf("KEYS_DIR: %w (make a pair with: countersign keys init --dir %s)", err, dir)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return Keys{}, fmt.Errorf("KEYS_DIR: %s holds no PEM block", signingFile)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Keys{}, fmt.Errorf("KEYS_DIR: %s: %w", signingFile, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return Keys{}, fmt.Errorf("KEYS_DIR: %s is not an Ed25519 key", signingFile)
	}
	seal, err := os.ReadFile(filepath.Join(dir, sealFile))
	if err != nil {
		return Keys{}, fmt.Errorf("KEYS_DIR: %w", err)
	}
	if len(seal) < 32 {
		return Keys{}, fmt.Errorf("KEYS_DIR: %s has %d bytes, 32 are needed", sealFile, len(seal))
	}
	return Keys{Signing: action.SigningKey{ID: keyID(private), Private: private}, Seal: seal}, nil
}

// MakeKeys writes a new pair into dir and refuses to replace one.
func MakeKeys(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the key directory: %w", err)
	}
	for _, name := range []string{signingFile, sealFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s holds keys already (%s); approvals under way would be void if they were replaced", dir, name)
		}
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make the signing key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("encode the signing key: %w", err)
	}
	seal := make([]byte, 32)
	if _, err := rand.Read(seal); err != nil {
		return fmt.Errorf("make the seal key: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, sealFile), seal, 0o600); err != nil {
		return fmt.Errorf("write the seal key: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, signingFile), block, 0o600); err != nil {
		return fmt.Errorf("write the signing key: %w", err)
	}
	return nil
}

// keyID derives the id from the public key, so that two keys never share one.
func keyID(private ed25519.PrivateKey) string {
	public, _ := private.Public().(ed25519.PublicKey)
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:4])
}

// Public are the keys by which executors and auditors know the gate.
func (k Keys) Public() action.Keys {
	public, _ := k.Signing.Private.Public().(ed25519.PublicKey)
	return action.Keys{k.Signing.ID: public}
}
