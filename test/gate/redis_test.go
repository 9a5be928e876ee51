package gate_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// database is a primary and a replica, two real Redis servers that keep nothing
// on disk, behind an address that follows the primary, as a failover does.
type database struct {
	*testing.T
	wire     *redisWire
	primary  *redisServer
	replica  *redisServer
	losses   int
	promoted int
}

type redisServer struct {
	binary, dir, addr string

	starts int
	cmd    *exec.Cmd
	client *redis.Client
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED, nothing was tried on Redis: redis-server is not installed (apt-get install redis-server)")
	}
	db := &database{T: t, primary: &redisServer{binary: binary, dir: t.TempDir()}, replica: &redisServer{binary: binary, dir: t.TempDir()}}
	for _, s := range []*redisServer{db.primary, db.replica} {
		if err := s.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.stop)
	}
	db.wire = newRedisWire(t)
	db.wire.to.Store(&db.primary.addr)
	db.attach()
	return db
}

func (s *redisServer) start(ctx context.Context) error {
	if s.addr == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.addr = l.Addr().String()
		l.Close()
	}
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		return err
	}
	// A replica writes what it is sent into a file, which a later start of the
	// same name would read.
	s.starts++
	s.cmd = exec.Command(s.binary, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0",
		"--dir", s.dir, "--dbfilename", fmt.Sprintf("%d.rdb", s.starts))
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start redis-server: %w", err)
	}
	if s.client == nil {
		s.client = redis.NewClient(&redis.Options{Addr: s.addr})
	}
	mine := fmt.Sprintf("process_id:%d\r\n", s.cmd.Process.Pid)
	for end := time.Now().Add(10 * time.Second); ; sleep(ctx, 20*time.Millisecond) {
		info, err := s.client.Info(ctx, "server").Result()
		if err == nil && strings.Contains(info, mine) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("another server answers at %s", s.addr)
		}
		if time.Now().After(end) {
			return fmt.Errorf("redis-server does not answer: %w", err)
		}
	}
}

func (s *redisServer) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (db *database) url() string { return "redis://" + db.wire.listener.Addr().String() }

// attach makes the replica follow the primary and waits until it has everything.
func (db *database) attach() {
	host, port, err := net.SplitHostPort(db.primary.addr)
	if err != nil {
		db.Fatal(err)
	}
	ctx := context.Background()
	if err := db.replica.client.Do(ctx, "REPLICAOF", host, port).Err(); err != nil {
		db.Errorf("the replica does not follow: %v", err)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); sleep(ctx, 50*time.Millisecond) {
		if n, err := db.primary.client.Wait(ctx, 1, time.Second).Result(); err == nil && n == 1 {
			return
		}
	}
	db.Error("the replica has not caught up within 20 s")
}

// promote makes the replica the primary. With a delay it stops following that
// long before: what was acknowledged meanwhile is lost.
func (db *database) promote(ctx context.Context, stale time.Duration) {
	if err := db.replica.client.Do(ctx, "REPLICAOF", "NO", "ONE").Err(); err != nil {
		db.Errorf("promote the replica: %v", err)
		return
	}
	sleep(ctx, stale)
	db.primary, db.replica = db.replica, db.primary
	db.wire.to.Store(&db.primary.addr)
	db.wire.cut()
	db.promoted++
	if stale > 0 {
		db.losses++
	}
	db.attach()
}

// restart kills the primary, which comes back with nothing.
func (db *database) restart(ctx context.Context) {
	db.primary.stop()
	db.wire.cut()
	if err := db.primary.start(ctx); err != nil {
		db.Error(err)
	}
	db.losses++
	db.attach()
}

// flush is what somebody types in the wrong window.
func (db *database) flush(ctx context.Context) {
	if err := db.primary.client.FlushAll(ctx).Err(); err != nil {
		db.Errorf("flush: %v", err)
	}
	db.losses++
}

// redisWire is a TCP proxy before the primary. A request is one write of the
// client: a command, or a pipeline of them.
type redisWire struct {
	listener net.Listener
	to       atomic.Pointer[string]
	requests atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]bool
	left  int
	when  moment
	do    func()
	open  sync.WaitGroup
}

func newRedisWire(t *testing.T) *redisWire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &redisWire{listener: l, conns: map[net.Conn]bool{}}
	w.open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.open.Go(func() { w.carry(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.cut()
		w.open.Wait()
	})
	return w
}

// at calls do at the n-th request from now; the client gets no answer to it.
func (w *redisWire) at(n int, when moment, do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.when, w.do = n, when, do
}

func (w *redisWire) turn() (when moment, do func()) {
	w.requests.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == 0 {
		return 0, nil
	}
	if w.left--; w.left > 0 {
		return 0, nil
	}
	do, w.do = w.do, nil
	return w.when, do
}

func (w *redisWire) keep(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns[c] = true
}

// cut ends every connection, as a failover does.
func (w *redisWire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		c.Close()
	}
	clear(w.conns)
}

func (w *redisWire) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", *w.to.Load())
	if err != nil {
		return
	}
	defer server.Close()
	w.keep(client)
	w.keep(server)
	var mute atomic.Bool // the answer must not reach the client
	w.open.Go(func() {
		defer client.Close()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil || mute.Load() {
				return
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		when, do := w.turn()
		if do != nil && when == before {
			do()
			return
		}
		mute.Store(do != nil)
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if do != nil {
			_, _ = io.ReadFull(server, make([]byte, 1)) // the server has done it
			do()
			return
		}
	}
}
