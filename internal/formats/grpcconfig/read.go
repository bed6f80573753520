package grpcconfig

import (
	"errors"
	"strings"

	"tripcurve/internal/formats/source"
	"tripcurve/internal/formats/trap"
)

// Read reads a service config. gRPC ignores unknown keys in silence; here they are
// mistakes, as are retry policies that lack a part, which make gRPC refuse the
// whole config.
func Read(file, text string) (Config, error) {
	n, err := source.JSON(file, text)
	if err != nil {
		return Config{}, err
	}
	return decode(n, source.Decoder{})
}

// Lint is the traps of a config read as far as it can be read, the tree in which
// they have their places, and its mistakes, joined.
func Lint(file, text string) ([]trap.Trap, *source.Node, error) {
	n, err := source.JSON(file, text)
	if err != nil {
		return nil, nil, err
	}
	var mistakes []error
	c, _ := decode(n, source.Decoder{Mistakes: &mistakes})
	return Traps(c), n, errors.Join(mistakes...)
}

func decode(n *source.Node, d source.Decoder) (Config, error) {
	var c Config
	if err := d.Decode(n, &c); err != nil {
		return Config{}, err
	}
	return c, check(n, d)
}

// check is what the types alone do not say.
func check(n *source.Node, d source.Decoder) error {
	if methods, ok := n.Get("methodConfig"); ok {
		seen := map[[2]string]bool{}
		for _, m := range methods.Items {
			if err := d.Note(checkMethod(m, seen)); err != nil {
				return err
			}
		}
	}
	if throttling, ok := n.Get("retryThrottling"); ok {
		return d.Note(need(throttling, "retry throttling", "maxTokens", "tokenRatio"))
	}
	return nil
}

func checkMethod(m *source.Node, seen map[[2]string]bool) error {
	if err := checkNames(m, seen); err != nil {
		return err
	}
	policy, retries := m.Get("retryPolicy")
	hedging, hedges := m.Get("hedgingPolicy")
	if retries && hedges {
		return hedging.Errorf("one of the two", "hedgingPolicy beside retryPolicy")
	}
	if hedges {
		return need(hedging, "hedging policy", "maxAttempts")
	}
	if retries {
		return checkRetry(policy)
	}
	return nil
}

// checkNames: a name stands for one config only, and a method needs its service.
func checkNames(m *source.Node, seen map[[2]string]bool) error {
	names, ok := m.Get("name")
	if !ok {
		return m.Errorf(`such as [{"service": "inventory.Inventory"}], or [{}] for all methods`, "a method config without a name")
	}
	for _, n := range names.Items {
		var id [2]string
		for i, key := range []string{"service", "method"} {
			if v, ok := n.Get(key); ok {
				id[i] = v.Text
			}
		}
		if id[0] == "" && id[1] != "" {
			return n.Errorf("its service beside it", "the method %q alone", id[1])
		}
		if seen[id] {
			return n.Errorf("each name once", "the name %q a second time", id[0]+"/"+id[1])
		}
		seen[id] = true
	}
	return nil
}

func checkRetry(policy *source.Node) error {
	if err := need(policy, "retry policy", "maxAttempts", "initialBackoff", "maxBackoff", "backoffMultiplier", "retryableStatusCodes"); err != nil {
		return err
	}
	for _, key := range []string{"initialBackoff", "maxBackoff"} {
		v, _ := policy.Get(key)
		var d Duration
		if err := d.ReadNode(v); err != nil || d <= 0 {
			return v.Wrong("a time above 0s")
		}
	}
	if v, _ := policy.Get("retryableStatusCodes"); len(v.Items) == 0 {
		return v.Errorf("at least one status", "an empty list")
	}
	return nil
}

func need(n *source.Node, what string, keys ...string) error {
	for _, key := range keys {
		if _, ok := n.Get(key); !ok {
			return n.Errorf(strings.Join(keys, ", "), "a %s without %s", what, key)
		}
	}
	return nil
}
