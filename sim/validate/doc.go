// Package validate holds the simulator against what is known without it: closed
// formulas of queueing theory, and behaviour that others have published. It has
// tests only. They are built from the simulator's own parts, the kernel, the pools,
// the streams, connections and guards, and not from a queue of their own. `make
// validate` runs them at full length and prints each figure; `make test` runs the
// same, shorter and within wider bounds.
//
// All seeds were fixed before the first run. A band of 99.9 % misses one time in a
// thousand for no reason; a miss is looked into, and the seed stays.
package validate
