package incident

import "time"

// Impact is what one endpoint went through.
type Impact struct {
	Endpoint                Endpoint
	Effect                  Effect
	Says                    string // one line: what became of it
	Before, During, After   Counts
	FirstFailed, LastFailed time.Time // start of the first; end of the last, to the full second after it; zero when none failed
	NoneWell                Window    // in which requests were answered, and not one of them well; zero when there is no such time
	Recovered               time.Time // end of the first success after which failures are rare again; zero when unknown
	// Quantiles of requests by their end, as far as latencies are known: of the ten
	// minutes before the impact, of the impact, and of what follows it.
	P50Before, P99Before Quantile
	P50During, P99During Quantile
	P50After, P99After   Quantile
	Requests, Failed     int64 // over the impact window, by start; without an impact over all evidence
	Vanished             bool  // traffic that stopped altogether: no failures, no requests
	VanishedFrom         time.Time
	Support              []ID
	Statuses             map[int]int64 // during
	// ByEnd: its log has no durations, so all counts are by end, and FirstFailed
	// is when the first failing request was answered.
	ByEnd bool
}

// Counts of requests by start.
type Counts struct {
	Requests, Failed int64
	Statuses         map[int]int64
}

// Share is the failed part of the requests, 0..1; not ok without requests.
func (c Counts) Share() (share float64, ok bool) {
	if c.Requests == 0 {
		return 0, false
	}
	return float64(c.Failed) / float64(c.Requests), true
}

// Effect says in a word what became of an endpoint, a service or its calls.
type Effect uint8

const (
	Unaffected Effect = iota
	Slower            // answered rightly, and later than before
	Failing           // some failed
	Down              // all but a few failed
	Hung              // calls began and none ended
	Starved           // nobody called any more: no traffic
)

func (e Effect) String() string {
	return word([]string{"unaffected", "slower", "failing", "down", "hung", "no traffic"}, uint8(e), "effect")
}
