package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func made(t *testing.T) (string, Keys) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	if err := MakeKeys(dir); err != nil {
		t.Fatal(err)
	}
	k, err := LoadKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, k
}

func TestKeysAreWrittenOnceReadAgainAndOnlyTheirOwnersToRead(t *testing.T) {
	dir, k := made(t)
	if len(k.Seal) != 32 || len(k.Public()) != 1 || k.Public()[k.Signing.ID] == nil {
		t.Errorf("id %q, %d bytes of seal", k.Signing.ID, len(k.Seal))
	}
	for _, name := range []string{signingFile, sealFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	_, other := made(t)
	if other.Signing.ID == k.Signing.ID || bytes.Equal(other.Seal, k.Seal) {
		t.Error("two pairs are the same")
	}
}

func TestKeysAreNeverReplaced(t *testing.T) {
	for _, missing := range []string{"", signingFile, sealFile} {
		dir, _ := made(t)
		if missing != "" {
			if err := os.Remove(filepath.Join(dir, missing)); err != nil {
				t.Fatal(err)
			}
		}
		was := contents(t, dir)
		if err := MakeKeys(dir); err == nil || !strings.Contains(err.Error(), "holds keys already") {
			t.Errorf("without %q: %v", missing, err)
		}
		if contents(t, dir) != was {
			t.Errorf("without %q: something was written", missing)
		}
	}
}

func contents(t *testing.T, dir string) string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, f := range all {
		raw, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		text += f.Name() + base64.StdEncoding.EncodeToString(raw)
	}
	return text
}

func TestKeysThatCannotBeReadAreNamedWithTheSettingAndNeverShown(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	block := func(raw []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}) }
	for name, c := range map[string]struct {
		file string
		raw  []byte
		says string
	}{
		"no PEM":         {signingFile, []byte("nothing"), "no PEM block"},
		"an empty file":  {signingFile, nil, "no PEM block"},
		"a broken block": {signingFile, block([]byte("nothing")), signingFile},
		"another kind":   {signingFile, block(der), "not an Ed25519 key"},
		"a short seal":   {sealFile, []byte("short"), "5 bytes, 32 are needed"},
		"an empty seal":  {sealFile, nil, "0 bytes"},
	} {
		dir, _ := made(t)
		if err := os.WriteFile(filepath.Join(dir, c.file), c.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKeys(dir); err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "KEYS_DIR") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := LoadKeys("no-such-dir"); err == nil || !strings.Contains(err.Error(), "countersign keys init --dir no-such-dir") {
		t.Errorf("%v", err)
	}
}

func TestPublicKeysAreReadAsTheyAreShownAndNothingElseIs(t *testing.T) {
	_, k := made(t)
	shown := k.Signing.ID + ":" + base64.StdEncoding.EncodeToString(k.Public()[k.Signing.ID])
	got, err := ParseKeys([]string{shown})
	if err != nil || !got[k.Signing.ID].Equal(k.Public()[k.Signing.ID]) {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"", "id", "id:", "id:AAAA", "id:!", strings.TrimPrefix(shown, k.Signing.ID+":")} {
		if _, err := ParseKeys([]string{bad}); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}
