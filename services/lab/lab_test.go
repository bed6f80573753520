package lab

import (
	"context"
	"errors"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/policy"
	"tripcurve/services/gateway"
)

func edges() policy.Edges {
	return policy.Edges{"gateway.order": {Timeout: 10 * time.Second, Retry: policy.Retry{Attempts: 3}}, "order.inventory": {}}
}

func TestScenarios(t *testing.T) {
	names := map[string]bool{}
	for _, sc := range Scenarios(edges()) {
		if names[sc.Name] || sc.Name == "" || sc.About == "" {
			t.Errorf("scenario %q: %q; each has a name and a line of its own", sc.Name, sc.About)
		}
		names[sc.Name] = true
		if err := sc.Check(); err != nil {
			t.Errorf("%s: %v", sc.Name, err)
		}
		for _, f := range sc.Faults {
			if f.when() <= 0 || f.when() >= sc.Length {
				t.Errorf("%s: %s at %s, the run is %s", sc.Name, f, f.when(), sc.Length)
			}
		}
		if sc.Name != "inc-2847" && sc.Name != "tcp-give-up-default" && sc.Length > 90*time.Second {
			t.Errorf("%s takes %s", sc.Name, sc.Length)
		}
	}
	night, _ := ByName(edges(), "inc-2847")
	short, _ := ByName(edges(), "inc-2847-short")
	if got, want := short.Edges["gateway.order"].Timeout, night.Edges["gateway.order"].Timeout/5; got != want {
		t.Errorf("a try of the short night takes %s, want %s", got, want)
	}
}

func TestKeepaliveThatGRPCWouldRaise(t *testing.T) {
	sc, _ := ByName(edges(), "inc-2847-short")
	if err := sc.Edges.Set("order.inventory.keepalive", "2s"); err != nil {
		t.Fatal(err)
	}
	err := sc.Check()
	if err == nil || !strings.Contains(err.Error(), "order.inventory.keepalive=2s") || !strings.Contains(err.Error(), "10s") {
		t.Errorf("%v; want a refusal that names the edge and grpc-go's 10s", err)
	}
}

// TCP keepalive is the edge's own: package net is told what each wants, and none
// where Go would probe every 15 s.
func TestTCPKeepaliveOfEdges(t *testing.T) {
	p := &server{orders: orders{Edges: policy.Edges{
		"order.inventory": {TCPKeepalive: 20 * time.Second}, "gateway.inventory": {TCPKeepalive: 5 * time.Second}, "order.payment": {},
	}}}
	every := func(d time.Duration) net.KeepAliveConfig {
		return net.KeepAliveConfig{Enable: true, Idle: d, Interval: d}
	}
	for _, c := range []struct {
		edges []string
		want  net.KeepAliveConfig
	}{
		{[]string{"order.inventory"}, every(20 * time.Second)},
		{[]string{"order.payment"}, net.KeepAliveConfig{}},
		{entering[serviceInventory], every(5 * time.Second)},
		{entering[servicePayment], net.KeepAliveConfig{}},
		{entering[serviceGateway], net.KeepAliveConfig{}},
	} {
		if got := p.tcpKeepalive(c.edges...); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.edges, got, c.want)
		}
	}
	sc, _ := ByName(edges(), "inc-2847-short")
	if err := sc.Edges.Set("order.inventory.tcp_keepalive", "1500ms"); err != nil {
		t.Fatal(err)
	}
	if err := sc.Check(); err == nil || !strings.Contains(err.Error(), "order.inventory.tcp_keepalive=1.5s: the kernel takes whole seconds") {
		t.Errorf("%v; want a refusal that names the edge", err)
	}
}

