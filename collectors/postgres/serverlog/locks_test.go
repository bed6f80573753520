package serverlog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tripcurve/internal/incident"
)

// TestLocks has what is hard to make a server do at will: entries as it writes
// them, %m [%p], of 2026-01-15 14:23.
func TestLocks(t *testing.T) {
	for _, tt := range []struct {
		name string
		log  string
		want []string
	}{
		{"passers-by are in some lists, the holder is in all", `
02.000 11 LOG:  process 11 still waiting for RowExclusiveLock on relation 9 of database 5 after 1000.000 ms
02.000 11 DETAIL:  Processes holding the lock: 70, 71, 48. Wait queue: 11, 12.
02.100 12 LOG:  process 12 still waiting for RowExclusiveLock on relation 9 of database 5 after 1000.000 ms
02.100 12 DETAIL:  Processes holding the lock: 72, 48. Wait queue: 11, 12.
09.000 11 LOG:  process 11 acquired RowExclusiveLock on relation 9 of database 5 after 8000.000 ms
09.000 12 LOG:  process 12 acquired RowExclusiveLock on relation 9 of database 5 after 7900.000 ms`, []string{
			"01.000 09.000 lock_wait 11  wants ROW EXCLUSIVE on relation of oid 9 behind 48",
			"01.000 09.000 session 48  holds  on relation of oid 9",
			"01.100 09.000 lock_wait 12  wants ROW EXCLUSIVE on relation of oid 9 behind 48",
		}},
		{"one that queues for the lock is not who holds it", `
02.000 11 LOG:  process 11 still waiting for ShareLock on relation 9 of database 5 after 1000.000 ms
02.000 11 DETAIL:  Process holding the lock: 48. Wait queue: 11.
02.500 12 LOG:  process 12 still waiting for AccessExclusiveLock on relation 9 of database 5 after 1000.000 ms
02.500 12 DETAIL:  Processes holding the lock: 48, 12. Wait queue: 11, 12.
03.000 11 ERROR:  canceling statement due to user request
03.500 12 ERROR:  canceling statement due to lock timeout`, []string{
			"01.000 03.000 lock_wait 11  wants SHARE on relation of oid 9 behind 48",
			"01.000 03.500 session 48  holds  on relation of oid 9",
			"01.500 03.500 lock_wait 12  wants ACCESS EXCLUSIVE on relation of oid 9 behind 48",
		}},
		{"a waiting line may come twice, and a log may end", `
02.000 11 LOG:  process 11 still waiting for ShareLock on transaction 7 after 1000.000 ms
02.000 11 DETAIL:  Process holding the lock: 48. Wait queue: 11.
10.400 11 LOG:  process 11 still waiting for ShareLock on transaction 7 after 9400.123 ms
10.400 11 DETAIL:  Process holding the lock: 48. Wait queue: 11.
20.000 50 LOG:  checkpoint starting: time`, []string{
			"01.000 20.000 open lock_wait 11  wants SHARE on transactionid of  behind 48",
			"01.000 20.000 open session 48  holds EXCLUSIVE on transactionid of ",
		}},
		{"a process that logs something else waits no more; it ended before", `
02.000 11 LOG:  process 11 still waiting for ShareLock on transaction 7 after 1000.000 ms
02.000 11 DETAIL:  Process holding the lock: 48. Wait queue: 11.
05.000 11 LOG:  duration: 5000.000 ms  statement: select 1`, []string{
			"01.000 02.000+3s lock_wait 11  wants SHARE on transactionid of  behind 48",
			"01.000 02.000 session 48  holds EXCLUSIVE on transactionid of ",
		}},
		{"a crash ends every wait", `
02.000 11 LOG:  process 11 still waiting for ShareLock on transaction 7 after 1000.000 ms
02.000 11 DETAIL:  Process holding the lock: 48. Wait queue: 11.
04.000 1 LOG:  server process (PID 48) was terminated by signal 9: Killed
05.000 1 LOG:  database system is ready to accept connections`, []string{
			"01.000 02.000+2s lock_wait 11  wants SHARE on transactionid of  behind 48",
			"01.000 04.000 session 48  holds EXCLUSIVE on transactionid of ",
		}},
		{"who got the lock after a wait holds it against the next", `
02.000 11 LOG:  process 11 still waiting for AccessExclusiveLock on relation 9 of database 5 after 1000.000 ms
02.000 11 DETAIL:  Process holding the lock: 48. Wait queue: 11.
02.000 11 STATEMENT:  alter table public.carts add a int
03.000 11 LOG:  process 11 acquired AccessExclusiveLock on relation 9 of database 5 after 2000.000 ms
05.000 12 LOG:  process 12 still waiting for AccessShareLock on relation 9 of database 5 after 1000.000 ms
05.000 12 DETAIL:  Process holding the lock: 11. Wait queue: 12.
05.000 12 STATEMENT:  select * from carts
06.000 12 LOG:  process 12 acquired AccessShareLock on relation 9 of database 5 after 2000.000 ms`, []string{
			"01.000 03.000 lock_wait 11  wants ACCESS EXCLUSIVE on relation of public.carts behind 48",
			"01.000 03.000 session 48  holds  on relation of public.carts",
			"03.000 06.000 session 11  holds ACCESS EXCLUSIVE on relation of public.carts",
			"04.000 06.000 lock_wait 12  wants ACCESS SHARE on relation of public.carts behind 11",
		}},
		{"the inner statement of a foreign key's check names the table", `
02.000 11 LOG:  process 11 still waiting for RowShareLock on relation 9 of database 5 after 1000.000 ms
02.000 11 DETAIL:  Process holding the lock: 48. Wait queue: 11.
02.000 11 CONTEXT:  SQL statement "SELECT 1 FROM ONLY "public"."customers" x WHERE "id" OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF x"
02.000 11 STATEMENT:  insert into orders values (1)
03.000 11 LOG:  process 11 acquired RowShareLock on relation 9 of database 5 after 2000.000 ms`, []string{
			"01.000 03.000 lock_wait 11  wants ROW SHARE on relation of public.customers behind 48",
			"01.000 03.000 session 48  holds  on relation of public.customers",
		}},
		{"those who wait for one number and name two tables leave the number", `
02.000 11 LOG:  process 11 acquired RowExclusiveLock on relation 9 of database 5 after 1000.000 ms
02.000 11 STATEMENT:  update orders set a = 1
02.000 12 LOG:  process 12 acquired RowExclusiveLock on relation 9 of database 5 after 1000.000 ms
02.000 12 STATEMENT:  update carts set a = 1`, []string{
			"01.000 02.000 lock_wait 11  wants ROW EXCLUSIVE on relation of oid 9",
			"01.000 02.000 lock_wait 12  wants ROW EXCLUSIVE on relation of oid 9",
		}},
		{"RAISE is not the server", `
02.000 11 LOG:  process 11 still waiting for ShareLock on transaction 7 after 1000.000 ms
02.000 11 CONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE`, nil},
		{"nor is one process another", `
02.000 11 LOG:  process 12 still waiting for ShareLock on transaction 7 after 1000.000 ms`, nil},
	} {
		var log strings.Builder
		for line := range strings.SplitSeq(strings.TrimSpace(tt.log), "\n") {
			stamp, rest, _ := strings.Cut(line, " ")
			pid, rest, _ := strings.Cut(rest, " ")
			log.WriteString("2026-01-15 14:23:" + stamp + " UTC [" + pid + "] " + rest + "\n")
		}
		v, s := readAll(t, []byte(log.String()), Options{})
		if d := cmp.Diff(tt.want, told(v)); d != "" || s.Unparsed > 0 {
			t.Errorf("%s: %d not understood; (-want +got):\n%s", tt.name, s.Unparsed, d)
		}
	}
}

// TestAnotherLanguage: SQLSTATEs tell what the words do not, and what is not read
// is counted.
func TestAnotherLanguage(t *testing.T) {
	const head, tail = `2026-01-15 14:23:01.000 UTC,"shop","orders",11,"[local]",6b0c7a35.b,1,`, `,,,,,"update t",,,"app","client backend",,0` + "\n"
	log := head + `"UPDATE waiting",2026-01-15 14:00:00 UTC,4/2,0,LOG,00000,"Prozess 11 wartet immer noch auf ShareLock-Sperre","Prozess, der die Sperre hält: 48."` + tail +
		head + `"UPDATE",2026-01-15 14:00:00 UTC,4/2,0,FEHLER,40P01,"Verklemmung entdeckt",` + tail
	v, s := readAll(t, []byte(log), Options{})
	if s.Foreign != 2 || s.LockWaits != 0 || s.Deadlocks != 1 || !strings.Contains(s.Source().Detail, "2 in another language") {
		t.Errorf("%+v", s)
	}
	for _, x := range v.AllSeries() {
		if x.Name == incident.ServerLogEvents && x.Labels["event"] != classDeadlock {
			t.Errorf("event %v", x.Labels)
		}
	}
}
