// Package webhook is the signed message by which the card processor tells the
// shop that an intent was paid. Signature and event have the shape of Stripe's,
// the original's processor.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// Header carries the signature: t=UNIX SECONDS,v1=HEX.
	Header = "Payment-Signature"
	// Tolerance is how far the signature's time may be from the receiver's: a
	// message that somebody has overheard cannot be sent again for long. Within it
	// the receiver must know what it has already taken.
	Tolerance = 5 * time.Minute
	// MaxBody bounds a message, in bytes; a real one has some 200.
	MaxBody = 64 << 10
)

// Succeeded is the type of the event of an intent that was paid.
const Succeeded = "payment_intent.succeeded"

// Event is one message.
type Event struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Created int64  `json:"created"` // Unix seconds
	Data    struct {
		Object Intent `json:"object"`
	} `json:"data"`
}

// Intent is what an event tells of a payment intent.
type Intent struct {
	ID       string `json:"id"`
	Amount   int64  `json:"amount"` // cents
	Currency string `json:"currency"`
	Metadata struct {
		ReservationID string `json:"reservationId"`
	} `json:"metadata"`
}

// ErrSignature is a message that the processor did not sign, or not lately.
var ErrSignature = errors.New("bad signature")

// Key signs messages and verifies them with one secret. Its methods may be called at
// the same time.
type Key struct {
	secret string
	macs   sync.Pool // of *mac: making one takes as long as using it
}

// mac is a code under way.
type mac struct {
	hash.Hash
	head []byte // what stands before the body
}

// NewKey is the key of that secret.
func NewKey(secret string) *Key {
	k := &Key{secret: secret}
	k.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, []byte(secret))} }
	return k
}

// Sign is the header's value for a body sent at an instant.
func (k *Key) Sign(body []byte, at time.Time) string {
	t := strconv.FormatInt(at.Unix(), 10)
	var sum [sha256.Size]byte
	return "t=" + t + ",v1=" + hex.EncodeToString(k.mac(sum[:0], t, body))
}

// mac appends the code to sum.
func (k *Key) mac(sum []byte, t string, body []byte) []byte {
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	m.Reset()
	m.head = append(append(m.head[:0], t...), '.')
	m.Write(m.head)
	m.Write(body)
	return m.Sum(sum)
}

// Verify checks a header's value against the body and the receiver's time. Of
// several v1 one must be right, so that the secret can be changed. The time it
// takes does not depend on how much of a signature is right. Without a secret
// nothing is right: anyone could sign with an empty one.
func (k *Key) Verify(header string, body []byte, now time.Time) error {
	if k.secret == "" {
		return fmt.Errorf("no secret to check with: %w", ErrSignature)
	}
	var t string
	var signatures [][]byte
	for part := range strings.SplitSeq(header, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			t = value
		case "v1":
			if s, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, s)
			}
		}
	}
	seconds, err := strconv.ParseInt(t, 10, 64)
	if err != nil {
		return fmt.Errorf("time %.40q: %w", t, ErrSignature)
	}
	right, want := false, k.mac(nil, t, body)
	for _, s := range signatures {
		right = hmac.Equal(s, want) || right
	}
	if !right {
		return fmt.Errorf("none of %d: %w", len(signatures), ErrSignature)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > Tolerance || age < -Tolerance {
		return fmt.Errorf("signed %v ago, more than %v: %w", age, Tolerance, ErrSignature)
	}
	return nil
}

// Read verifies a message and decodes it.
func (k *Key) Read(header string, body []byte, now time.Time) (Event, error) {
	if err := k.Verify(header, body, now); err != nil {
		return Event{}, err
	}
	e, ok := asWritten(string(body))
	if ok {
		return e, nil
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return Event{}, fmt.Errorf("event: %w", err)
	}
	return e, nil
}

// Post sends messages over HTTP.
type Post struct {
	URL    string
	Client *http.Client // with a time limit
}

// Send sends one message. Any answer but 2xx is an error.
func (p Post) Send(ctx context.Context, body []byte, signature string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook %s: %w", p.URL, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(Header, signature)
	resp, err := p.Client.Do(req)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, MaxBody)) // so that the connection can be used again
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("webhook %s: answered %s", p.URL, resp.Status)
	}
	return nil
}
