package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"text/tabwriter"

	"tripcurve/internal/bundled/verify"
	"tripcurve/services/lab"
)

// labSeeds is how many runs of the simulator a run of the lab is held against.
const labSeeds = 20

// labVerify is the lab beside the simulator.
type labVerify struct {
	Seeds    int          `json:"seeds"`
	Agree    bool         `json:"agree"` // in every measure
	Measures []labMeasure `json:"measures"`
}

// labMeasure is null where it never came to it.
type labMeasure struct {
	Measure   string   `json:"measure"`
	Unit      string   `json:"unit"` // s, or nothing for a share or a number
	Lab       *float64 `json:"lab"`
	Simulated *float64 `json:"simulated"` // mean over the seeds
	Lo        *float64 `json:"lo"`        // 5 %
	Hi        *float64 `json:"hi"`        // 95 %
	Agrees    bool     `json:"agrees"`
}

// verify simulates the scenario and holds what was seen against it.
func (rep *labReport) verify(ctx context.Context, sc lab.Scenario, seen *lab.Result) error {
	defer hurry()()
	runs, err := verify.Simulate(ctx, sc, labSeeds, runtime.NumCPU())
	if err != nil {
		return err
	}
	all := verify.Compare(sc, seen, runs)
	rep.Verify = &labVerify{Seeds: labSeeds, Agree: verify.Agree(all)}
	for _, m := range all {
		rep.Verify.Measures = append(rep.Verify.Measures, labMeasure{
			Measure: m.Name, Unit: m.Unit, Lab: reached(m.Lab), Simulated: reached(m.Mean), Lo: reached(m.Lo), Hi: reached(m.Hi), Agrees: m.Agrees(),
		})
	}
	return nil
}

// reached is nil for what was never reached.
func reached(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

func (v *labVerify) text(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nthe same customers in the simulator, under %d seeds:\n", v.Seeds)
	fmt.Fprintln(w, "measure\tlab\tsimulated\t5 to 95 %\t")
	for _, m := range v.Measures {
		verdict := "agrees"
		if !m.Agrees {
			verdict = "DIFFERS"
		}
		spread := "-"
		if m.Lo != nil && m.Hi != nil {
			spread = m.value(m.Lo) + " to " + m.value(m.Hi)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", m.Measure, m.value(m.Lab), m.value(m.Simulated), spread, verdict)
	}
	return w.Flush()
}

// value is one in words.
func (m labMeasure) value(v *float64) string {
	switch {
	case v == nil:
		return "never"
	case m.Unit == "s":
		return fmt.Sprintf("%.1f s", *v)
	case math.Trunc(*v) == *v:
		return fmt.Sprintf("%.0f", *v)
	}
	return fmt.Sprintf("%.3f", *v)
}
