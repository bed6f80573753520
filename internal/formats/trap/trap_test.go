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
		if got := tt.trap.String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
