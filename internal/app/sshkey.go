package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// key opens the private key, or finds the one in the agent whose public key the
// file holds.
func (o AnswerOptions) key(ctx context.Context) (ssh.Signer, func(), error) {
	nothing := func() {}
	raw, err := os.ReadFile(o.Key)
	if err != nil {
		return nil, nothing, fmt.Errorf("--key: %w", err)
	}
	if public, _, _, _, err := ssh.ParseAuthorizedKey(raw); err == nil {
		return fromAgent(ctx, public)
	}
	signer, err := ssh.ParsePrivateKey(raw)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		var phrase []byte
		if phrase, err = o.Passphrase("Passphrase of " + o.Key + ": "); err == nil {
			signer, err = ssh.ParsePrivateKeyWithPassphrase(raw, phrase)
		}
	}
	if err != nil {
		return nil, nothing, fmt.Errorf("--key %s: %w", o.Key, err)
	}
	return signer, nothing, nil
}

func fromAgent(ctx context.Context, public ssh.PublicKey) (ssh.Signer, func(), error) {
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, func() {}, errors.New("--key is a public key, and SSH_AUTH_SOCK names no agent that could sign with it")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, func() {}, fmt.Errorf("SSH_AUTH_SOCK: %w", err)
	}
	done := func() { _ = conn.Close() } // nothing is lost with it
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		done()
		return nil, func() {}, fmt.Errorf("ask the agent for its keys: %w", err)
	}
	for _, s := range signers {
		if bytes.Equal(s.PublicKey().Marshal(), public.Marshal()) {
			return s, done, nil
		}
	}
	done()
	return nil, func() {}, errors.New("--key: the agent does not hold this key; add it with ssh-add")
}
