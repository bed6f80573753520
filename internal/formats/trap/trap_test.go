package trap

import "testing"

func TestString(t *testing.T) {
	for _, tt := range []struct {
		trap Trap
		want string
	}{
		{Trap{What: "no timeout", Why: "calls wait for ever", Instead: `write "timeout": "5s"`}, `no timeout: calls wait for ever; write "timeout": "5s"`},
		{Trap{What: "hedgingPolicy", Why: "grpc-go ignores it"}, "hedgingPolicy: grpc-go ignores it"},
		{Trap{What: "nothing here"}, "nothing here"},
	} {
		if got := Sentences([]Trap{tt.trap})[0]; got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
	if Sentences(nil) != nil {
		t.Error("sentences of nothing")
	}
	if got := Error.String() + Warning.String() + Note.String(); got != "errorwarningnote" {
		t.Errorf("got %s", got)
	}
}

func TestAtSharesNothing(t *testing.T) {
	path := make([]string, 1, 9)
	a, b := At(path, "a"), At(path, "b")
	if a[1] != "a" || b[1] != "b" {
		t.Errorf("got %v and %v", a, b)
	}
}