func TestArrivals(t *testing.T) {
	sc := Scenario{
		Length: 1000 * time.Second, Seed: 7,
		Checkouts: Rate{4, 2}, InventoryReads: steady(1), OrderReads: steady(0),
		Faults: []Fault{Traffic{At: 500 * time.Second, For: 100 * time.Second, Factor: 10}},
	}
	all := sc.Arrivals()
	count := func(route gateway.Route, from, to time.Duration) (n float64) {
		for _, a := range all {
			if a.Route == route && a.At >= from && a.At < to {
				n++
			}
		}
		return n
	}
	for _, tt := range []struct {
		what string
		got  float64
		want float64
	}{
		{"checkouts before the step", count(gateway.PostOrder, 0, 500*time.Second), 1750},
		{"checkouts in the step", count(gateway.PostOrder, 500*time.Second, 600*time.Second), 2900},
		{"checkouts after the step", count(gateway.PostOrder, 600*time.Second, 1000*time.Second), 960},
		{"reads of stock", count(gateway.GetStock, 0, 1000*time.Second), 1000},
		{"reads of orders", count(gateway.GetOrder, 0, 1000*time.Second), 0},
	} {
		if math.Abs(tt.got-tt.want) > 4*math.Sqrt(tt.want) {
			t.Errorf("%s: %g, want about %g", tt.what, tt.got, tt.want)
		}
	}
	for i := 1; i < len(all); i++ {
		if all[i].At < all[i-1].At {
			t.Fatalf("arrival %d at %s after one at %s", i, all[i].At, all[i-1].At)
		}
	}
	if d := cmp.Diff(all, sc.Arrivals()); d != "" {
		t.Errorf("another run of the same seed:\n%s", d)
	}
}

