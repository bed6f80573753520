package gobreaker

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tripcurve/internal/formats/gosource/gosourcetest"
	"tripcurve/internal/policy/gobreaker"
)

// settings are as a user would have them, in any combination.
var anySettings = rapid.Custom(func(t *rapid.T) gobreaker.Params {
	p := gobreaker.Params{
		MaxRequests:         rapid.IntRange(0, 4).Draw(t, "MaxRequests"),
		Timeout:             rapid.SampledFrom([]time.Duration{500 * time.Millisecond, 3 * time.Second, time.Minute}).Draw(t, "Timeout"),
		ReadyToTrip:         rapid.SampledFrom([]string{gobreaker.Consecutive, gobreaker.Requests, gobreaker.Completed}).Draw(t, "ReadyToTrip"),
		ConsecutiveFailures: rapid.IntRange(0, 6).Draw(t, "consecutiveFailures"),
		MinRequests:         rapid.IntRange(0, 8).Draw(t, "minRequests"),
		FailureRatio:        rapid.SampledFrom([]float64{0, 0.125, 1. / 3, 0.5}).Draw(t, "failureRatio"),
		IsExcluded:          rapid.Bool().Draw(t, "IsExcluded"),
	}
	if rapid.Bool().Draw(t, "window") {
		p.Interval = rapid.SampledFrom([]time.Duration{time.Second, 2500 * time.Millisecond, 90 * time.Second}).Draw(t, "Interval")
		p.BucketPeriod = rapid.SampledFrom([]time.Duration{0, 700 * time.Millisecond, time.Second, time.Minute}).Draw(t, "BucketPeriod")
	}
	return p
})

// What is written compiles, and the breakers that it makes do what the machine does.
func TestWhatIsWrittenRuns(t *testing.T) {
	walk, err := os.ReadFile("testdata/walk_test.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"walk_test.go": string(walk)}
	var cases strings.Builder
	for i := range 24 {
		p := anySettings.Example(i)
		name := fmt.Sprintf("Case%02d", i)
		text := Write(p, Snippet{
			Service: "case", Limit: time.Duration(i) * time.Second,
			Origin: "written by tripcurve\nfunc init() { panic(0) }", Notes: []string{"a note */ of\ntwo lines"},
		})
		files[fmt.Sprintf("breaker-%02d.go", i)] = strings.ReplaceAll(text, "NewCase(", "New"+name+"(")
		fmt.Fprintf(&cases, "%q: {New%s, %#v},\n", name, name, p.Map())
	}
	files["never.go"] = Write(gobreaker.Default(), Snippet{Service: "9 never-ever", Never: true})
	files["cases_test.go"] = "package breakers\n\nimport \"github.com/sony/gobreaker/v2\"\n\n" +
		"var _ = New9NeverEver\n\nvar cases = map[string]struct {\nconstruct func() *gobreaker.CircuitBreaker[any]\nparams map[string]string\n}{\n" + cases.String() + "}\n"
	gosourcetest.Run(t, files)
}
