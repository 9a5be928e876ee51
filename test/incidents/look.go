package incidents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// Finding is the part of the program's JSON that is scored.
type Finding struct {
	Cause      incident.Cause `json:"cause"`
	Root       object         `json:"root"`
	Subject    object         `json:"subject"`
	Summary    string         `json:"summary"`
	Rule       string         `json:"rule"`
	Settling   bool           `json:"settling"`
	Victims    []object       `json:"victims"`
	Hypotheses []struct {
		Cause incident.Cause `json:"cause"`
		Root  object         `json:"root"`
	} `json:"hypotheses"`
	Fixes []struct {
		Kind action.Kind `json:"kind"`
	} `json:"fixes"`
}

type object struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

func (o object) String() string { return o.Kind + "/" + o.Name }

func (f Finding) answer() Answer { return Answer{Cause: f.Cause, Root: f.Root.String()} }

// said is what makes two looks the same.
func (f Finding) said() string {
	var fixes []string
	for _, x := range f.Fixes {
		fixes = append(fixes, string(x.Kind))
	}
	return fmt.Sprint(f.answer(), " ", fixes)
}

// Look is one answer of the program.
type Look struct {
	Findings []Finding
	Raw      string // standard output and standard error, for what must not show
	Err      error  // it could not look
}

func (l Look) same(other Look) bool {
	words := func(l Look) []string {
		var out []string
		for _, f := range l.Findings {
			out = append(out, f.said())
		}
		slices.Sort(out)
		return out
	}
	return l.Err == nil && other.Err == nil && slices.Equal(words(l), words(other))
}

func (l Look) settling() bool {
	return slices.ContainsFunc(l.Findings, func(f Finding) bool { return f.Settling })
}

// ask runs the program with the administrator's kubeconfig. Exit code 1 means
// findings; any other but 0 means that it could not look.
func (b *Bench) ask(ctx context.Context, words ...string) Look {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.Binary, append(words, "-o", "json", "--kubeconfig", b.Kubeconfig)...)
	cmd.Env = []string{"HOME=" + os.TempDir(), "PATH=" + os.Getenv("PATH")}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	l := Look{Raw: out.String() + said.String()}
	var ended *exec.ExitError
	if err != nil && !(errors.As(err, &ended) && ended.ExitCode() == 1) {
		l.Err = fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(said.String()))
		return l
	}
	if err := json.Unmarshal(out.Bytes(), &l.Findings); err != nil {
		l.Err = fmt.Errorf("read the answer: %w", err)
	}
	return l
}

const (
	between   = 3 * time.Second
	sameLooks = 3
	// patience bounds the looks at a fault whose answer is wrong or changes.
	patience = 90 * time.Second
	// healthyFor is how long a healthy scenario is looked at: longer than what
	// settles takes to be announced would be better, and would double the run.
	healthyFor = 75 * time.Second
)

// observe looks until the answer has been the same sameLooks times. A wrong one
// that the program itself calls too young gets the rest of the time: it is not
// announced yet. A healthy scenario is looked at for its whole time.
func (r *run) observe(ctx context.Context) []Look {
	start, same := time.Now(), 0
	var looks []Look
	for {
		l := r.ask(ctx, "scan", "-n", r.ns)
		if n := len(looks); n > 0 && l.same(looks[n-1]) {
			same++
		} else {
			same = 1
		}
		looks = append(looks, l)
		gone := time.Since(start)
		if r.s.Healthy && gone > healthyFor || !r.s.Healthy && (gone > patience || same >= sameLooks && l.Err == nil && (!l.settling() || right(r.s, l))) {
			break
		}
		select {
		case <-ctx.Done():
			return append(looks, Look{Err: ctx.Err()})
		case <-time.After(between):
		}
	}
	return looks
}

func right(s *Scenario, l Look) bool { return score(s, []Look{l}, nil).OK() }

// about is what is said to those who ask about one object each.
func (r *run) about(ctx context.Context, objects []string) []Look {
	var out []Look
	for _, object := range objects {
		out = append(out, r.ask(ctx, "diagnose", object, "-n", r.ns))
	}
	return out
}
