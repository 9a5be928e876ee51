package guards_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// The product has no switch and no hook that turns a guard off, also not for
// tests. These tests read its source and name whatever could be one; each thing
// that looks like one and is none stands here with the reason.

// suspicious are words of switches, in identifiers, settings, flags and tags.
var suspicious = setOf(`skip skips skipped disable disables disabled insecure bypass unsafe override overrides overridden
	force forced mock fake stub stubbed testing testonly hook hooks debug backdoor noverify nocheck unchecked unsigned
	ignore ignored ignores permissive lenient allowall trustall unauthenticated unverified`)

func setOf(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}

// innocent look like a switch and are none: "directory name".
var innocent = map[string]string{
	"internal/admission Force":                                         "a server-side apply of the manifests takes over fields that somebody edited",
	"internal/admission hook":                                          "a webhook of Gatekeeper",
	"internal/admission hooks":                                         "webhooks of Gatekeeper",
	"internal/admission skip":                                          "a variable that holds a piece of CEL: the fields of a kind",
	"internal/app ConfigOverrides":                                     "client-go: which context of a kubeconfig",
	"internal/app Disable":                                             "the Redis client's own log lines",
	"internal/app debug":                                               "runtime/debug, for the garbage collector",
	"internal/audit unsigned":                                          "Replay says what records mean and calls nothing signed; Verify looks at the head",
	"internal/chat MsgOptionDisableLinkUnfurl":                         "turns a feature of Slack off",
	"internal/chat MsgOptionDisableMediaUnfurl":                        "turns a feature of Slack off",
	"internal/chat debug":                                              "runtime/debug, for the stack of a panic",
	"internal/diagnose FailedPostStartHook":                            "what a kubelet says",
	"internal/diagnose PostStartHookError":                             "what a kubelet says",
	"internal/diagnose LifecycleHookFailed":                            "a cause: a container's lifecycle hook",
	"internal/diagnose RequiredDuringSchedulingIgnoredDuringExecution": "a field of the API: affinity",
	"internal/diagnose describeHook":                                   "a container's lifecycle hook",
	"internal/diagnose hook":                                           "a container's lifecycle hook",
	"internal/diagnose hookEvent":                                      "a container's lifecycle hook",
	"internal/diagnose proveHook":                                      "a container's lifecycle hook",
	"internal/diagnose start.hook":                                     "the rule for it",
	"internal/doctor Debug":                                            "a level of the log",
	"internal/doctor Skipped":                                          "a row of the table of which the installation has nothing",
	"internal/doctor skipped":                                          "alike",
	"internal/doctor lenient":                                          "what is said of a binding that does not deny",
	"internal/incident LifecycleHookFailed":                            "a cause: a container's lifecycle hook",
	"internal/incident lifecycle-hook-failed":                          "its code",
	"internal/kube PostStartHookError":                                 "what a kubelet says",
	"internal/kube PreCreateHookError":                                 "what a kubelet says",
	"internal/kube PreStartHookError":                                  "what a kubelet says",
	"internal/llm DisableKeepAlives":                                   "net/http",
	"internal/llm ForceAttemptHTTP2":                                   "net/http",
	"internal/nginx SkipDir":                                           "io/fs: a directory that begins with a dot is not walked",
	"internal/nginx stub_status":                                       "a directive of nginx: its status page",
	"internal/policy UnsafeBuiltins":                                   "the functions that a policy may not use",
	"internal/redact skip":                                             "the length of a placeholder that the scan jumps over",
	"internal/respond Debug":                                           "a level of the log",
	"internal/respond Ignore":                                          "triage's answer to a signal that says nothing new",
	"internal/triage Ignore":                                           "the same",
	"internal/triage ignore":                                           "the same",
	"internal/watch Debug":                                             "a level of the log",
	"internal/watch ScalingDisabled":                                   "what an autoscaler says of a target that is scaled to zero",
	"internal/watch debug":                                             "runtime/debug, to give memory back",
	"internal/watch stub":                                              "an object of which the cache keeps its UID only",
}

// readings are the places that read the environment.
var readings = map[string]string{
	"cmd/countersign/look.go os.Getenv":   "NO_COLOR: colours only",
	"cmd/countersign/run.go os.LookupEnv": "the settings, each of which is checked and printed by config print",
	"cmd/countersign/answer.go os.Getenv": "COUNTERSIGN_SIGNER: who a person says to be; it is not believed",
	"cmd/countersign/steer.go os.Getenv":  "USER: who a person says to be; it is not believed",
	"cmd/executor/main.go os.Getenv":      "COUNTERSIGN_ORDER: the signed order",
	"internal/app/sshkey.go os.Getenv":    "SSH_AUTH_SOCK: where the person's own agent is",
	"cmd/sandbox/demo.go os.Getenv":       "the demo's model key; the sandbox is no part of an installation",
}

// boolSettings are the settings that are on or off.
var boolSettings = map[string]string{
	"LeaderElection": "off is for one replica with the embedded store, whose file lock is the leadership",
}

// forbiddenImports have no business in the product.
var forbiddenImports = []string{"testing", "testing/quick", "testing/fstest", "net/http/httptest", "net/http/pprof", "expvar", "plugin", "unsafe"}

// source is one parsed file.
type source struct {
	path string // below the root
	ast  *ast.File
	fset *token.FileSet
}

// files parses every Go file of the product for which take says so.
func files(t *testing.T, take func(name string) bool) []source {
	t.Helper()
	var all []source
	fset := token.NewFileSet()
	for _, top := range []string{"cmd", "internal", "policies"} {
		err := filepath.WalkDir(filepath.Join(root(t), top), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(name) != ".go" || !take(d.Name()) {
				return err
			}
			f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			below, err := filepath.Rel(root(t), name)
			all = append(all, source{path: filepath.ToSlash(below), ast: f, fset: fset})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func isTest(name string) bool    { return strings.HasSuffix(name, "_test.go") }
func isProduct(name string) bool { return !isTest(name) }

// words takes an identifier apart: InsecureSkipVerify, SKIP_CHECKS, no-verify.
func words(name string) []string {
	var out []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			out = append(out, strings.ToLower(string(word)))
		}
		word = nil
	}
	lower := false
	for _, r := range name {
		if !unicode.IsLetter(r) {
			end()
			lower = false
			continue
		}
		if unicode.IsUpper(r) && lower {
			end()
		}
		lower = unicode.IsLower(r)
		word = append(word, r)
	}
	end()
	return out
}
