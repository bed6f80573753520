package retry

// maxTokens is a full budget. gRPC takes 1 to 1,000; 10 is what its documents
// show.
const maxTokens = 10

// Budget is the retry throttling of gRPC's service config (proposal A6; grpc-go
// 1.85.0, clientconn.go, retryThrottler): a failed attempt takes one token, a
// success gives Share of one back, and while no more than half are left nothing
// is retried. In the long run retries are then at most Share of the successes.
// A nil Budget allows everything.
type Budget struct {
	share  float64
	tokens float64
}

// NewBudget is full. A share of 0 or less is no budget: nil.
func NewBudget(share float64) *Budget {
	if share <= 0 {
		return nil
	}
	return &Budget{share: share, tokens: maxTokens}
}

// Failed takes a token for a failed attempt worth retrying and says whether it
// may be retried.
func (b *Budget) Failed() bool {
	if b == nil {
		return true
	}
	b.tokens = max(b.tokens-1, 0)
	return b.tokens > maxTokens/2
}

// Succeeded gives a share of a token back.
func (b *Budget) Succeeded() {
	if b != nil {
		b.tokens = min(b.tokens+b.share, maxTokens)
	}
}

// Tokens is how many are left, of 10; without a budget it is full.
func (b *Budget) Tokens() float64 {
	if b == nil {
		return maxTokens
	}
	return b.tokens
}
