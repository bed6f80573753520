package datadog

import (
	"context"
	"net/http"
	"net/url"

	dd "github.com/DataDog/datadog-api-client-go/v2/api/datadog"
)

// post asks or tells an operation of v2 by the client's own means, but with a body
// of ours: its package of v2 takes gigabytes of memory and minutes to compile. An
// answer that is not 2xx is an Error.
func (c *Client) post(ctx context.Context, verb, operation, path string, body any, keys ...[2]string) (*http.Response, []byte, error) {
	wire := c.api.Client
	base, err := wire.Cfg.ServerURLWithContext(ctx, operation)
	if err != nil {
		return nil, nil, c.explain(verb, err, nil)
	}
	header := map[string]string{"Content-Type": "application/json", "Accept": "application/json"}
	dd.SetAuthKeys(ctx, &header, keys...)
	req, err := wire.PrepareRequest(ctx, base+path, http.MethodPost, body, header, url.Values{}, url.Values{}, nil)
	if err != nil {
		return nil, nil, c.explain(verb, err, nil)
	}
	resp, err := wire.CallAPI(req)
	c.note(resp)
	if err != nil {
		return nil, nil, c.explain(verb, err, nil)
	}
	answer, err := dd.ReadBody(resp)
	if err != nil {
		return nil, nil, c.explain(verb, err, nil)
	}
	if resp.StatusCode >= 300 {
		return nil, nil, c.refusal(resp, answer)
	}
	return resp, answer, nil
}
