package policy

import "fmt"

var stateNames = [...]string{
	Closed: "closed", Open: "open", HalfOpen: "half_open", Disabled: "disabled",
	ForcedOpen: "forced_open", MetricsOnly: "metrics_only", ShutDown: "shut_down",
}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}
