package file

import (
	"strings"
	"testing"
)

// shop is a description in which nothing is wrong.
const shop = `name: shop
length: 60s
network: 300us
services:
  web:
    replicas: 2
    pools:
      pg: {size: 20, max_wait: 1s}
    queues:
      mail: {to: web.send, workers: 2, attempts: 3, backoff: 1s}
    endpoints:
      buy:
        - work: {exponential: 2ms}
        - call: {to: stock.take, on_error: fail}
        - lock:
            pool: pg
            table: orders
            mode: ROW EXCLUSIVE
            steps:
              - query: {pool: pg, time: 1ms}
        - enqueue: mail
          share: 50%
      send:
        - work: 5ms
  stock:
    workers: 4
    endpoints:
      take:
        - work: 1ms
          repeat: 2
edges:
  web.stock:
    streams: 100
    policy:
      deadline: 5s
      breaker: {library: opossum, timeout: 3000}
clients:
  shoppers:
    request: web.buy
    rate: {from: 5/s, to: 10/s}
    patience: 10s
faults:
  - lock_table: {at: 10s, for: 5s, database: web.pg, table: orders, mode: SHARE}
  - slow: {at: 20s, for: 5s, endpoint: stock.take, factor: 3}
`

// TestMistakes: each change makes one mistake, which is told with its place, what
// was found and what was expected.
func TestMistakes(t *testing.T) {
	if _, err := Read("shop.yaml", shop); err != nil {
		t.Fatalf("nothing is wrong yet: %v", err)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"a key that there is not", "network: 300us", "netwerk: 300us", `shop.yaml:3:1: no key "netwerk", did you mean network?`},
		{"a key twice", "network: 300us", "name: again", `shop.yaml:3:1: not YAML: mapping key "name" already defined at [1:1]`},
		{"a length without a unit", "length: 60s", "length: 60", `shop.yaml:2:9: found 60, expected a duration with its unit, such as 60ms`},
		{"a wrong unit", "network: 300us", "network: 300mb", `shop.yaml:3:10: found "300mb", expected a duration with its unit (us, ms, s, m, h)`},
		{"a negative duration", "network: 300us", "network: -3ms", `shop.yaml:3:10: found "-3ms", expected a duration that is not negative`},
		{"a duration beyond all durations", "network: 300us", "network: 9999999h", `shop.yaml:3:10: found "9999999h", expected a duration of 2562047h at most`},
		{"a length that is too short", "length: 60s", "length: 10ms", `shop.yaml:2:9: found 10ms, expected a length from 1s`},
		{"no length", "length: 60s\n", "", `no length, expected length`},
		{"no clients", "clients:\n  shoppers:\n    request: web.buy\n    rate: {from: 5/s, to: 10/s}\n    patience: 10s\n", "", "no clients, expected clients"},
		{"pool 0", "size: 20", "size: 0", `shop.yaml:8:18: found 0, expected a whole number from 1, or unlimited`},
		{"a pool without a size", "size: 20, ", "", `shop.yaml:8:12: found a pool without a size, expected size`},
		{"a backlog for nobody", "replicas: 2", "replicas: 2\n    backlog: 3", `shop.yaml:7:14: found a backlog where workers are unlimited, so that nobody waits for one, expected workers beside it`},
		{"a wait that there is not", "size: 20", "size: unlimited", `shop.yaml:8:39: found max_wait of an unlimited pool, so that nobody waits for a connection, expected a size beside it`},
		{"a backoff of one attempt", "attempts: 3, ", "", `shop.yaml:10:49: found a backoff where there is one attempt, expected attempts beside it`},
		{"a client's backoff of one attempt", "patience: 10s", "backoff: 1s", `shop.yaml:41:14: found a backoff where there is one attempt, expected attempts beside it`},
		{"thinking without waiting", "patience: 10s", "think: 1s", `shop.yaml:41:12: found think beside a rate, whose clients do not wait for an answer, expected users beside it`},
		{"arrivals of users", "rate: {from: 5/s, to: 10/s}", "users: 5\n    arrivals: regular", `shop.yaml:41:15: found arrivals beside users, who come as they are answered, expected a rate beside it`},
		{"request and requests", "patience: 10s", "requests: [web.buy]", `shop.yaml:41:15: found both request and requests, expected one of the two`},
		{"a pool's network", "  web.stock:\n", "  web.pg: {network: 1ms}\n  web.stock:\n", `shop.yaml:32:12: found network on the way to a pool, expected policy alone: only calls between services go over such a connection`},
		{"a pool's streams", "  web.stock:\n", "  web.pg: {streams: 1}\n  web.stock:\n", `shop.yaml:32:12: found streams on the way to a pool`},
		{"a pool's idle_drop", "  web.stock:\n", "  web.pg: {idle_drop: 1s}\n  web.stock:\n", `shop.yaml:32:12: found idle_drop on the way to a pool`},
		{"a pool's min_ping", "  web.stock:\n", "  web.pg: {min_ping: 1s}\n  web.stock:\n", `shop.yaml:32:12: found min_ping on the way to a pool`},
		{"a pool's deadline", "  web.stock:\n", "  web.pg: {policy: {cancel: propagate, deadline: 1s}}\n  web.stock:\n", `shop.yaml:32:40: found deadline in the policy of a pool, of which only cancel counts; expected the pool's own max_wait, statement_timeout or lock_timeout, or the policy of a call before it`},
		{"no replicas", "replicas: 2", "replicas: 0", `shop.yaml:6:15: found 0, expected a whole number from 1`},
		{"too many replicas", "replicas: 2", "replicas: 2000", `shop.yaml:6:15: found 2000, expected a whole number from 1 to 1000`},
		{"half a worker", "workers: 4", "workers: 0.5", `shop.yaml:26:14: found 0.5, expected a whole number from 1, or unlimited`},
		{"an unknown service", "to: stock.take", "to: stok.take", `shop.yaml:14:22: no service "stok", did you mean stock?`},
		{"an unknown endpoint", "to: stock.take", "to: stock.tak", `shop.yaml:14:22: no endpoint of stock "tak", did you mean take?`},
		{"an endpoint without its service", "to: stock.take", "to: take", `shop.yaml:14:22: found "take", expected <service>.<endpoint>`},
		{"a cycle of calls", "        - work: 1ms\n          repeat: 2", "        - call: web.buy", `shop.yaml:29:17: found a cycle of calls without a queue: web.buy -> stock.take -> web.buy, expected an enqueue somewhere on the way`},
		{"a step that there is not", "- work: 5ms", "- wait: 5ms", `shop.yaml:24:11: no step or key of one "wait"`},
		{"two steps in one", "          share: 50%", "          work: 1ms", `shop.yaml:22:11: found work beside enqueue`},
		{"a step that is a word", "- work: 5ms", "- work", `shop.yaml:24:11: found "work", expected a step: one of call, work`},
		{"a share above 1", "share: 50%", "share: 150%", `shop.yaml:22:18: found "150%", expected a share from 0 to 1`},
		{"an unknown pool", "query: {pool: pg", "query: {pool: pq", `shop.yaml:20:31: no pool of web "pq"`},
		{"a query without a time", "{pool: pg, time: 1ms}", "{pool: pg}", `found a query that takes no time, expected time`},
		{"an unknown lock mode", "mode: ROW EXCLUSIVE", "mode: ROW EXCLUSIV", `shop.yaml:18:19: found "ROW EXCLUSIV", expected one of ACCESS SHARE`},
		{"a lock mode without a table", "            table: orders\n", "", `shop.yaml:17:19: found a lock mode without a table, expected a table`},
		{"an unknown queue", "- enqueue: mail", "- enqueue: male", `shop.yaml:21:20: no queue of web "male", did you mean mail?`},
		{"a queue of another service's endpoint", "to: web.send", "to: stock.take", `shop.yaml:10:18: found "stock.take", expected an endpoint of the queue's own service web`},
		{"repeat nothing", "repeat: 2", "repeat: 0", `shop.yaml:30:19: found 0, expected a whole number from 1, or size`},
		{"an unknown shape", "{exponential: 2ms}", "{exponentiol: 2ms}", `shop.yaml:13:18: no shape "exponentiol", did you mean exponential?`},
		{"a log-normal without its parts", "{exponential: 2ms}", "{log_normal: {median: 2ms}}", `expected median and one of p99 and sigma`},
		{"a p99 below the median", "{exponential: 2ms}", "{log_normal: {median: 2ms, p99: 1ms}}", `expected a median above 0 and a p99 that is no shorter`},
		{"a Pareto of nothing", "{exponential: 2ms}", "{pareto: {min: 0s, alpha: 2}}", `found least 0s with a tail index of 2, expected both above 0`},
		{"quantiles that fall", "{exponential: 2ms}", "{empirical: {p0: 1ms, p50: 5ms, p100: 3ms}}", `found p100 of 3ms after p50 of 5ms, expected rising quantiles`},
		{"quantiles without an end", "{exponential: 2ms}", "{empirical: {p0: 1ms, p50: 5ms}}", `expected both ends`},
		{"an unknown edge", "  web.stock:", "  web.stok:", `shop.yaml:32:3: no edge "web.stok", did you mean web.stock?`},
		{"an unknown policy", "deadline: 5s", "deadlin: 5s", `shop.yaml:35:7: web.stock.deadlin: no field "deadlin", did you mean deadline?`},
		{"a deadline without a unit", "deadline: 5s", "deadline: 5", `shop.yaml:35:7: web.stock.deadline: "5" is not a duration: write 5s`},
		{"a parameter that the library has not", "timeout: 3000", "timeoot: 3000", `shop.yaml:36:35: web.stock.breaker.timeoot: no opossum option "timeoot", did you mean timeout?`},
		{"an unknown library", "library: opossum", "library: opossun", `did you mean opossum?`},
		{"a breaker that cannot be run", "{library: opossum, timeout: 3000}", "neutral", `a neutral breaker cannot be run`},
		{"streams 0", "streams: 100", "streams: 0", `shop.yaml:33:14: found 0, expected a whole number from 1`},
		{"a negative rate", "from: 5/s", "from: -5/s", `shop.yaml:40:18: found "-5/s", expected a rate that is not negative`},
		{"a rate without a unit", "from: 5/s", "from: 5", `shop.yaml:40:18: found 5, expected a rate with its unit, such as 50/s`},
		{"an impossible rate", "to: 10/s", "to: 10000000/s", `expected a rate from 0 to 1000000/s`},
		{"a rate and users", "    patience: 10s", "    users: 5", `found both a rate and users, expected one of the two`},
		{"neither a rate nor users", "    rate: {from: 5/s, to: 10/s}\n", "", `found neither a rate nor users, expected one of the two`},
		{"hanging up without patience", "patience: 10s", "hang_up: true", `shop.yaml:41:14: found hang_up without a patience`},
		{"an unknown request", "request: web.buy", "request: web.by", `shop.yaml:39:14: no endpoint of web "by" (known: buy, send)`},
		{"a size that falls", "patience: 10s", "size: 3..1", `shop.yaml:41:11: found "3..1", expected a whole number from 1, or a range such as 1..3`},
		{"a fault after the end", "at: 20s", "at: 61s", `shop.yaml:44:16: found 1m1s, expected an instant within the run's 1m`},
		{"an unknown fault", "- slow:", "- slower:", `shop.yaml:44:5: no fault "slower", did you mean slow?`},
		{"a fault too strong", "factor: 3", "factor: 1e300", `shop.yaml:44:60: found "1e300", expected a number from 0 to 1000000`},
		{"a fault without what it needs", ", factor: 3", "", `found a slow fault without factor, expected factor`},
		{"a fault with what it has not", "factor: 3", "factor: 3, share: 1", `no key "share"`},
		{"a table that nothing locks", "table: orders, mode: SHARE", "table: order, mode: SHARE", `shop.yaml:43:61: no table that any step of web.pg locks "order", did you mean orders?`},
		{"an unknown database", "database: web.pg", "database: web.pq", `shop.yaml:43:46: no database "web.pq", did you mean web.pg?`},
		{"two documents", "name: shop", "name: shop\n---\nname: shop", `found a second document, expected one`},
		{"no YAML", "name: shop", "name: [shop", `shop.yaml:`},
		{"an anchor", "name: shop", "name: &a shop", `shop.yaml:1:7: found an anchor, alias or tag, expected text`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(shop, c.from, c.to, 1)
			if text == shop {
				t.Fatal("the change changes nothing")
			}
			_, err := Read("shop.yaml", text)
			if err == nil {
				t.Fatalf("no mistake was found, want %q", c.want)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "shop.yaml:") {
				t.Errorf("told:\n%v\nwant:\n%v", err, c.want)
			}
		})
	}
	if _, err := Read("shop.yaml", ""); err == nil || !strings.Contains(err.Error(), "nothing in it") {
		t.Errorf("an empty file: %v", err)
	}
}
