package gate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is how many of /proc's units are a second, on every Linux that Go runs on.
const ticks = 100

// spent is the processor time of a process so far; zero for one that is gone.
func spent(pid int) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	total := 0
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0
		}
		total += n
	}
	return time.Duration(total) * time.Second / ticks
}

// effort says where the processors' time went.
func (st *stage) effort(took time.Duration) string {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return err.Error()
	}
	out := []string{fmt.Sprintf("this harness %s", (time.Duration(own.Utime.Nano()) + time.Duration(own.Stime.Nano())).Round(time.Second))}
	st.mu.Lock()
	for name, p := range st.processes {
		out = append(out, fmt.Sprintf("countersign (%s) %s", name, spent(p.PID()).Round(time.Second)))
	}
	st.mu.Unlock()
	pids, err := filepath.Glob(filepath.Join(*clusterDir, "pids", "*"))
	if err != nil {
		return err.Error()
	}
	for _, path := range pids {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(raw))); err == nil && spent(pid) > time.Second {
			out = append(out, fmt.Sprintf("%s %s", filepath.Base(path), spent(pid).Round(time.Second)))
		}
	}
	return strings.Join(out, ", ") + fmt.Sprintf(" of %s passed", took.Round(time.Second))
}
