package webhook

import "strings"

// asWritten reads an event that is laid out as encoding/json writes one, in an eighth
// of the time that reading any JSON takes: a twentieth of a simulated night went there.
// It is false for every other layout, and for text that has to be unescaped.
func asWritten(body string) (Event, bool) {
	var e Event
	o := &e.Data.Object
	r := written{rest: body}
	e.ID = r.text(`{"id":"`)
	e.Type = r.text(`","type":"`)
	e.Created = r.number(`","created":`)
	o.ID = r.text(`,"data":{"object":{"id":"`)
	o.Amount = r.number(`","amount":`)
	o.Currency = r.text(`,"currency":"`)
	o.Metadata.ReservationID = r.text(`","metadata":{"reservationId":"`)
	if r.unlike || r.rest != `"}}}}` {
		return Event{}, false
	}
	return e, true
}

// written is what is left of a body to read.
type written struct {
	rest   string
	unlike bool // it is laid out in another way
}

// after skips what must come next.
func (w *written) after(fixed string) {
	rest, ok := strings.CutPrefix(w.rest, fixed)
	w.rest, w.unlike = rest, w.unlike || !ok
}

// text is the string after fixed, up to its closing quote, which is left. Only what
// JSON has as it is counts: printable ASCII.
func (w *written) text(fixed string) string {
	w.after(fixed)
	for i := range len(w.rest) {
		switch c := w.rest[i]; {
		case c == '"':
			s := w.rest[:i]
			w.rest = w.rest[i:]
			return s
		case c == '\\', c < ' ', c > '~':
			w.unlike = true
			return ""
		}
	}
	w.unlike = true
	return ""
}

// number is the whole number after fixed, from 0 up to 18 digits.
func (w *written) number(fixed string) (n int64) {
	w.after(fixed)
	i := 0
	for ; i < len(w.rest) && '0' <= w.rest[i] && w.rest[i] <= '9'; i++ {
		if i == 18 {
			w.unlike = true
			return 0
		}
		n = 10*n + int64(w.rest[i]-'0')
	}
	w.unlike = w.unlike || i == 0 || i > 1 && w.rest[0] == '0'
	w.rest = w.rest[i:]
	return n
}
