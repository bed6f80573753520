package simulation

import (
	"slices"
	"time"

	"tripcurve/sim/pipeline"
)

// PipelineReport is the machine-readable result of a user's pipeline. Instants are
// RFC 3339 in UTC and null where the thing did not happen; durations are seconds.
type PipelineReport struct {
	Schema   string  `json:"schema"`
	Pipeline string  `json:"pipeline"`
	Seed     uint64  `json:"seed"`
	Start    string  `json:"start"`
	LengthS  float64 `json:"length_s"`
	Events   uint64  `json:"kernel_events"`

	Requests     []Request             `json:"requests"`
	Endpoints    []Served              `json:"endpoints"`
	Edges        []Edge                `json:"edges"`
	Pools        []Pool                `json:"pools"`
	Databases    []Database            `json:"databases"`
	Queues       []Queue               `json:"queues"`
	Breakers     []Breaker             `json:"breakers"`
	Story        []Event               `json:"events"`
	RecoveredAt  *string               `json:"recovered_at"`
	Replications *PipelineReplications `json:"replications"`
}

// Request is what one kind of client saw of one of its requests; started = ok +
// failed + rejected + in_flight.
type Request struct {
	Client   string       `json:"client"`
	Endpoint string       `json:"endpoint"`
	Started  int          `json:"started"`
	OK       int          `json:"ok"`
	Failed   int          `json:"failed"`
	Rejected int          `json:"rejected"`
	InFlight int          `json:"in_flight"`
	Late     int          `json:"late"`      // of failed: answered well, after the client's patience
	TimedOut int          `json:"timed_out"` // of failed: nobody answered in time
	Degraded int          `json:"degraded"`  // of failed: a fallback answered
	HungUp   int          `json:"hung_up"`   // of failed: the client gave up
	MeanS    float64      `json:"wait_mean_s"`
	P50S     float64      `json:"wait_p50_s"`
	P99S     float64      `json:"wait_p99_s"`
	MaxS     float64      `json:"wait_max_s"`
	Series   RequestCurve `json:"per_second"`
}

// RequestCurve is a request's counts by second of the run.
type RequestCurve struct {
	Started  []int32 `json:"started"`
	OK       []int32 `json:"ok"`
	Failed   []int32 `json:"failed"`
	Rejected []int32 `json:"rejected"`
	InFlight []int32 `json:"in_flight"`
}

// Served is what one endpoint did, for whomever.
type Served struct {
	Name       string  `json:"name"`
	Calls      int     `json:"calls"`
	OK         int     `json:"ok"`
	Failed     int     `json:"failed"`
	TurnedAway int     `json:"turned_away"` // of failed: no worker and no place to wait for one
	Killed     int     `json:"killed"`      // ended with their process
	InFlight   int     `json:"in_flight"`
	MeanS      float64 `json:"took_mean_s"`
	P50S       float64 `json:"took_p50_s"`
	P99S       float64 `json:"took_p99_s"`
}

// Edge is the calls over one edge.
type Edge struct {
	Name        string  `json:"name"`
	Calls       int     `json:"calls"`
	OK          int     `json:"ok"`
	Attempts    int     `json:"attempts"`
	TimedOut    int     `json:"timed_out_attempts"`
	Rejected    int     `json:"rejected_attempts"`
	StreamWaits int     `json:"stream_waits"`
	StreamsMax  int32   `json:"streams_max"` // at any instant; the series are of the ends of seconds
	Streams     []int32 `json:"streams"`
	Waiting     []int32 `json:"stream_waiters"`
}

// Pool is one connection pool.
type Pool struct {
	Name     string  `json:"name"`
	Size     *int    `json:"size"` // null: unlimited
	Waited   int     `json:"waited"`
	TimedOut int     `json:"timed_out"`
	FullAt   *string `json:"full_at"`    // first since the first fault
	InUseMax int32   `json:"in_use_max"` // at any instant, as waiters_max
	WaitMax  int32   `json:"waiters_max"`
	InUse    []int32 `json:"in_use"`
	Waiting  []int32 `json:"waiters"`
}

// Database is the lock waits in one database.
type Database struct {
	Name       string  `json:"name"`
	LockWaits  int     `json:"lock_waits"`
	WaitersMax int32   `json:"lock_waiters_max"`
	Waiters    []int32 `json:"lock_waiters"`
}

