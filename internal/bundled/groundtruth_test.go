package bundled

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/pglock"
	"tripcurve/sim"
	"tripcurve/sim/scenario"
)

// The ground truth of docs/findings.md: nights of which it is known what began them,
// or that nothing did, read as any other night and judged by the same rules.

const (
	faultAt  = 4 * time.Minute // after enough of a usual time
	faultFor = 100 * time.Second
)

// trueNight is one row of the table.
type trueNight struct {
	name string
	want string // the rule of the first trigger or first failure
	set  []string
	// fault changes the scenario beside set.
	fault func(*sim.Scenario)
	// more are facts of sources that the simulator has not.
	more func(*Incident) []incident.Fact
}

// base is a night in which what fails is answered soon.
func base(seed uint64, set ...string) (sim.Scenario, error) {
	sc := scenario.Healthy()
	sc.Seed, sc.Length = seed, 7*time.Minute
	sc.World.IdleDrop = 0
	err := scenario.Set(&sc, append([]string{"gateway.order.attempts=1", "*.cancel=propagate"}, set...)...)
	return sc, err
}

func lockFault(mode pglock.Mode, statement string, more ...func(*sim.LockTable)) func(*sim.Scenario) {
	return func(sc *sim.Scenario) {
		f := sim.LockTable{At: faultAt, Hold: faultFor, Table: "stock_reservations", Mode: mode, PID: 48291, User: "migrator", Statement: statement}
		for _, m := range more {
			m(&f)
		}
		sc.Faults = append(sc.Faults, f)
	}
}

func faults(list ...sim.Fault) func(*sim.Scenario) {
	return func(sc *sim.Scenario) { sc.Faults = append(sc.Faults, list...) }
}

// paymentLost is a symptom that has nothing to do with the inventory database.
var paymentLost = sim.BlackHole{At: faultAt, For: faultFor, Edge: "order.payment"}

const createIndex = "CREATE INDEX idx_sku ON stock_reservations (sku)"

var positives = []trueNight{
	{name: "SHARE lock on writes", want: "lock_root", fault: lockFault(pglock.Share, createIndex)},
	{name: "queued ACCESS EXCLUSIVE", want: "queued_access_exclusive", fault: faults(
		sim.LockTable{At: faultAt - 20*time.Second, Hold: 20*time.Second + faultFor, Table: "stock_reservations", Mode: pglock.AccessShare, PID: 700, User: "analyst", Statement: "SELECT sum(qty) FROM stock_reservations"},
		sim.LockTable{At: faultAt, Hold: time.Second, Table: "stock_reservations", Mode: pglock.AccessExclusive, PID: 48291, User: "migrator", Statement: "ALTER TABLE stock_reservations ADD COLUMN note text"},
	)},
	{name: "idle in transaction", want: "idle_in_transaction", fault: lockFault(pglock.ShareRowExclusive,
		"LOCK TABLE stock_reservations IN SHARE ROW EXCLUSIVE MODE", func(f *sim.LockTable) { f.Idle, f.User = true, "ana" })},
	{name: "pool too small", want: "pool_exhausted", set: []string{"world.pool_size=2", "world.pool_wait=3s", "world.statement_time=400ms"}, more: poolOfInventory},
	{name: "slow dependency", want: "slow_dependency", set: []string{"order.inventory.deadline=5s"}, fault: faults(
		sim.SlowReserve{At: faultAt, For: faultFor, By: 8 * time.Second}), more: poolOfInventory},
	{name: "packet delay", want: "path_delay", set: []string{"order.inventory.deadline=5s"}, fault: faults(
		sim.BadNetwork{At: faultAt, For: faultFor, Jitter: sim.Dist{Shape: sim.Exponential, A: 5 * time.Second}}), more: poolOfInventory},
	{name: "deploy", want: "deploy", fault: faults(
		sim.CrashLoop{At: faultAt, For: faultFor, Service: "order", Up: 5 * time.Second}), more: func(in *Incident) []incident.Fact {
		return []incident.Fact{incident.Change{
			At: in.Scenario.Start.Add(faultAt - 5*time.Second), Kind: incident.Deploy, System: "order", Text: "order 2.14.0",
			Origin: incident.Origin{Group: "platform", Name: platform},
		}}
	}},
	{name: "traffic step", want: "traffic_step", set: []string{"world.pool_size=5", "world.pool_wait=3s", "world.statement_time=200ms"}, fault: faults(
		sim.TrafficSurge{At: faultAt, For: faultFor, Factor: 5}), more: poolOfInventory},
	{name: "disk stall", want: "limit_reached", set: []string{"order.inventory.deadline=5s", "gateway.inventory.deadline=5s"}, fault: faults(
		sim.SlowService{At: faultAt, For: faultFor, Service: "inventory", Factor: 4000}), more: diskOfInventory},
}

