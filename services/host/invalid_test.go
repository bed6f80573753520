package host_test

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"tripcurve/services/host"
)

func TestInvalid(t *testing.T) {
	err := host.Invalid("invalid_cart", host.Mistake{Field: "cartId", Found: host.Nothing, Expected: "the id of a cart"})
	if status.Code(err) != codes.InvalidArgument || host.Word(err) != "invalid_cart" {
		t.Errorf("%v", err)
	}
	if m, ok := host.MistakeOf(err); !ok || m != (host.Mistake{Field: "cartId", Found: "nothing", Expected: "the id of a cart"}) {
		t.Errorf("the mistake is %+v, %t", m, ok)
	}
	for _, none := range []error{nil, errors.New("x"), status.Error(codes.InvalidArgument, "invalid_cart")} {
		if m, ok := host.MistakeOf(none); ok {
			t.Errorf("%v: the mistake is %+v", none, m)
		}
	}
	long, _ := host.MistakeOf(host.Invalid("w", host.Mistake{Found: strings.Repeat("ä", 1000)}))
	if want := strings.Repeat("ä", 32) + "..."; long.Found != want {
		t.Errorf("a long text is shown as %q, want %q", long.Found, want)
	}
	if err := host.Invalid("w", host.Mistake{Found: "\xff"}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("a text that is no UTF-8: %v", err)
	}
}
