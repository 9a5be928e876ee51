package stand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a running countersign.
type Process struct {
	cmd    *exec.Cmd
	done   chan error
	log    string
	health string
	// Approvals is where the gate takes signatures.
	Approvals string
}

// Start runs `countersign run` with more words, such as --role gate, and returns
// when it says that it is ready.
func (s *Stand) Start(ctx context.Context, words ...string) (*Process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	door, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &Process{
		done: make(chan error, 1), log: filepath.Join(s.Dir, "countersign.stderr"), health: fmt.Sprintf("http://127.0.0.1:%d/readyz", port),
		Approvals: fmt.Sprintf("http://127.0.0.1:%d", door),
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer out.Close()
	p.cmd = exec.Command(s.binary, append([]string{"run"}, words...)...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = out, out, s.Dir
	p.cmd.Env = []string{"HOME=" + s.Dir, "PATH=" + os.Getenv("PATH"), "HEALTH_PORT=" + strconv.Itoa(port), "APPROVAL_PORT=" + strconv.Itoa(door)}
	for k, v := range s.settings {
		p.cmd.Env = append(p.cmd.Env, k+"="+v)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start countersign: %w", err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	s.processes = append(s.processes, p)
	return p, p.awaitReady(ctx)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("find a free port: not a TCP address")
	}
	return addr.Port, nil
}

func (p *Process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	last := "no answer"
	for {
		select {
		case err := <-p.done:
			p.done <- err
			return fmt.Errorf("countersign ended at its start: %w\n%s", err, p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("countersign is not ready: %s\n%s", last, p.Tail())
		case <-time.After(50 * time.Millisecond):
		}
		resp, err := http.Get(p.health)
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		last = string(body)
	}
}

// Tail is the end of what the process wrote.
func (p *Process) Tail() string {
	raw, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-4000):])
}

// PID of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop asks the process to end and checks that it does so within 5 s, with
// exit code 0.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		return fmt.Errorf("stop countersign: %w", err)
	}
	select {
	case err := <-p.done:
		p.done <- err
		if err != nil {
			return fmt.Errorf("countersign ended badly: %w\n%s", err, p.Tail())
		}
		return nil
	case <-time.After(5 * time.Second):
		return errors.Join(errors.New("countersign did not stop within 5 s"), p.Kill())
	}
}

// Kill ends the process without warning, as kill -9 does.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill countersign: %w", err)
	}
	err := <-p.done
	p.done <- err
	return nil
}

// Latest is the process that was started last.
func (s *Stand) Latest() *Process { return s.processes[len(s.processes)-1] }

// Command runs the product's binary with other words than run, under the same
// settings, and returns what it wrote and its exit code.
func (s *Stand) Command(ctx context.Context, words ...string) (stdout, stderr string, code int, err error) {
	cmd := exec.CommandContext(ctx, s.binary, words...)
	cmd.Dir, cmd.Env = s.Dir, []string{"HOME=" + s.Dir, "PATH=" + os.Getenv("PATH")}
	for k, v := range s.settings {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	var out, said strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return out.String(), said.String(), ended.ExitCode(), nil
	}
	return out.String(), said.String(), 0, err
}