// poolOfInventory is what inventory's pool exports of itself.
func poolOfInventory(in *Incident) []incident.Fact {
	gauge := func(name string) incident.Series {
		return incident.Series{Name: name, Unit: "1", Kind: incident.Gauge, Origin: incident.Origin{Group: "grpc", Name: pageName("inventory")}}
	}
	used, most := gauge("pgxpool_acquired_conns"), gauge("pgxpool_max_conns")
	for i := 4; i < len(in.Result.PoolInUse); i += 5 {
		at := in.Result.Start.Add(time.Duration(i+1) * time.Second)
		used.Points = append(used.Points, incident.Point{At: at, V: float64(in.Result.PoolInUse[i])})
		most.Points = append(most.Points, incident.Point{At: at, V: float64(in.Scenario.World.PoolSize)})
	}
	return []incident.Fact{used, most}
}

// diskOfInventory is what an agent on the database's host sees of a stalled disk.
func diskOfInventory(in *Incident) []incident.Fact {
	s := incident.Series{Name: "system.io.util", Unit: "%", Kind: incident.Gauge, Labels: map[string]string{"host": "pg-1"}, Origin: incident.Origin{Group: "datadog", Name: datadogSource}}
	for at := 5 * time.Second; at <= in.Scenario.Length; at += 5 * time.Second {
		v := 6.0 + float64(at/time.Second%4)
		if at >= faultAt && at < faultAt+faultFor {
			v = 100
		}
		s.Points = append(s.Points, incident.Point{At: in.Scenario.Start.Add(at), V: v})
	}
	return append(poolOfInventory(in), s)
}

// build makes a night's evidence.
func (n trueNight) build(t *testing.T, seed uint64) *Incident {
	t.Helper()
	sc, err := base(seed, n.set...)
	if err != nil {
		t.Fatal(err)
	}
	sc.Name = n.name
	if n.fault != nil {
		n.fault(&sc)
	}
	in, err := FromScenario(context.Background(), sc)
	if err != nil {
		t.Fatal(err)
	}
	if n.more != nil {
		in.Evidence.Add(n.more(in)...)
	}
	return in
}

// ranked are the findings that can be the answer, first to last: triggers and first
// failures that are more than a coincidence refuted.
func ranked(a incident.Analysis) (causes []string, first incident.Finding) {
	for _, f := range a.Findings {
		if (f.Role == incident.Trigger || f.Role == incident.FirstFailure) && f.Confidence > incident.NoClearCause {
			if len(causes) == 0 {
				first = f
			}
			causes = append(causes, f.Cause)
		}
	}
	return causes, first
}

// truthSeeds is how many nights each row of the ground truth has.
const truthSeeds = 4

// TestLongGroundTruthPositives: what began a night is the first finding in at least 95 %
// of them.
func TestLongGroundTruthPositives(t *testing.T) {
	all, right := 0, 0
	for _, n := range positives {
		t.Run(n.name, func(t *testing.T) {
			at1, at3, avg5 := 0, 0, 0.0
			var onsets []time.Duration
			for seed := uint64(1); seed <= truthSeeds; seed++ {
				in := n.build(t, seed)
				a := cause.Analyze(in.Evidence.Snapshot(), cause.Options{})
				causes, first := ranked(a)
				rank := slices.Index(causes, n.want)
				all++
				for k := 1; k <= 5; k++ {
					if rank >= 0 && rank < k {
						avg5 += 0.2
					}
				}
				if rank >= 0 && rank < 3 {
					at3++
				}
				if rank == 0 {
					at1++
					right++
					if n.fault != nil {
						onsets = append(onsets, first.Window.From.Sub(in.Scenario.Start.Add(faultAt)).Abs())
					}
				} else {
					t.Logf("seed %d: expected %s first, found %v\n%s", seed, n.want, causes, a.Sentence)
				}
				if first.Confidence == incident.Likely {
					t.Errorf("seed %d: Likely without a counterfactual: %s", seed, first.Claim)
				}
			}
			onset := "-"
			if len(onsets) > 0 {
				slices.Sort(onsets)
				onset = onsets[len(onsets)/2].Round(100 * time.Millisecond).String()
			}
			t.Logf("| %s | %s | %d/%d | %d/%d | %.2f | %s |", n.name, n.want, at1, truthSeeds, at3, truthSeeds, avg5/truthSeeds, onset)
		})
	}
	if float64(right) < 0.95*float64(all) {
		t.Errorf("%d of %d nights right, expected 95 %%", right, all)
	}
}

