package diagnose

import (
	"path/filepath"
	"testing"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// maxSaved is what a captured case may take, in bytes; the product allows more.
const maxSaved = 64 << 10

// lostBySaving are the cases whose proof is something that has to be hidden: the
// watcher does not keep those.
var lostBySaving = map[string]string{"dns-public-nameserver": "the address of a nameserver"}

// A snapshot that was saved, redacted twice and read back must give the rules
// what they had: that is how a verdict becomes a case.
func TestWhatIsSavedReplays(t *testing.T) {
	r := redact.New(redact.Config{Key: []byte("fixture")})
	largest := 0
	for _, dir := range cases(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			w := readWant(t, dir)
			_, s := readCapture(t, dir)
			kind, name := split(w.Subject)
			subject := kube.Key(kind, namespaceOf(s), name)
			if kind == "Node" {
				subject.Namespace = ""
			}
			text, err := kube.Save(s, r, maxSaved, subject)
			if err != nil {
				t.Fatal(err)
			}
			largest = max(largest, len(text.String()))
			again, err := kube.Read(text)
			if err != nil {
				t.Fatal(err)
			}
			was := Diagnose(s, subject, Options{Now: s.Taken})
			is := Diagnose(again, subject, Options{Now: again.Taken})
			differs := is.Healthy != was.Healthy || is.Missing != was.Missing || is.Diagnosis.Cause != was.Diagnosis.Cause ||
				is.Diagnosis.Root.String() != was.Diagnosis.Root.String() || is.Diagnosis.Rule != was.Diagnosis.Rule
			if why := lostBySaving[filepath.Base(dir)]; differs != (why != "") {
				t.Errorf("as it was: %s\nfrom what was saved: %s", describe(was), describe(is))
			}
		})
	}
	t.Logf("the largest of them takes %d bytes", largest)
}
