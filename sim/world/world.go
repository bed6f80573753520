// Package world is what the simulated pipeline stands on: the network between
// services, connection pools, the database with its locks, and the stores that
// the handlers of services know by their interfaces. Everything lives in the
// virtual time of one kernel and belongs to one run.
package world

import (
	"fmt"
	"time"

	"google.golang.org/grpc"

	"tripcurve/sim/vtime"
)

// Config is what a World is made of.
type Config struct {
	Seed         uint64
	Start        time.Time
	NetworkDelay time.Duration // one way
	// OnEvent hears of what happens in the world itself: kind is connection_dropped,
	// connection_dead, restart or boot. May be nil.
	OnEvent func(kind, text string)
}

// World is one run's surroundings.
type World struct {
	K *vtime.Kernel

	seed     uint64
	delay    time.Duration
	wire     *vtime.Lane
	onEvent  func(kind, text string)
	services []*Service
	conns    []*Conn
	spare    []*stream

	deadlineExceeded int
}

// New is an empty world.
func New(c Config) *World {
	w := &World{K: vtime.New(c.Start), seed: c.Seed, delay: c.NetworkDelay, onEvent: c.OnEvent}
	w.wire = w.K.Lane(c.NetworkDelay)
	return w
}

// Close unwinds every process.
func (w *World) Close() { w.K.Close() }

// Stream is the run's random stream of that name.
func (w *World) Stream(name string) *Stream { return NewStream(w.seed, name) }

// Now is the present instant in UTC.
func (w *World) Now() time.Time { return w.K.Clock(w.K.Now()) }

// DeadlineExceeded counts the calls that ended with that status on any connection.
func (w *World) DeadlineExceeded() int { return w.deadlineExceeded }

// Conns are the connections in the order in which they were dialled.
func (w *World) Conns() []*Conn { return w.conns }

func (w *World) event(kind, text string) {
	if w.onEvent != nil {
		w.onEvent(kind, text)
	}
}

// Service is one process of the pipeline's: what it serves, the coroutines that
// run for it, its connections. It is a grpc.ServiceRegistrar.
type Service struct {
	Name    string
	w       *World
	group   vtime.Group
	methods map[string]*method
	in, out []*Conn
	began   time.Time
	down    bool
	pace    *Pace   // nil where nothing slows it
	labour  *labour // nil where its handlers take no time of their own
	fails   *fails  // nil where no call of it fails by itself
	boot    func(*Service) error
	// OnStop is called when the process ends, before anything else: what it holds
	// outside of its processes is to be let go. May be nil.
	OnStop func()
	ahead  time.Duration // its clock
}

// AddService adds a service to the world. boot makes its handlers and registers
// them; it runs now and again at every restart. A service without boot only
// calls others, and cannot be restarted.
func (w *World) AddService(name string, boot func(*Service) error) (*Service, error) {
	s := &Service{Name: name, w: w, methods: make(map[string]*method), boot: boot, began: w.Now()}
	w.services = append(w.services, s)
	if boot == nil {
		return s, nil
	}
	return s, boot(s)
}

// RegisterService makes impl answer the calls of desc's unary methods.
func (s *Service) RegisterService(desc *grpc.ServiceDesc, impl any) {
	for i := range desc.Methods {
		name := "/" + desc.ServiceName + "/" + desc.Methods[i].MethodName
		m := s.methods[name]
		if m == nil {
			m = &method{}
			s.methods[name] = m
		}
		m.impl, m.handler = impl, desc.Methods[i].Handler
	}
}

// Calls is how many calls of a method (/package.Service/Method) reached the
// service since the world began.
func (s *Service) Calls(name string) int {
	if m := s.methods[name]; m != nil {
		return m.calls
	}
	return 0
}

// Restart kills the service's processes and connections and starts it anew at the
// same instant. Its callers are told; those that it called are told only where
// the connection still carries anything.
func (s *Service) Restart() error {
	if s.boot == nil {
		return fmt.Errorf("service %s cannot be restarted: nothing says how it begins", s.Name)
	}
	s.end()
	s.began = s.w.Now()
	s.w.event("restart", s.Name+" service restarted")
	return s.boot(s)
}

// Stop is Restart as far as its first half: the service is down until Start.
// Connecting to it is refused.
func (s *Service) Stop(text string) error {
	if s.boot == nil {
		return fmt.Errorf("service %s cannot be stopped: nothing says how it begins", s.Name)
	}
	if s.down {
		return nil
	}
	s.down = true
	if s.OnStop != nil {
		s.OnStop()
	}
	s.end()
	s.w.event("restart", s.Name+" service "+text)
	return nil
}

// Start makes a stopped service anew.
func (s *Service) Start() error {
	if !s.down {
		return nil
	}
	s.down = false
	s.began = s.w.Now()
	s.w.event("boot", s.Name+" service is up again")
	err := s.boot(s)
	for _, c := range s.out { // as grpc.NewClient has it: one that does not balance waits for a call
		if c.idle = !c.o.Eager; !c.idle {
			c.connect()
		}
	}
	return err
}

// Down says whether the service is stopped.
func (s *Service) Down() bool { return s.down }

func (s *Service) end() {
	for _, c := range s.in {
		c.reset(serverGone, s.down)
	}
	for _, c := range s.out {
		c.reset(clientGone, false)
		c.counts = nil // a new process counts from zero
	}
	s.group.Kill()
}