// Queue is one queue of jobs.
type Queue struct {
	Name      string  `json:"name"`
	Enqueued  int     `json:"enqueued"`
	Done      int     `json:"done"`
	Retried   int     `json:"retried"`
	Discarded int     `json:"discarded"`
	DepthMax  int32   `json:"depth_max"` // at any instant
	Depth     []int32 `json:"depth"`
}

// NewPipeline makes the report of one run and, when others were run, their spread.
func NewPipeline(r *pipeline.Result, others []*pipeline.Result) PipelineReport {
	rep := PipelineReport{
		Schema: "tripcurve.pipeline/1", Pipeline: r.Name, Seed: r.Seed, Start: *instant(r.Start), LengthS: seconds(r.Length), Events: r.KernelEvents,
		Requests: []Request{}, Endpoints: []Served{}, Edges: []Edge{}, Pools: []Pool{}, Databases: []Database{}, Queues: []Queue{},
		Breakers: []Breaker{}, Story: []Event{}, RecoveredAt: instant(r.RecoveredAt),
	}
	for _, q := range r.Requests {
		rep.Requests = append(rep.Requests, Request{
			Client: q.Client, Endpoint: q.Endpoint, Started: q.Started, OK: q.OK, Failed: q.Failed, Rejected: q.Rejected, InFlight: q.InFlight,
			Late: q.Late, TimedOut: q.TimedOut, Degraded: q.Degraded, HungUp: q.HungUp,
			MeanS: precise(q.Mean), P50S: precise(q.P50), P99S: precise(q.P99), MaxS: precise(q.Max),
			Series: RequestCurve{q.StartedAt, q.OKAt, q.FailedAt, q.RejectedAt, q.InFlightAt},
		})
	}
	for _, e := range r.Endpoints {
		rep.Endpoints = append(rep.Endpoints, Served{
			Name: e.Name, Calls: e.Calls, OK: e.OK, Failed: e.Failed, TurnedAway: e.TurnedAway, Killed: e.Killed, InFlight: e.InFlight,
			MeanS: precise(e.Mean), P50S: precise(e.P50), P99S: precise(e.P99),
		})
	}
	for _, e := range r.Edges {
		rep.Edges = append(rep.Edges, Edge{e.Name, e.Calls, e.OK, e.Attempts, e.TimedOut, e.Rejected, e.StreamWaits, e.StreamsMax, e.Streams, e.Waiting})
	}
	for _, p := range r.Pools {
		out := Pool{Name: p.Name, Waited: p.Waited, TimedOut: p.TimedOut, FullAt: instant(p.FullAt), InUseMax: p.InUseMax, WaitMax: p.WaitingMax, InUse: p.InUse, Waiting: p.Waiting}
		if p.Size != pipeline.Unbounded {
			out.Size = &p.Size
		}
		rep.Pools = append(rep.Pools, out)
	}
	for _, d := range r.Databases {
		rep.Databases = append(rep.Databases, Database{d.Name, d.LockWaits, d.WaitersMax, d.Waiters})
	}
	for _, q := range r.Queues {
		rep.Queues = append(rep.Queues, Queue{q.Name, q.Enqueued, q.Done, q.Retried, q.Discarded, q.DepthMax, q.Depth})
	}
	rep.story(r)
	rep.Replications = pipelineReplications(others)
	return rep
}

func (rep *PipelineReport) story(r *pipeline.Result) {
	for _, e := range r.Events {
		rep.Story = append(rep.Story, Event{*instant(e.At), e.Kind, e.Text})
	}
	if !r.RecoveredAt.IsZero() {
		back := Event{*instant(r.RecoveredAt), "recovered", "requests succeed again for good"}
		if r.Lasting { // nothing says that the next one would
			back.Text = "no request fails any more before the run ends, though a fault goes on"
		}
		i := 0
		for i < len(rep.Story) && rep.Story[i].At <= back.At {
			i++
		}
		rep.Story = slices.Insert(rep.Story, i, back)
	}
	for _, b := range r.Breakers {
		track := Breaker{Edge: b.Edge, Changes: []BreakerChange{}}
		for _, c := range b.Changes {
			track.Changes = append(track.Changes, BreakerChange{*instant(c.At), c.State.String()})
		}
		rep.Breakers = append(rep.Breakers, track)
	}
}

// precise is d in seconds to the microsecond.
func precise(d time.Duration) float64 { return round(d.Seconds(), 6) }