func TestRecovered(t *testing.T) {
	start := time.Date(2026, 1, 15, 14, 0, 0, 0, time.UTC)
	sc := Scenario{Patience: 2 * time.Second, Faults: []Fault{LockTable{At: 10 * time.Second}}}
	at := func(second int, status int, took time.Duration) Answer {
		return Answer{Route: gateway.PostOrder, Start: start.Add(time.Duration(second) * time.Second).Add(-took), Took: took, Status: status}
	}
	for _, tt := range []struct {
		name    string
		answers []Answer
		want    time.Time
	}{
		{"nothing failed", []Answer{at(1, 201, 0), at(12, 201, 0)}, time.Time{}},
		{"failed before the fault alone", []Answer{at(1, 502, 0), at(12, 201, 0)}, time.Time{}},
		{"never", []Answer{at(1, 201, 0), at(12, 502, 0)}, time.Time{}},
		{"after the last failure", []Answer{at(11, 502, 0), at(12, 201, 0), at(13, 502, 0), at(15, 201, 0), at(16, 201, 0)}, start.Add(15 * time.Second)},
		{"late is not served", []Answer{at(11, 502, 0), at(14, 201, 3*time.Second), at(15, 201, 0)}, start.Add(15 * time.Second)},
		{"reads do not count", []Answer{at(11, 502, 0), at(12, 201, 0), {Route: gateway.GetStock, Start: start.Add(20 * time.Second), Status: 504}}, start.Add(12 * time.Second)},
	} {
		r := &Result{Start: start, Answers: tt.answers}
		if got := r.recovered(sc); !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestFolderOfSomebody(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"up":   func() error { _, err := openState(dir); return err }(),
		"down": func() error { _, err := Down(t.Context(), dir); return err }(),
	} {
		if !errors.Is(err, ErrFolder) || !strings.Contains(err.Error(), "thesis.tex") {
			t.Errorf("%s: %v; want a refusal that names the file", name, err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	if _, err := openState(link); !errors.Is(err, ErrFolder) {
		t.Errorf("a link: %v", err)
	}
}

// A folder of another user is not touched, empty or not.
func TestFolderOfAnother(t *testing.T) {
	dir := "/" // which nobody but root owns
	if os.Geteuid() == 0 {
		dir = t.TempDir()
		if err := os.Chown(dir, 12345, -1); err != nil {
			t.Fatal(err)
		}
	}
	for name, err := range map[string]error{
		"up":   func() error { _, err := openState(dir); return err }(),
		"down": func() error { _, err := Down(t.Context(), dir); return err }(),
	} {
		if !errors.Is(err, ErrFolder) || !strings.Contains(err.Error(), "belongs to somebody else") {
			t.Errorf("%s: %v; want a refusal that says whose it is", name, err)
		}
	}
}

// An address that is taken is found out before anything is started.
func TestAddressTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	sc, _ := ByName(edges(), "healthy")
	dir := filepath.Join(t.TempDir(), "lab")
	_, err = Up(t.Context(), sc, Options{Dir: dir, Listen: l.Addr().String()})
	if !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("%v; want %v and the address", err, ErrTaken)
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("the folder was made all the same")
	}
	if err := free(t.Context(), "127.0.0.1:0"); err != nil {
		t.Errorf("any free port: %v", err)
	}
}

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	open := func() *state {
		t.Helper()
		s, err := openState(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := open(), open()
	if err := first.acquire(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := second.acquire(t.Context(), 0); !errors.Is(err, ErrBusy) {
		t.Errorf("a second command: %v, want %v", err, ErrBusy)
	}
	// The one waits, the other takes the folder away.
	got := make(chan error, 1)
	go func() { got <- second.acquire(t.Context(), 10*time.Second) }()
	if err := first.remove(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("after the folder went: %v", err)
	}
	if !second.isLock(second.lock) {
		t.Error("it holds the lock of a folder that has gone")
	}
	second.release()
}

func TestDownWithoutALab(t *testing.T) {
	found, err := Down(t.Context(), filepath.Join(t.TempDir(), "none"))
	if found || err != nil {
		t.Errorf("%t, %v", found, err)
	}
}

func TestPIDFiles(t *testing.T) {
	s := &state{dir: t.TempDir()}
	if err := os.Mkdir(s.file("pids"), 0o700); err != nil {
		t.Fatal(err)
	}
	me, err := identify("order", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.note(me); err != nil {
		t.Fatal(err)
	}
	// A number that was given away again, and a file that a crash cut off.
	other := process{Name: "inventory", PID: os.Getpid(), Started: "1"}
	if err := s.note(other); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.pidFile("payment"), []byte("48"), 0o600); err != nil {
		t.Fatal(err)
	}
	noted, err := s.noted()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]process{other, me}, noted); d != "" {
		t.Error(d)
	}
	if !me.alive() || other.alive() {
		t.Errorf("alive: %t and %t, want the first alone", me.alive(), other.alive())
	}
}

// fakePostgres makes a folder with programs that say a version.
func fakePostgres(t *testing.T, says string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"initdb", "postgres"} {
		script := "#!/bin/sh\necho '" + says + "'\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFindPostgres(t *testing.T) {
	usual := folders
	t.Cleanup(func() { folders = usual })
	old, good := fakePostgres(t, "postgres (PostgreSQL) 12.22"), fakePostgres(t, "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)")
	beta, broken := fakePostgres(t, "postgres (PostgreSQL) 19beta1"), fakePostgres(t, "who knows")
	for _, tt := range []struct {
		name    string
		path    []string
		folders []string
		want    postgres
		err     []string
	}{
		{"the first of PATH", []string{"/nowhere", good, beta}, nil, postgres{good, 15}, nil},
		{"not an old one", []string{old, beta}, nil, postgres{beta, 19}, nil},
		{"the newest of the folders", []string{broken}, []string{good, beta, old}, postgres{beta, 19}, nil},
		{"none", nil, nil, postgres{}, []string{"no PostgreSQL found", "apt-get install postgresql"}},
		{"too old", []string{old}, nil, postgres{}, []string{old, "12", "13 or newer"}},
	} {
		folders = tt.folders
		got, err := findPostgres(context.Background(), strings.Join(tt.path, string(os.PathListSeparator)))
		if got != tt.want || (err != nil) != (tt.err != nil) {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
		for _, s := range tt.err {
			if !errors.Is(err, ErrNoPostgres) || !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v; want %q in it", tt.name, err, s)
			}
		}
	}
}
