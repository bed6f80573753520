package sim

// Balance is how callers choose among a service's replicas.
type Balance uint8

const (
	// RoundRobin takes one after the other; every caller replica counts for itself.
	RoundRobin Balance = iota
	// LeastRequests takes the one on which this caller has the fewest calls open;
	// of equals the first after the one last taken.
	LeastRequests
	// Shards sends call i of a fan-out to replica i, and single calls by their
	// request.
	Shards
)

var balanceNames = [...]string{"round_robin", "least_requests", "shards"}

func (b Balance) String() string { return balanceNames[b] }

// BalanceNames are the words for them, in order.
func BalanceNames() []string { return balanceNames[:] }
