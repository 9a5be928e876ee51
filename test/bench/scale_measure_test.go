package bench_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cost is what one process took, as the kernel counts it.
type cost struct {
	wall, cpu time.Duration
	anon      int // RssAnon at its highest, KiB, sampled every 5 ms
	resident  int // VmHWM, KiB
	out, said []byte
	code      int
}

// run executes a command to its end.
func run(cmd *exec.Cmd) (cost, error) {
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	ended, highest := make(chan struct{}), make(chan int)
	go func() {
		most := 0
		for {
			select {
			case <-ended:
				highest <- most
				return
			case <-time.After(5 * time.Millisecond):
				if m, err := memoryOf(cmd.Process.Pid); err == nil {
					most = max(most, m["RssAnon"])
				}
			}
		}
	}()
	err := cmd.Wait()
	c := cost{wall: time.Since(began)}
	close(ended)
	c.anon, c.out, c.said = <-highest, out.Bytes(), said.Bytes()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return c, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	c.code, c.cpu = cmd.ProcessState.ExitCode(), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.resident = int(u.Maxrss)
	}
	return c, nil
}

// costs are those of repeated runs.
type costs []cost

// median is that of one figure.
func median[T cmp.Ordered](c costs, of func(cost) T) T {
	var all []T
	for _, one := range c {
		all = append(all, of(one))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func (c costs) wall() time.Duration { return median(c, func(c cost) time.Duration { return c.wall }) }
func (c costs) cpu() time.Duration  { return median(c, func(c cost) time.Duration { return c.cpu }) }
func (c costs) anon() int           { return median(c, func(c cost) int { return c.anon }) }
func (c costs) resident() int       { return median(c, func(c cost) int { return c.resident }) }

func (c costs) String() string {
	return fmt.Sprintf("%s wall, %s processor, RssAnon %s, VmHWM %s", short(c.wall()), short(c.cpu()), mib(c.anon()), mib(c.resident()))
}

// mib writes KiB as MiB.
func mib(kib int) string { return fmt.Sprintf("%.0f MiB", float64(kib)/1024) }

func times(a, b time.Duration) string { return fmt.Sprintf("%.2f", float64(a)/float64(b)) }

// command is countersign, as a person calls it.
func (s *scaled) command(words ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.ctx, s.binary, words...)
	cmd.Env = []string{"HOME=" + filepath.Dir(s.binary), "PATH=" + os.Getenv("PATH"), "KUBECONFIG=" + s.config}
	return cmd
}

// childCommand is this test binary, doing one of the things of childDoes.
func (s *scaled) childCommand(kind string, env ...string) *exec.Cmd {
	s.Helper()
	self, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.CommandContext(s.ctx, self)
	cmd.Env = append([]string{"HOME=" + filepath.Dir(s.binary), "KUBECONFIG=" + s.config, childKind + "=" + kind}, env...)
	return cmd
}

// build makes countersign as a release would, but for -trimpath, which would
// compile everything a second time.
func (s *scaled) build() string {
	s.Helper()
	path := filepath.Join(s.TempDir(), "countersign")
	cmd := exec.CommandContext(s.ctx, "go", "build", "-ldflags", "-s -w", "-o", path, "github.com/countersign-dev/countersign/cmd/countersign")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("build countersign: %v\n%s", err, out)
	}
	return path
}

// processTime is what a process has used of processors so far. The kernel counts
// in hundredths of a second.
func processTime(pid int) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:])) // the third field and on
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
