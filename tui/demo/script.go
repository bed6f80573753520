package demo

// step is one stop of the tour: what is pressed, what must be on the screen before
// anybody is told of it, and what is told.
type step struct {
	keys  []string
	until string // on the screen, spaces counted as one
	say   string
}

// script is INC-2847 from the sentence to the config. Every number in it is on the
// screen by then; the tests of the tour see to that at 80x24 and on wide terminals. What
// stands before the colon is the name of the stop.
var script = []step{
	{
		until: "(17.2 %)",
		say: "INC-2847: checkouts failed for 23 minutes. The sentence says what held whom, and how much of the outage that " +
			"explains: 17.2 %. The rest has another cause.",
	},
	{
		keys: []string{"2"}, until: "100 alike",
		say: "Locks: who waits for whom at the time cursor. One CREATE INDEX holds SHARE on a table, and a hundred sessions that " +
			"would write to it wait behind it.",
	},
	{
		keys: []string{"3"}, until: "POST /api/orders",
		say: "Gateway: each endpoint before, during and after. New orders failed almost without exception; reading an order " +
			"never did.",
	},
	{
		keys: []string{"4"}, until: "latency metrics cannot see a hang",
		say: "gRPC: calls that began and have not ended. A latency is measured when a call ends, so no latency metric shows a " +
			"call that hangs: this screen subtracts instead.",
	},
	{
		keys: []string{"5"}, until: "first failing POST /api/orders",
		say: "Timeline: what happened when. Each line names the evidence that it rests on, and where that was read.",
	},
	{
		keys: []string{"4", "D"}, until: "▸ deadline",
		say: "Tune: the knobs of the very edge that hung, against a simulation of the same night. This call had no deadline.",
	},
	{
		keys: []string{"L"}, until: "203 orders fail (192..222 in 5 seeds)",
		say: "A deadline of 5 s: the night is simulated again, under five seeds, and 203 orders fail instead of 1,241. What is " +
			"left are those of the lock itself.",
	},
	{
		keys: []string{"k", "k", "l"}, until: "226 orders fail (216..246 in 5 seeds)",
		say: "A breaker on top: opossum's, with 5 s, 50 %, 30 s. No fewer fail: 226. But 99 of 100 customers wait 10 s at most and " +
			"not 15, and inventory gets a quarter fewer calls.",
	},
	{
		keys: []string{"c"}, until: "11.4 s",
		say: "Trip curve: how soon this breaker opens when a share of the calls hang. When all do, after 11.4 s; when few do, " +
			"never.",
	},
	{
		keys: []string{"x"}, until: "breaker.inventory.json",
		say: "Export: the config of the library that you really run, and first of all what that library cannot express. " +
			"enter would write it.",
	},
	{
		keys: []string{"1"}, until: "(17.2 %)",
		say: "The end: from here on the screens are yours. ? shows the keys, : takes commands, q leaves.",
	},
}