// only keeps the facts of some groups of sources.
func only(groups ...string) func(*Incident) {
	return func(in *Incident) {
		v, ev := in.Evidence.Snapshot(), incident.NewEvidence()
		for _, f := range v.Facts() {
			if slices.Contains(groups, f.Source().Group) {
				ev.Add(f)
			}
		}
		for _, s := range v.Sources {
			if slices.Contains(groups, s.Group) {
				ev.SetSource(s)
			}
		}
		if slices.Contains(groups, "postgres") {
			ev.Sampled(v.SampleTimes(incident.Window{From: v.Window.From, To: v.Window.To.Add(time.Second)})...)
		}
		in.Evidence = ev
	}
}

// postgresLate is a database whose clock is ahead by 5 s; measured says that somebody
// knows.
func postgresLate(measured bool) func(*Incident) {
	const ahead = 5 * time.Second
	return func(in *Incident) {
		v, ev := in.Evidence.Snapshot(), incident.NewEvidence()
		for _, f := range v.Facts() {
			if f.Source().Group == "postgres" {
				f = later(f, ahead)
			}
			ev.Add(f)
		}
		for _, at := range v.SampleTimes(incident.Window{From: v.Window.From, To: v.Window.To.Add(time.Second)}) {
			ev.Sampled(at.Add(ahead))
		}
		for _, s := range v.Sources {
			if s.Group == "postgres" && measured {
				s.Clock = incident.Clock{Ahead: ahead, Within: 100 * time.Millisecond}
			}
			ev.SetSource(s)
		}
		in.Evidence = ev
	}
}

// later is a fact of the database as a clock shows it that is ahead.
func later(f incident.Fact, d time.Duration) incident.Fact {
	add := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.Add(d)
		}
	}
	switch f := f.(type) {
	case incident.Episode:
		for _, t := range []*time.Time{&f.From, &f.To, &f.Session.XactStart, &f.Session.QueryStart, &f.Session.BackendStart} {
			add(t)
		}
		return f
	case incident.Series:
		f.Points = slices.Clone(f.Points)
		for i := range f.Points {
			add(&f.Points[i].At)
		}
		return f
	case incident.Change:
		add(&f.At)
		return f
	}
	return f
}

// falseNight is one row of the table's lower half.
type falseNight struct {
	name  string
	fault func(*sim.Scenario)
	edit  func(*Incident) // the evidence
	// holds says what else must be so; the words of all causes are looked at anyway.
	holds func(*testing.T, incident.Analysis)
	// real: something did begin it, so only what cannot be known must not be said.
	real bool
}

func lockFrom(at, hold time.Duration, table string, mode pglock.Mode, pid int, statement string) sim.LockTable {
	return sim.LockTable{At: at, Hold: hold, Table: table, Mode: mode, PID: pid, User: "migrator", Statement: statement}
}

// noTrigger is what a night without a known cause must say.
func noTrigger(t *testing.T, a incident.Analysis) {
	t.Helper()
	for _, f := range a.Findings {
		if f.Role == incident.Trigger && f.Confidence > incident.NoClearCause {
			t.Errorf("a trigger: %s %s", f.Confidence, f.Claim)
		}
	}
	if a.Impact.Length() > 0 && !strings.Contains(a.Sentence, "no clear cause") {
		t.Errorf("the sentence does not say that there is no clear cause: %s", a.Sentence)
	}
}

// quiet is what a night without failing requests must say.
func quiet(t *testing.T, a incident.Analysis) {
	t.Helper()
	if a.Impact.Length() > 0 || len(a.Findings) > 0 {
		t.Errorf("of a healthy night: %s; %d findings", a.Sentence, len(a.Findings))
	}
}

