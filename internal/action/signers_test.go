package action

import (
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestAllowedSignersAreOpenSSHsWithSlackIDs(t *testing.T) {
	one, two, three := newKey(t), newKey(t), newKey(t)
	text := "# who may sign\r\n\n" +
		line(alice, one.PublicKey()) + line(alice, two.PublicKey(), `valid-after="20260101Z",valid-before="20270101Z"`) +
		"\t" + strings.ReplaceAll(line("W04CAROL", three.PublicKey(), `namespaces="countersign-approval"`), " ", "  ")
	signers := allowed(t, text)
	if len(signers.entries) != 3 {
		t.Fatalf("%d entries in\n%s", len(signers.entries), text)
	}
	for _, tc := range []struct {
		who string
		key ssh.Signer
	}{{alice, one}, {alice, two}, {"W04CAROL", three}} {
		if err := signers.Verify(someTerms(), signed(t, someTerms(), tc.who, tc.key), at()); err != nil {
			t.Errorf("%s: %v", tc.who, err)
		}
	}
	for _, text := range []string{"", "\n\n", "# nobody yet\n"} {
		if s, err := ParseAllowedSigners(text); err != nil || len(s.entries) > 0 {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
}

func TestAllowedSignersThatAreNotHonouredAreRefusedByTheirLine(t *testing.T) {
	key, other := newKey(t).PublicKey(), newKey(t).PublicKey()
	blob := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	good := line(bob, other)
	for name, tc := range map[string]struct{ text, says string }{
		"an e-mail address":               {line("alice@example.com", key), "Slack user id"},
		"every principal":                 {line("*", key), "Slack user id"},
		"a pattern":                       {line("U02*", key), "Slack user id"},
		"two principals":                  {line("U1,U2", key), "Slack user id"},
		"a principal in quotes":           {line(`"U02ALICE"`, key), "Slack user id"},
		"a negated principal":             {line("!U02ALICE", key), "Slack user id"},
		"no principal":                    {blob, "Slack user id"},
		"no key":                          {alice, "no key"},
		"an option in the key's place":    {alice + " namespaces=\"git\"", "key"},
		"a key of another type":           {alice + " " + strings.Replace(blob, "ssh-ed25519", "ssh-rsa", 1), "key"},
		"a key that is cut":               {alice + " " + blob[:len(blob)-8], "key"},
		"a certificate authority":         {line(alice, key, "cert-authority"), "authorities do not count"},
		"one with a namespace":            {line(alice, key, `cert-authority,namespaces="countersign-approval"`), "authorities do not count"},
		"one that shouts":                 {line(alice, key, "CERT-AUTHORITY"), "not known here"},
		"an option of authorized_keys":    {line(alice, key, "no-touch-required"), "not known here"},
		"an option that is empty":         {line(alice, key, `=""`), "not known here"},
		"a pattern of namespaces":         {line(alice, key, `namespaces="*"`), "without patterns"},
		"a namespace that is negated":     {line(alice, key, `namespaces="!git"`), "without patterns"},
		"no namespaces":                   {line(alice, key, `namespaces=""`), "without patterns"},
		"namespaces without quotes":       {line(alice, key, `namespaces=git`), "in quotes"},
		"namespaces with half the quotes": {line(alice, key, `namespaces=git"`), ""},
		"a time of this machine":          {line(alice, key, `valid-before="20270101"`), "UTC"},
		"a time that is none":             {line(alice, key, `valid-before="20271301Z"`), "UTC"},
		"a time in words":                 {line(alice, key, `valid-after="tomorrow"`), "UTC"},
		"a time without quotes":           {line(alice, key, `valid-after=20270101Z`), "UTC"},
		"an option twice":                 {line(alice, key, `valid-before="20270101Z",valid-before="20280101Z"`), "twice"},
		"a key twice":                     {line(alice, key) + line(alice, key), "already there"},
		"a key of two people":             {line(alice, key) + line(bob, key), "already there"},
		"a key behind a carriage return":  {alice + " ssh-rsa \r" + blob, "control character"},
		"a NUL":                           {alice + " " + blob + "\x00", "control character"},
		"more text than keys":             {strings.Repeat("#", maxSigners+1), "bytes"},
	} {
		s, err := ParseAllowedSigners(good + tc.text)
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
		if len(s.entries) > 0 {
			t.Errorf("%s: somebody's key counts all the same", name)
		}
		if err != nil && name != "more text than keys" && !strings.Contains(err.Error(), "line ") {
			t.Errorf("%s: the line is not named: %v", name, err)
		}
	}
}

// OpenSSH itself is the judge of the format, in both directions.
func TestOpenSSHAndThisProgramAgree(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("SKIPPED: OpenSSH is not asked, ssh-keygen is not installed")
	}
	dir := t.TempDir()
	run := func(stdin []byte, args ...string) error {
		cmd := exec.CommandContext(t.Context(), keygen, args...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Logf("ssh-keygen %v: %s", args, out)
		}
		return err
	}
	write := func(name string, content []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	payload, err := someTerms().SignaturePayload()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range [][]string{{"ed25519"}, {"ecdsa"}, {"rsa", "-b", "3072"}} {
		name := kind[0]
		if err := run(nil, append([]string{"-q", "-N", "", "-f", name, "-t"}, kind...)...); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, name+".pub"))
		if err != nil {
			t.Fatal(err)
		}
		list := alice + ` namespaces="countersign-approval" ` + string(raw)
		signers := allowed(t, list)

		write("terms", payload)
		if err := run(nil, "-q", "-Y", "sign", "-n", SignatureNamespace, "-f", name, "terms"); err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile(filepath.Join(dir, "terms.sig"))
		if err != nil {
			t.Fatal(err)
		}
		if err := signers.Verify(someTerms(), Signature{alice, string(theirs)}, at()); err != nil {
			t.Errorf("%s: what OpenSSH signed: %v", name, err)
		}
		private, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		key, err := ssh.ParsePrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		write("list", []byte(list))
		write("ours.sig", []byte(signed(t, someTerms(), alice, key).SSHSig))
		verify := []string{"-Y", "verify", "-f", "list", "-I", alice, "-n", SignatureNamespace, "-s", "ours.sig"}
		if err := run(payload, verify...); err != nil {
			t.Errorf("%s: OpenSSH does not take what we signed", name)
		}
		if err := run(append(payload, ' '), verify...); err == nil {
			t.Errorf("%s: OpenSSH takes it for another message too: the test shows nothing", name)
		}
		if err := os.Remove(filepath.Join(dir, "terms.sig")); err != nil {
			t.Fatal(err)
		}
	}
}

// What parses names people by Slack id, with keys that count, each once, and a
// list that says the same parses again.
func FuzzParseAllowedSigners(f *testing.F) {
	key := newKey(f).PublicKey()
	f.Add(line(alice, key))
	f.Add(line(alice, key, `namespaces="a,b",valid-before="20270101Z"`) + "# x\n")
	f.Add(line("*", key, "cert-authority"))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseAllowedSigners(text)
		if err != nil {
			if len(s.entries) > 0 {
				t.Fatalf("%v, and yet somebody's key counts", err)
			}
			return
		}
		again := ""
		for i, e := range s.entries {
			if !signerPattern.MatchString(e.who) || checkKey(e.key) != nil {
				t.Fatalf("%q with a key of type %s", e.who, e.key.Type())
			}
			for _, other := range s.entries[:i] {
				if sameKey(e.key, other.key) {
					t.Fatalf("%s and %s share a key", e.who, other.who)
				}
			}
			again += line(e.who, e.key)
		}
		if s2, err := ParseAllowedSigners(again); err != nil || len(s2.entries) != len(s.entries) {
			t.Fatalf("%v: %q", err, again)
		}
	})
}

// Nothing but a signature by the key over the terms is one.
func FuzzASignatureOfNobodyNeverCounts(f *testing.F) {
	key := newKey(f)
	signers := allowed(f, line(alice, key.PublicKey()))
	good := signed(f, someTerms(), alice, key)
	block, _ := pem.Decode([]byte(good.SSHSig))
	f.Add(alice, good.SSHSig)
	f.Add(alice, signed(f, someTerms(), alice, newKey(f)).SSHSig)
	f.Add("", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----")
	f.Fuzz(func(t *testing.T, who, armored string) {
		if signers.Verify(someTerms(), Signature{who, armored}, at()) != nil {
			return
		}
		got, _ := pem.Decode([]byte(armored))
		if who != alice || got == nil || !bytes.Equal(got.Bytes, block.Bytes) {
			t.Fatalf("%q signed %q", who, armored)
		}
	})
}
