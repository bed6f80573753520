package serverlog

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/pglock"
)

func TestReadLock(t *testing.T) {
	for _, tt := range []struct {
		message string
		want    lockMessage
	}{
		{"process 7 still waiting for RowExclusiveLock on relation 16384 of database 5 after 100.088 ms", lockMessage{
			stillWaiting, 7, pglock.RowExclusive, object{"relation 16384 of database 5", "relation", 16384, 5}, 100088 * time.Microsecond,
		}},
		{"process 7 acquired ExclusiveLock on tuple (0,7) of relation 16384 of database 5 after 388.697 ms", lockMessage{
			acquired, 7, pglock.Exclusive, object{"tuple (0,7) of relation 16384 of database 5", "tuple", 16384, 5}, 388697 * time.Microsecond,
		}},
		{"process 7 detected deadlock while waiting for ShareLock on transaction 733 after 1.000 ms", lockMessage{
			detectedDeadlock, 7, pglock.Share, object{"transaction 733", "transactionid", 0, 0}, time.Millisecond,
		}},
		{"process 7 avoided deadlock for AccessExclusiveLock on relation 1 of database 2 by rearranging queue order after 1.000 ms", lockMessage{
			avoidedDeadlock, 7, pglock.AccessExclusive, object{"relation 1 of database 2", "relation", 1, 2}, time.Millisecond,
		}},
		{"process 7 failed to acquire ShareLock on virtual transaction 3/99 after 1.000 ms", lockMessage{
			failedToAcquire, 7, pglock.Share, object{"virtual transaction 3/99", "virtualxid", 0, 0}, time.Millisecond,
		}},
		{"process 7 still waiting for ExclusiveLock on advisory lock [5,0,42,1] after 1.000 ms", lockMessage{
			stillWaiting, 7, pglock.Exclusive, object{"advisory lock [5,0,42,1]", "advisory", 0, 5}, time.Millisecond,
		}},
		{"process 7 still waiting for ExclusiveLock on extension of relation 9 of database 5 after 1.000 ms", lockMessage{
			stillWaiting, 7, pglock.Exclusive, object{"extension of relation 9 of database 5", "extend", 9, 5}, time.Millisecond,
		}},
	} {
		got, ok := readLock(tt.message)
		if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(lockMessage{}, object{})); !ok || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", tt.message, ok, d)
		}
	}
	for _, message := range []string{
		"", "process ", "process 0 acquired ShareLock on transaction 1 after 1.000 ms", "process 7 acquired Lock on transaction 1 after 1.000 ms",
		"process 7 acquired ShareLock on transaction 1 after -1.000 ms", "process 7 acquired ShareLock on transaction 1 after 1e300 ms",
		"process 7 acquired ShareLock on transaction 1 after NaN ms", "process 7 acquired ShareLock on transaction 99999999999 after 1.000 ms",
		"process 7 acquired ShareLock on something after 1.000 ms", "process 7 acquired ShareLock on transaction 1",
		"process 99999999999 acquired ShareLock on transaction 1 after 1.000 ms",
		"Prozess 7 wartet immer noch auf ShareLock-Sperre auf Transaktion 1 nach 1.000 ms",
	} {
		if got, ok := readLock(message); ok {
			t.Errorf("%q is read as %+v", message, got)
		}
	}
}

func TestReadQueue(t *testing.T) {
	for _, tt := range []struct {
		detail         string
		holders, queue []int
		ok             bool
	}{
		{"Process holding the lock: 22493. Wait queue: 22498, 22499, 22500.", []int{22493}, []int{22498, 22499, 22500}, true},
		{"Processes holding the lock: 1, 2. Wait queue: 3.", []int{1, 2}, []int{3}, true},
		{"Process holding the lock: 22504. Wait queue: .", []int{22504}, nil, true},
		{"Processes holding the lock: 1, x. Wait queue: 3.", nil, nil, false},
		{"Process holding the lock: 1", nil, nil, false},
		{"", nil, nil, false},
	} {
		holders, queue, ok := readQueue(tt.detail)
		if !ok && !tt.ok {
			continue
		}
		if d := cmp.Diff([]any{tt.holders, tt.queue, tt.ok}, []any{holders, queue, ok}); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.detail, d)
		}
	}
}

// TestReadDeadlock has a statement that tries to look like more of the cycle.
func TestReadDeadlock(t *testing.T) {
	cycle, queries := readDeadlock("Process 1 waits for ShareLock on transaction 9; blocked by process 2.\n" +
		"Process 2 waits for ShareLock on transaction 8; blocked by process 1.\n" +
		"Process 1: update t set a = '\nProcess 3 waits for ShareLock on transaction 7; blocked by process 1.\n'\nProcess 2: update u")
	want := []edge{
		{1, 2, pglock.Share, object{"transaction 9", "transactionid", 0, 0}}, {2, 1, pglock.Share, object{"transaction 8", "transactionid", 0, 0}},
	}
	if d := cmp.Diff(want, cycle, cmp.AllowUnexported(edge{}, object{})); d != "" {
		t.Errorf("cycle (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[int]string{1: "update t set a = '\nProcess 3 waits for ShareLock on transaction 7; blocked by process 1.\n'", 2: "update u"}, queries); d != "" {
		t.Errorf("queries (-want +got):\n%s", d)
	}
}

func TestReadTimed(t *testing.T) {
	for _, tt := range []struct {
		message string
		want    timed
	}{
		{"duration: 1201.614 ms  statement: select pg_sleep(1.2)", timed{1201614 * time.Microsecond, "statement", "select pg_sleep(1.2)"}},
		{"duration: 37316.000 ms  bind stmtcache_1: INSERT INTO t", timed{37316 * time.Millisecond, "bind", "INSERT INTO t"}},
		{"duration: 1.000 ms  execute <unnamed>: select ': '", timed{time.Millisecond, "execute", "select ': '"}},
		{"duration: 1.000 ms  plan:\nQuery Text: select 1\nResult", timed{time.Millisecond, "plan", "Query Text: select 1\nResult"}},
		{"duration: 0.021 ms", timed{21 * time.Microsecond, "", ""}},
	} {
		got, ok := readTimed(tt.message)
		if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(timed{})); !ok || d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.message, d)
		}
	}
	for _, message := range []string{"duration: ", "duration: x ms", "duration: 1.000 s  statement: a", "statement: a"} {
		if got, ok := readTimed(message); ok {
			t.Errorf("%q is read as %+v", message, got)
		}
	}
}