// triggered is what a night must say whose lock is known.
func triggered(t *testing.T, a incident.Analysis) {
	t.Helper()
	if causes, _ := ranked(a); len(causes) == 0 || causes[0] != "lock_root" {
		t.Errorf("the lock is not the first trigger: %v, %s", causes, a.Sentence)
	}
}

var negatives = []falseNight{
	{name: "symptom without cause in the data", fault: faults(paymentLost), edit: only("gateway"), holds: noTrigger},
	{name: "lock that starts after the symptom", fault: faults(paymentLost,
		lockFrom(faultAt+30*time.Second, time.Minute, "stock_reservations", pglock.Share, 48291, createIndex)), holds: noTrigger},
	{name: "lock on an unrelated table", fault: faults(paymentLost,
		lockFrom(faultAt-5*time.Second, faultFor, "audit_log", pglock.AccessExclusive, 48291, "VACUUM FULL audit_log"),
		lockFrom(faultAt, time.Second, "audit_log", pglock.AccessShare, 700, "SELECT count(*) FROM audit_log")), holds: noTrigger},
	{name: "long lock that only reads meet", fault: faults(
		lockFrom(faultAt, faultFor, "stock_reservations", pglock.AccessShare, 700, "SELECT sum(qty) FROM stock_reservations")), holds: quiet},
	{name: "two overlapping incidents", real: true, fault: faults(paymentLost,
		lockFrom(faultAt+10*time.Second, faultFor, "stock_reservations", pglock.Share, 48291, createIndex))},
	{name: "two sequential incidents", real: true, fault: faults(
		lockFrom(2*time.Minute, 50*time.Second, "stock_reservations", pglock.Share, 48291, createIndex),
		lockFrom(5*time.Minute, 70*time.Second, "stock_reservations", pglock.Share, 48392, createIndex)), holds: func(t *testing.T, a incident.Analysis) {
		triggered(t, a)
		pid := 48291
		if a.Impact.From.After(scenario.Healthy().Start.Add(faultAt)) {
			pid = 48392
		}
		if a.Findings[0].Subject.PID != pid || a.Coverage < 0.9 || !slices.ContainsFunc(a.Checked, func(c string) bool { return strings.Contains(c, "another impact") }) {
			t.Errorf("the impact is to be told with its own lock, pid %d, and the other one named: %s\n%v", pid, a.Sentence, a.Checked)
		}
	}},
	{name: "missing source", fault: lockFault(pglock.Share, createIndex), edit: only("gateway", "grpc", "platform"), holds: func(t *testing.T, a incident.Analysis) {
		noTrigger(t, a)
		for _, c := range a.Checks {
			if c.Rule == "lock_root" && c.Looked {
				t.Errorf("locks were not looked at, and are called innocent: %s", c.Why)
			}
		}
	}},
	{name: "clock skew of 5 s, measured", fault: lockFault(pglock.Share, createIndex), edit: postgresLate(true), holds: triggered},
	{name: "clock skew of 5 s, not measured", fault: lockFault(pglock.Share, createIndex), edit: postgresLate(false)},
}

// never checks that nothing is called Likely, also where every counterfactual that
// could be run had passed.
func never(t *testing.T, v *incident.View, passed bool) incident.Analysis {
	t.Helper()
	a := cause.Analyze(v, cause.Options{})
	opt := cause.Options{Passed: map[string]bool{}}
	for _, f := range a.Findings {
		opt.Passed[f.ID] = passed
	}
	for _, f := range slices.Concat(a.Findings, cause.Analyze(v, opt).Findings) {
		if f.Confidence == incident.Likely {
			t.Errorf("Likely: %s", f.Claim)
		}
	}
	return a
}

// TestLongGroundTruthNegatives: where nothing began a night, or it cannot be known what
// did, nothing is called its likely trigger.
func TestLongGroundTruthNegatives(t *testing.T) {
	for _, n := range negatives {
		t.Run(n.name, func(t *testing.T) {
			said := map[string]int{}
			for seed := uint64(11); seed < 14; seed++ {
				in := trueNight{name: n.name, fault: n.fault}.build(t, seed)
				if n.edit != nil {
					n.edit(in)
				}
				a := never(t, in.Evidence.Snapshot(), !n.real)
				if n.holds != nil {
					n.holds(t, a)
				}
				causes, _ := ranked(a)
				said[strings.Join(causes, ", ")]++
			}
			t.Logf("| %s | %v |", n.name, said)
		})
	}
}

