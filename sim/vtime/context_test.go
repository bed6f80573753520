package vtime

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestContextEndsItsChildrenAndSleepers(t *testing.T) {
	k := New(began)
	defer k.Close()
	type (
		name  struct{}
		label struct{}
	)
	parent := k.WithTimeout(context.WithValue(context.Background(), name{}, "checkout"), 10*time.Second)
	wrapped := context.WithValue(parent, label{}, "v")
	child := k.WithTimeout(wrapped, time.Minute)
	loose := Detached(child)

	type end struct {
		Who string
		At  time.Duration
		Why Reason
	}
	var got []end
	sleeper := func(who string, c *Context) {
		k.Start(nil, Func(func() {
			why := k.Sleep(c, 30*time.Second)
			got = append(got, end{who, time.Duration(k.Now()), why})
		}))
	}
	sleeper("parent", parent)
	sleeper("child", child)
	sleeper("wrapped", Virtual(wrapped))
	sleeper("detached", Virtual(loose))
	sleeper("without cancel", Virtual(context.WithoutCancel(child)))
	run(t, k, time.Minute)

	want := []end{
		{"wrapped", 10 * time.Second, Ended},
		{"parent", 10 * time.Second, Ended},
		{"child", 10 * time.Second, Ended},
		{"detached", 30 * time.Second, TimeOut},
		{"without cancel", 30 * time.Second, TimeOut},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !errors.Is(child.Err(), context.DeadlineExceeded) || loose.Err() != nil {
		t.Errorf("child ended with %v, detached with %v", child.Err(), loose.Err())
	}
	if loose.Value(name{}) != "checkout" || child.Value(label{}) != "v" {
		t.Error("values were lost on the way")
	}
	if at, ok := child.Deadline(); !ok || !at.Equal(began.Add(10*time.Second)) {
		t.Errorf("child's deadline is %v, not its parent's", at)
	}
	select {
	case <-child.Done():
	default:
		t.Error("Done is open on an ended context")
	}
	if loose.Done() != nil {
		t.Error("a context that never ends has a Done channel")
	}
}

func TestCancelLeavesNothingBehind(t *testing.T) {
	k := New(began)
	defer k.Close()
	parent := k.WithCancel(context.Background())
	for range 3 {
		k.WithTimeout(parent, time.Second).Cancel()
	}
	if parent.child != nil {
		t.Error("a cancelled child is still held by its parent")
	}
	run(t, k, time.Minute)
	if k.Events() != 0 {
		t.Errorf("%d events of stopped deadlines", k.Events())
	}
	parent.Cancel()
	if c := k.WithTimeout(parent, time.Second); !errors.Is(c.Err(), context.Canceled) {
		t.Errorf("a context derived from an ended one has error %v", c.Err())
	}
	if why := k.ParkUnder(parent); why != Ended {
		t.Errorf("parking under an ended context: %v", why)
	}
}

// The standard library's own derived contexts follow a virtual one without a
// goroutine each.
func TestStandardContextsFollow(t *testing.T) {
	before := runtime.NumGoroutine()
	k := New(began)
	defer k.Close()
	c := k.WithTimeout(context.Background(), time.Second)
	std, cancel := context.WithCancel(c)
	defer cancel()
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines before, %d after", before, n)
	}
	run(t, k, 2*time.Second)
	if std.Err() != context.DeadlineExceeded {
		t.Errorf("derived context's error is %v", std.Err())
	}
}
