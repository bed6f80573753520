package incident

// Extent is how far an incident reached, beyond the counts of each endpoint.
// Requests are counted by start, in Window.
type Extent struct {
	Window   Window         // the impact; without one, all of the evidence
	Outcomes []OutcomeCount // of all requests, the most first
	Errors   []ErrorCount   // of the failed ones, the most first
	Calls    []CallCount    // gRPC calls by edge and how they ended

	Customers Figure // customers of whom a request failed
	Orders    Figure // orders that were not accepted
	Intents   Figure // payment intents that were asked for meanwhile: orders that may be half done
	Orphans   Figure // reservations of stock that no order names

	Dependents []Dependent // services of the call graph, the worst first
	Times      []Span
}

// OutcomeCount is how many requests ended in one way.
type OutcomeCount struct {
	Outcome  Outcome
	Requests int64
}

// ErrorCount is one type of failed request: what the client was told, and why
// the gateway ended it.
type ErrorCount struct {
	Endpoint Endpoint
	Status   int // 0 when nothing was sent
	Outcome  Outcome
	Requests int64
	Share    float64 // of all failed requests, 0..1
	Support  []ID
}

// CallCount is how calls of one edge ended.
type CallCount struct {
	Caller, Callee, Method string
	Code                   string // gRPC's, "DEADLINE_EXCEEDED"; as the source spells it where that is no code
	Calls                  int64
	// Open are calls that had begun and not ended: no code is recorded of them.
	Open    bool
	Support []ID
}

// Figure is a count that the evidence may not have. What is not known is never 0.
type Figure struct {
	N       int64
	Known   bool
	AtLeast bool // N is a lower bound
	// AtMost is an upper bound where N is not known exactly; 0 when there is none.
	AtMost  int64
	Says    string // one sentence: what was counted, or why it is unknown
	Query   string // unknown: what would tell; SQL where there is some
	Support []ID
}

// Dependent is a service of the call graph, and what the incident did to it.
type Dependent struct {
	Service string
	Effect  Effect
	Callers []string // that call it
	Callees []string // that it calls
	Calls   []Edge   // of it, by caller and method
	Says    string   // one sentence
	Support []ID
}

// Edge is what became of one kind of call in the window.
type Edge struct {
	Caller, Callee, Method string
	Effect                 Effect
	Before                 int64 // calls begun in the time before it, of which as much is taken as it is long
	Begun, Ended, Failed   int64
	InFlight               int64 // at most
}
