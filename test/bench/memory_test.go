package bench_test

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// idle is how long the process is left alone before it is weighed.
const idle = 60 * time.Second

// targetAnon is the promise: 40 MiB of memory that belongs to the process alone
// (requirement of an idle process; file-backed pages of the binary come and go).
const targetAnon = 40 << 10 // KiB

func (b *bench) memory() {
	wait := idle
	if count(50) != 50 {
		wait = idle / 6
	}
	select {
	case <-b.ctx.Done():
		b.Fatal(b.ctx.Err())
	case <-time.After(wait):
	}
	b.weigh(fmt.Sprintf("idle for %s", wait))
}

// weigh prints what the process holds now.
func (b *bench) weigh(when string) {
	m, err := memoryOf(b.process.PID())
	if err != nil {
		b.Fatal(err)
	}
	verdict := "within"
	if m["RssAnon"] >= targetAnon {
		verdict = "ABOVE"
	}
	b.Logf("memory, %s: RssAnon %.1f MiB (%s the target of %d MiB)  VmRSS %.1f MiB  VmHWM %.1f MiB", when,
		float64(m["RssAnon"])/1024, verdict, targetAnon>>10, float64(m["VmRSS"])/1024, float64(m["VmHWM"])/1024)
}

// memoryOf reads the figures of /proc/PID/status, in KiB.
func memoryOf(pid int) (map[string]int, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil, fmt.Errorf("weigh the process: %w", err)
	}
	defer f.Close()
	out := map[string]int{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, rest, _ := strings.Cut(lines.Text(), ":")
		if n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB")); err == nil {
			out[key] = n
		}
	}
	return out, lines.Err()
}
