package aggregation

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// How long a process may take to end before it is killed. The Go server waits for a minute for
	// connections that are not idle.
	endTime = 90 * time.Second
	// How many lines of a log are shown where a test has failed.
	shownLines = 40
)

// process is a program that ends with the test, also where that is interrupted.
type process struct {
	name    string
	command *exec.Cmd
	log     string
	ended   chan struct{}
	err     error
}

var running struct {
	sync.Mutex
	processes map[*process]bool
}

// TestMain keeps all files in one folder, which goes with the processes, also on Ctrl-C.
func TestMain(m *testing.M) {
	running.processes = map[*process]bool{}
	folder, err := os.MkdirTemp("", "aggregation-")
	if err == nil {
		err = os.Setenv("TMPDIR", folder)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	leave := func(code int) {
		killAll()
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		leave(130)
	}()
	leave(m.Run())
}

// killAll ends what runs and waits until it has ended.
func killAll() {
	running.Lock()
	processes := slices.Collect(maps.Keys(running.processes))
	running.Unlock()
	for _, one := range processes {
		_ = one.command.Process.Kill()
		<-one.ended
	}
}

// start runs a program with its output in a log; the end of that is shown if the test fails.
func start(t *testing.T, folder, name, program string, flags ...string) *process {
	t.Helper()
	log, err := os.Create(filepath.Join(folder, name+".log"))
	check(t, err)
	defer log.Close()
	command := exec.Command(program, flags...)
	command.Stdout, command.Stderr = log, log
	command.Env = append(os.Environ(), "HOME="+folder)
	if err := command.Start(); err != nil {
		t.Fatalf("%s cannot be started: %v", program, err)
	}
	one := &process{name: name, command: command, log: log.Name(), ended: make(chan struct{})}
	running.Lock()
	running.processes[one] = true
	running.Unlock()
	// A test that takes too long panics without cleaning up.
	var late *time.Timer
	if deadline, limited := t.Deadline(); limited {
		late = time.AfterFunc(time.Until(deadline)-time.Second, func() { _ = command.Process.Kill() })
	}
	go func() {
		one.err = command.Wait()
		if late != nil {
			late.Stop()
		}
		running.Lock()
		delete(running.processes, one)
		running.Unlock()
		close(one.ended)
	}()
	t.Cleanup(func() {
		one.stop(t)
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", name, one.tail())
		}
	})
	return one
}

// stop asks the process to end and waits until it has.
func (p *process) stop(t *testing.T) {
	t.Helper()
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(endTime):
		t.Errorf("%s did not end within %s", p.name, endTime)
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

func (p *process) isRunning() error {
	select {
	case <-p.ended:
		return final{fmt.Errorf("%s has ended: %v\n%s", p.name, p.err, p.tail())}
	default:
		return nil
	}
}

func (p *process) tail() string {
	text, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-shownLines):], "\n")
}

// final is an error that will not go away.
type final struct{ error }

// soon waits until something is so.
func soon(t *testing.T, what string, isSo func() error) {
	t.Helper()
	within(t, 30*time.Second, what, isSo)
}

func within(t *testing.T, limit time.Duration, what string, isSo func() error) {
	t.Helper()
	began := time.Now()
	for {
		err := isSo()
		if err == nil {
			return
		}
		if errors.As(err, new(final)) || time.Since(began) > limit {
			t.Fatalf("%s: not after %s: %v", what, time.Since(began).Round(time.Second/10), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(text), 0o600))
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	check(t, err)
	return port
}
