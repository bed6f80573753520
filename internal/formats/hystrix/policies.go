package hystrix

import (
	"maps"
	"slices"

	"tripcurve/internal/policy"
	"tripcurve/internal/policy/hystrix"
)

// Params are the properties that hold for a command: its own, else those for all,
// else the library's. Its pool is the one that it names, or one of its own name, or
// the one for all: the file does not say which group it belongs to.
func (c Config) Params(key string) (hystrix.Params, error) {
	params := map[string]string{}
	over := func(s any) {
		_, texts := values(s)
		for name, text := range texts {
			if hystrix.Known(name) == nil {
				params[name] = text
			}
		}
	}
	over(c.ThreadPools[Default])
	over(c.ThreadPools[c.pool(key)])
	// The pools' own statistics have the same names as the commands'.
	delete(params, "metrics.rollingStats.timeInMilliseconds")
	over(c.Commands[Default])
	over(c.Commands[key])
	return hystrix.Parse(params)
}

func (c Config) pool(key string) string {
	if own := c.Commands[key].ThreadPoolKeyOverride; own != nil {
		return string(*own)
	}
	return key
}

// Policies are the policies that a file states, by command; "*" is the default for
// all of them. What of the file is no part of them is said in words.
func Policies(c Config) (map[string]policy.Policy, []string) {
	policies := map[string]policy.Policy{}
	var notes []string
	used := map[string]bool{Default: true}
	for _, key := range slices.Sorted(maps.Keys(c.Commands)) {
		used[c.pool(key)] = true
		p, err := c.Params(key)
		if err != nil {
			notes = append(notes, key+": "+err.Error())
			continue
		}
		name := key
		if key == Default {
			name = "*"
		}
		policies[name] = policy.Policy{Breaker: policy.BreakerSpec{Library: "hystrix", Params: p.Map()}}
		if c.Commands[key].FallbackMaxConcurrentRequests != nil {
			notes = append(notes, key+": fallback.isolation.semaphore.maxConcurrentRequests is no part of a policy")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.ThreadPools)) {
		if !used[key] {
			notes = append(notes, "threadpool "+key+" belongs to commands that the file does not name so, and is left out")
		}
	}
	return policies, notes
}

// Of is a config that says p of a command and of a pool of the same name.
func Of(key string, p hystrix.Params) Config {
	texts := p.Map()
	for _, param := range hystrix.List() {
		switch param.Name {
		case "metrics.rollingStats.timeInMilliseconds", "execution.timeout.enabled":
		case "coreSize":
			if p.Strategy == hystrix.Semaphore {
				continue
			}
		case "execution.isolation.semaphore.maxConcurrentRequests":
			if p.Strategy == hystrix.Thread {
				continue
			}
		default:
			continue
		}
		if _, ok := texts[param.Name]; !ok {
			texts[param.Name] = param.Text
		}
	}
	var command Command
	var pool ThreadPool
	fill(&command, texts)
	delete(texts, "metrics.rollingStats.timeInMilliseconds")
	fill(&pool, texts)
	c := Config{Commands: map[string]Command{key: command}, ThreadPools: map[string]ThreadPool{}}
	if pool != (ThreadPool{}) {
		c.ThreadPools[key] = pool
	}
	return c
}
