package incident

// Failed says that the service failed the request. What the client did wrong,
// gave up, or was refused by a rate limit is not the service's failure.
func (b Bucket) Failed() bool { return failed(b.Outcome, b.Status) }

// Failed says the same of one request.
func (e Exemplar) Failed() bool { return e.Kind != Unparsed && failed(e.Outcome, e.Status) }

// Failed says the same of a distribution; a local reply carries no status here
// and counts as failed.
func (l Latency) Failed() bool { return failed(l.Outcome, 0) }

func failed(o Outcome, status int) bool {
	switch o {
	case OK, ClientError, ClientAbort, RateLimited:
		return false
	case ServerError, UpstreamTimeout, UpstreamConnect, UpstreamReset, Overload, NoHealthy:
		return true
	default: // NoRoute, LocalReply: the gateway answered by itself; its status says how
		return status == 0 || status >= 500
	}
}