// TestLongGroundTruthHealthyDay: 24 hours of a shop with its quiet night and busy day, and
// nothing wrong.
func TestLongGroundTruthHealthyDay(t *testing.T) {
	sc, err := base(5, "length=24h", "rate.checkouts=24h/0h:0.01,6h:0.01,14h:0.12", "rate.stock=24h/0h:0.02,14h:0.2", "rate.orders=0.05")
	if err != nil {
		t.Fatal(err)
	}
	in, err := FromScenario(context.Background(), sc)
	if err != nil {
		t.Fatal(err)
	}
	a := never(t, in.Evidence.Snapshot(), true)
	quiet(t, a)
	t.Log(a.Sentence)
}

// TestGroundTruthMinuteSamples: a database that is looked at once a minute shows the
// lock all the same, for the server tells since when sessions wait; its end is as
// uncertain as the looks are rare.
func TestGroundTruthMinuteSamples(t *testing.T) {
	sc, err := base(21)
	if err != nil {
		t.Fatal(err)
	}
	lockFault(pglock.Share, createIndex)(&sc)
	r, err := newReader(sc)
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter(r)
	_, err = scenario.Run(context.Background(), sc, scenario.Observers{OnAccess: w.access, OnScrape: w.scrape, OnSample: func(at time.Time, sessions []sim.PGSession) {
		if at.Second() == 30 {
			s := sample(at, sessions)
			s.Every = time.Minute
			w.work <- func() error { return r.sample(s) }
		}
	}})
	if err := errors.Join(err, w.close()); err != nil {
		t.Fatal(err)
	}
	ev, err := r.finish()
	if err != nil {
		t.Fatal(err)
	}
	a := cause.Analyze(ev.Snapshot(), cause.Options{})
	triggered(t, a)
	if len(a.Findings) == 0 {
		t.Fatal("no finding")
	}
	f := a.Findings[0]
	began, ended := f.Window.From.Sub(sc.Start.Add(faultAt)).Abs(), f.Window.To.Sub(sc.Start.Add(faultAt+faultFor)).Abs()
	if f.Confidence == incident.Likely || began > time.Second || ended > time.Minute {
		t.Errorf("%s: the lock is told from %s to %s, it was %s after the start for %s", f.Confidence, f.Window.From, f.Window.To, faultAt, faultFor)
	}
	t.Log(a.Sentence)
}

// TestWhyReadsHang: the reads of four nights fail under a lock, each for a reason of
// its own.
func TestWhyReadsHang(t *testing.T) {
	for _, c := range []struct {
		name  string
		night trueNight
		want  incident.WhyReadsHang
	}{
		{"pool starvation", trueNight{set: []string{"world.pool_size=20", "gateway.inventory.deadline=5s", "rate.checkouts=2", "*.cancel=detach"}, fault: lockFault(pglock.Share, createIndex)}, incident.PoolStarved},
		{"queue", trueNight{set: []string{"gateway.inventory.deadline=5s"}, fault: positives[1].fault}, incident.BehindQueue},
		{"the lock itself", trueNight{set: []string{"gateway.inventory.deadline=5s"}, fault: lockFault(pglock.AccessExclusive, "ALTER TABLE stock_reservations ALTER COLUMN sku TYPE text")}, incident.LockStopsReads},
		{"another reason", trueNight{set: []string{"gateway.inventory.deadline=5s"}, fault: func(sc *sim.Scenario) {
			lockFault(pglock.Share, createIndex)(sc)
			sc.Faults = append(sc.Faults, sim.BlackHole{At: faultAt + 5*time.Second, For: faultFor, Edge: "gateway.inventory"})
		}}, incident.NotByTheLock},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.night.build(t, 3)
			a := cause.Analyze(in.Evidence.Snapshot(), cause.Options{})
			i := slices.IndexFunc(a.ReadHangs, func(r incident.ReadHang) bool { return r.Endpoint.Route == "/api/inventory/:sku" })
			if i < 0 {
				t.Fatalf("no reason is given: %s\n%+v", a.Sentence, a.Endpoints)
			}
			if r := a.ReadHangs[i]; r.Why != c.want || len(r.Support) == 0 {
				t.Errorf("%s: %s (%d facts), expected %s", r.Why, r.Text, len(r.Support), c.want)
			} else {
				t.Log(r.Text)
			}
		})
	}
}
