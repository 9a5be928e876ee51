package llm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
)

// shownOf is a log as the prompt shows it.
func shownOf(kind, log string) string {
	_, text, _ := strings.Cut(renderItem(incident.Evidence{ID: "e1", Kind: kind, Source: pod(), Text: testRedactor().Redact(log)}), "\n")
	return text
}

func repeated(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i)
	}
	return b.String()
}

func TestSimilarLinesAreOneForm(t *testing.T) {
	for name, tt := range map[string]struct{ log, want string }{
		"numbers differ": {
			"starting up\n" + repeated(5, "GET /cart/%d took 3 ms") + "done",
			"| starting up\n|~ 5 × GET <*> took <*> ms\n| GET /cart/0 took 3 ms\n| GET /cart/4 took 3 ms\n| done\n",
		},
		"the same line":     {strings.Repeat("still waiting for it\n", 9), "|~ 9 × still waiting for it\n| still waiting for it\n"},
		"one word":          {strings.Repeat("waiting\n", 4), "|~ 4 × waiting\n| waiting\n"},
		"twice is no form":  {"retry 1 of the job\nretry 2 of the job\n", "| retry 1 of the job\n| retry 2 of the job\n"},
		"words differ":      {"user anna logged in here\nuser bob logged in here\nuser cleo logged in here\n", "|~ 3 × user <*> logged in here\n| user anna logged in here\n| user cleo logged in here\n"},
		"names of values":   {repeated(3, "level=info msg=ok latency=%dms path=/"), "|~ 3 × level=info msg=ok latency=<*> path=/\n| level=info msg=ok latency=0ms path=/\n| level=info msg=ok latency=2ms path=/\n"},
		"JSON lines":        {repeated(3, `{"level":"info","msg":"request served","ts":%d}`), "|~ 3 × \"level\":\"info\" \"msg\":\"request served\" \"ts\":<*>\n| {\"level\":\"info\",\"msg\":\"request served\",\"ts\":0}\n| {\"level\":\"info\",\"msg\":\"request served\",\"ts\":2}\n"},
		"frames of a stack": {"at a.B(C.java:1)\nat d.E(F.java:2)\nat g.H(I.java:3)\n", "| at a.B(C.java:1)\n| at d.E(F.java:2)\n| at g.H(I.java:3)\n"},
		"the place is where the last one stood": {
			"poll 1 of the queue\npoll 2 of the queue\nFATAL it broke\npoll 3 of the queue\n",
			"| FATAL it broke\n|~ 3 × poll <*> of the queue\n| poll 1 of the queue\n| poll 3 of the queue\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := shownOf("log", tt.log); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestAFailedRequestIsNotLostAmongTheOthers(t *testing.T) {
	log := repeated(40, "GET /cart/%d 200 in total") + "GET /cart/40 503 in total\n" + repeated(40, "GET /cart/%d 200 in total")
	if got := shownOf("log", log); !strings.Contains(got, "| GET /cart/40 503 in total\n") {
		t.Errorf("got\n%s", got)
	}
	log = repeated(40, "worker %d said hello to all") + "worker 40 said error to all\n" + repeated(40, "worker %d said hello to all")
	if got := shownOf("log", log); !strings.Contains(got, "| worker 40 said error to all\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestOnlyLogsHaveForms(t *testing.T) {
	if got := shownOf("spec", repeated(4, "line %d of it all")); strings.Contains(got, "|~") {
		t.Errorf("got\n%s", got)
	}
}

func TestWhatIsLeftOutOfAnItemIsSaid(t *testing.T) {
	var b strings.Builder
	for i := range 80 {
		fmt.Fprintf(&b, "%s is different\n", strings.Repeat(string(rune('a'+i%26)), 1+i/26))
	}
	if got := shownOf("spec", b.String()); !strings.Contains(got, " lines left out here)\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestWhatIsHiddenIsOneWord(t *testing.T) {
	got := wordsOf("no answer from ⟨svc shop/cache⟩ with ⟨password:1a2b3c⟩ since 12 s")
	if want := "no|answer|from|⟨svc shop/cache⟩|with|⟨password:1a2b3c⟩|since|<*>|s"; strings.Join(got, "|") != want {
		t.Errorf("%q", got)
	}
}

func TestFormsOfManyLinesStayCheap(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "w%c%c%c x%c y%c z\n", 'a'+i%26, 'a'+i/26%26, 'a'+i/676, 'a'+i%7, 'a'+i%11)
	}
	lines := testRedactor().Redact(b.String()).Lines()
	n := 0
	for _, f := range formsOf(lines) {
		n += len(f.lines)
	}
	if n != len(lines) {
		t.Errorf("%d of %d lines have a form", n, len(lines))
	}
}

func FuzzFormsLoseNoLine(f *testing.F) {
	f.Add("a 1 b\na 2 b\na 3 b\n\n⟨x\n⟩ y")
	f.Add(strings.Repeat("x=1 y,z;{}\n", 7))
	f.Fuzz(func(t *testing.T, log string) {
		e := incident.Evidence{ID: "e1", Kind: "log", Source: pod(), Text: testRedactor().Redact(log)}
		n := 0
		for _, p := range piecesOf(e) {
			n += p.lines
			for _, line := range strings.Split(strings.TrimSuffix(p.text, "\n"), "\n") {
				if !strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "|~ ") {
					t.Errorf("%q stands unmarked", line)
				}
			}
		}
		if n != len(e.Text.Lines()) {
			t.Errorf("%d lines of %d", n, len(e.Text.Lines()))
		}
	})
}
