package grpcclient

import (
	"errors"
	"path"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

// Read reads a file of options. grpc-js overlooks a key that it does not know, in
// silence; here that is a mistake.
func Read(file, text string) (Config, error) {
	n, err := source.JSON(file, text)
	if err != nil {
		return Config{}, err
	}
	var c Config
	err = source.Decoder{}.Decode(n, &c)
	return c, err
}

// ReadClient reads a file of options, whose service is named like the file:
// grpc-client.inventory.json is inventory's.
func ReadClient(file, text string) (Client, error) {
	c, err := Read(file, text)
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	return Client{strings.TrimPrefix(name, "grpc-client."), c}, err
}

// Lint is the traps of a file read as far as it can be read, the tree in which they
// have their places, and its mistakes, joined.
func Lint(file, text string) ([]trap.Trap, *source.Node, error) {
	n, err := source.JSON(file, text)
	if err != nil {
		return nil, nil, err
	}
	var mistakes []error
	var c Config
	_ = source.Decoder{Mistakes: &mistakes}.Decode(n, &c)
	return Traps(c), n, errors.Join(mistakes...)
}

// Detect says why a text is such a file.
func Detect(_, text string) string {
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return ""
	}
	for _, key := range []string{
		"grpc.keepalive_time_ms", "grpc.keepalive_timeout_ms", "grpc.keepalive_permit_without_calls", "grpc.service_config",
		"grpc.max_concurrent_streams", "grpc.enable_retries", "deadline_ms", "server_min_time_ms", "credentials",
	} {
		if source.HasKey(text, key) {
			return "it has the key " + key
		}
	}
	return ""
}
