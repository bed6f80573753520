package lab

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"time"

	"tripcurve/services/order"
)

const (
	// checkoutPath is where the order service is told how to take orders, on its admin address.
	checkoutPath = "/checkout"
	// refreshEvery is how often it looks whether somebody has switched that elsewhere.
	refreshEvery = time.Second
	// intakeTimeout bounds a look at the intake.
	intakeTimeout = 5 * time.Second
)

// tokenHeader has the lab's token.
const tokenHeader = "Lab-Token"

// guarded serves only who has the lab's token.
func (p *server) guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(p.orders.Token)) != 1 {
			http.Error(w, "wrong token", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// ErrNoLab is a folder in which no lab is up.
var ErrNoLab = errors.New("no lab is up")

// Checkout is how the shop of the lab in dir takes orders.
func Checkout(ctx context.Context, dir string) (order.Intake, error) {
	ctx, cancel := context.WithTimeout(ctx, intakeTimeout)
	defer cancel()
	return control(ctx, dir, http.MethodGet, nil)
}

// SwitchCheckout switches that; order.InFlightError when accepted orders are in the
// way. With drain, back to order.Sync, the shop takes none until they are done, and
// SwitchCheckout waits; when ctx ends before, the shop takes orders as before.
func SwitchCheckout(ctx context.Context, dir string, to order.Mode, drain bool) (order.Intake, error) {
	q := url.Values{"mode": {string(to)}}
	if drain {
		q.Set("drain", "true")
	} else {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, intakeTimeout)
		defer cancel()
	}
	return control(ctx, dir, http.MethodPut, q)
}

func control(ctx context.Context, dir, method string, q url.Values) (i order.Intake, err error) {
	s := &state{dir: dir}
	v, err := s.load()
	at := v.Addresses[serviceOrder].Admin
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && (at == "" || !v.Ready):
		return i, fmt.Errorf("%w in %s; tripcurve lab up starts one", ErrNoLab, dir)
	case err != nil:
		return i, err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+at+checkoutPath+"?"+q.Encode(), nil)
	if err != nil {
		return i, err
	}
	req.Header.Set(tokenHeader, v.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return i, fmt.Errorf("the order service of the lab in %s does not answer: %w", dir, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return i, fmt.Errorf("the order service of the lab in %s: %w", dir, err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return i, json.Unmarshal(text, &i)
	case http.StatusConflict:
		var left order.InFlightError
		if err := json.Unmarshal(text, &left); err != nil {
			return i, err
		}
		return i, &left
	}
	return i, fmt.Errorf("the order service of the lab in %s answered %s: %s", dir, resp.Status, text)
}
