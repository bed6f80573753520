package retry

// Budget bounds the retries of all calls of an edge together. A call tells it what
// it does, in this order:
//
//	Begin(false)      the call begins
//	Failed(last)      an attempt failed in a way worth retrying
//	Begin(true)       after the wait: the retry is about to be made
//	End(true)         that retry has ended; then Failed again, or Succeeded
//	Succeeded()       an attempt succeeded
//	End(false)        the call is over
//
// Every Failed(false) that was answered true is followed by one Begin(true), and
// every Begin(true) that was answered true by one End(true), if need be at once.
type Budget interface {
	// Begin of a call, or of a retry of it, which an answer of false prevents. The
	// answer for a call is not looked at.
	Begin(retry bool) bool
	// End of what Begin began.
	End(retry bool)
	// Failed says whether the attempt may be made again. last says that the call
	// has no attempts left: the answer is then not looked at.
	Failed(last bool) bool
	// Succeeded is an attempt that ended well.
	Succeeded()
}

// DefaultTokens is a full throttle where nobody says otherwise: what gRPC's
// documents show.
const DefaultTokens = 10

// Throttle is the retry throttling of gRPC's service config (proposal A6; grpc-go
// 1.85.0, clientconn.go, retryThrottler): a failed attempt takes one token, also
// the last one of a call; a success gives tokenRatio back; and while no more than
// half of maxTokens are left nothing is retried. In the long run retries are then
// at most tokenRatio of the successes.
type Throttle struct{ tokens, most, ratio float64 }

var _ Budget = (*Throttle)(nil)

// NewThrottle is full.
func NewThrottle(maxTokens, tokenRatio float64) *Throttle {
	return &Throttle{tokens: maxTokens, most: maxTokens, ratio: tokenRatio}
}

// Failed takes a token and says whether the attempt may be made again.
func (t *Throttle) Failed(bool) bool {
	t.tokens = max(t.tokens-1, 0)
	return t.tokens > t.most/2
}

// Succeeded gives a share of a token back.
func (t *Throttle) Succeeded() { t.tokens = min(t.tokens+t.ratio, t.most) }

// Begin and End: calls in flight do not matter to it.
func (t *Throttle) Begin(bool) bool { return true }

// End does nothing.
func (t *Throttle) End(bool) {}

// Tokens is how many are left.
func (t *Throttle) Tokens() float64 { return t.tokens }
