package grpcconfig

import (
	"encoding/json"
	"fmt"
)

// Write is c as JSON.
func Write(c Config) string {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("grpcconfig: a config that was read or built here does not marshal: %v", err))
	}
	return string(text) + "\n"
}
