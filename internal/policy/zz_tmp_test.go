package policy

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/policies"
)

func cpu() time.Duration {
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 3, uintptr(unsafe.Pointer(&ts)), 0)
	return time.Duration(ts.Nano())
}

func TestZZ(t *testing.T) {
	src := policies.Source
	if f := os.Getenv("SRC"); f != "" {
		raw, _ := os.ReadFile(f)
		src = string(raw)
	}
	s := settings()
	s.TeamApprovers = map[string][]string{"tills": {"S9", "U1"}}
	s.RiskApprovers = map[string][]string{"high": {"U1", "U2"}}
	s.Freezes = []Freeze{
		{Name: "weekend", Weekly: "Fri 16:00–Mon 08:00 Europe/Berlin"},
		{Name: "night", Weekly: "Mon 22:00–Tue 06:00 America/New_York", Namespaces: []string{"shop", "pay"}},
		{Name: "year end", Dates: "2026-12-20..2027-01-02 Europe/Berlin"},
	}
	e := engine(t, src, s)
	in := question(Execute)
	in.DiffCut = true
	in.Approvals = []incident.Person{person("U1"), person("U2")}
	in.Facts = incident.Facts{Desired: 3, NamespaceLabels: []incident.Label{{Key: TeamLabel, Value: "tills"}}}
	runtime.LockOSThread()
	var took []time.Duration
	for range 2000 {
		a := cpu()
		d, err := e.Decide(t.Context(), in)
		took = append(took, cpu()-a)
		if err != nil || !d.Allow {
			t.Fatal(d, err)
		}
	}
	slices.Sort(took)
	allocs := testing.AllocsPerRun(100, func() { e.Decide(t.Context(), in) })
	fmt.Println("cpu p10", took[200], "p50", took[1000], "p99", took[1980], "allocs", allocs)
}
