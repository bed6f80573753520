package credential

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestAskedOnceAndAgainWhenRefused(t *testing.T) {
	n := 0
	c := Asked(func() (string, error) {
		if n++; n == 3 {
			return "", errors.New("vault is sealed")
		}
		return fmt.Sprint("s", n), nil
	})
	get := func(want string) {
		t.Helper()
		if got, err := c.Get(); got != want || err != nil {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { get("s1") })
	}
	all.Wait()
	c.Refused("s1")
	c.Refused("s1")
	get("s2")
	c.Refused("s1") // of a request that was under way
	get("s2")
	if n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	c.Refused("s2")
	if _, err := c.Get(); err == nil {
		t.Error("no error")
	}
	get("s4")
	if !c.Changes() || Fixed("x").Changes() || !File("x").Changes() {
		t.Error("what changes is told wrong")
	}
	if s := fmt.Sprintf("%v %+v %#v %s", Fixed("hunter2"), Fixed("hunter2"), Fixed("hunter2"), Fixed("hunter2")); strings.Contains(s, "hunter2") {
		t.Errorf("printed as %s", s)
	}
}
