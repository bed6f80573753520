package host

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Mistake is one value of a request that will not do, for whoever sent it. Found is
// the sender's own text or what it is; the rest is ours.
type Mistake struct{ Field, Found, Expected string }

// Nothing is what was found where a value is missing.
const Nothing = "nothing"

// Invalid is INVALID_ARGUMENT with the pipeline's word and the mistake.
func Invalid(word string, m Mistake) error { return mistaken(codes.InvalidArgument, word, m) }

// Unknown is NOT_FOUND with them.
func Unknown(word string, m Mistake) error { return mistaken(codes.NotFound, word, m) }

// mistaken carries the mistake as a google.rpc.ErrorInfo, which crosses a hop.
func mistaken(code codes.Code, word string, m Mistake) error {
	m.Found = Clip(m.Found)
	s, err := status.New(code, word).WithDetails(&errdetails.ErrorInfo{
		Reason: word, Domain: domain,
		Metadata: map[string]string{"field": m.Field, "found": m.Found, "expected": m.Expected},
	})
	if err != nil { // a text that is no UTF-8: the word alone
		return status.Error(code, word)
	}
	return s.Err()
}

// domain of our ErrorInfos.
const domain = "tripcurve"

// MistakeOf finds the mistake behind an error; false where none is told.
func MistakeOf(err error) (Mistake, bool) {
	s, ok := status.FromError(err)
	if !ok {
		return Mistake{}, false
	}
	for _, d := range s.Details() {
		if i, ok := d.(*errdetails.ErrorInfo); ok && i.GetDomain() == domain {
			return Mistake{i.GetMetadata()["field"], i.GetMetadata()["found"], i.GetMetadata()["expected"]}, true
		}
	}
	return Mistake{}, false
}

// maxFound bounds the sender's text in an answer, in bytes.
const maxFound = 64

// Clip cuts a sender's text that is too long to be shown whole.
func Clip(s string) string {
	if len(s) <= maxFound {
		return s
	}
	n := maxFound
	for n > 0 && s[n]&0xC0 == 0x80 { // in the middle of a rune
		n--
	}
	return s[:n] + "..."
}
