package aggregation

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// How often it is looked whether a replica is ready.
const probePeriod = 200 * time.Millisecond

// service is what a Service and the probes of the kubelet come to: each connection goes to one of
// the replicas that are ready.
type service struct {
	listener net.Listener
	port     string

	lock     sync.Mutex
	replicas []*replica
	ready    map[*replica]bool
}

func newService(t *testing.T) *service {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	check(t, err)
	s := &service{listener: listener, port: port, ready: map[*replica]bool{}}
	done := make(chan struct{})
	t.Cleanup(func() {
		close(done)
		_ = listener.Close()
	})
	go s.accept()
	go s.probe(done)
	return s
}

// serve says which replicas there are, and waits until all are known to be ready.
func (s *service) serve(t *testing.T, replicas ...*replica) {
	t.Helper()
	s.lock.Lock()
	s.replicas = slices.Clone(replicas)
	s.lock.Unlock()
	soon(t, "the probes know of all replicas", func() error {
		s.lock.Lock()
		defer s.lock.Unlock()
		for _, one := range replicas {
			if !s.ready[one] {
				return fmt.Errorf("%s is not ready", one.name)
			}
		}
		return nil
	})
}

func (s *service) probe(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(probePeriod):
		}
		s.lock.Lock()
		replicas := s.replicas
		s.lock.Unlock()
		for _, one := range replicas {
			code, _, err := one.anonymous.send(http.MethodGet, "/readyz", "")
			s.lock.Lock()
			s.ready[one] = err == nil && code == http.StatusOK
			s.lock.Unlock()
		}
	}
}

func (s *service) choose() *replica {
	s.lock.Lock()
	defer s.lock.Unlock()
	var ready []*replica
	for _, one := range s.replicas {
		if s.ready[one] {
			ready = append(ready, one)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	return ready[rand.IntN(len(ready))]
}

func (s *service) accept() {
	for {
		client, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		go s.pass(client)
	}
}

func (s *service) pass(client net.Conn) {
	defer client.Close()
	chosen := s.choose()
	if chosen == nil {
		return
	}
	server, err := net.Dial("tcp", "127.0.0.1:"+chosen.port)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, server)
}
