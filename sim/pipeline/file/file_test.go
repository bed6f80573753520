package file

import (
	"os"
	"strings"
	"testing"

	"tripcurve/sim/pipeline"
)

// TestExamplesRun: every bundled description is read and run, its books balance, and
// the same seed gives the same answers.
func TestExamplesRun(t *testing.T) {
	for _, name := range ExampleNames() {
		t.Run(name, func(t *testing.T) {
			text, _ := Example(name)
			p, err := Read(name+".yaml", text)
			if err != nil {
				t.Fatal(err)
			}
			if p.Name != name {
				t.Errorf("it calls itself %q", p.Name)
			}
			var answers [2][]pipeline.Answer
			for i := range answers {
				r, err := pipeline.Run(t.Context(), p, pipeline.Options{OnRequest: func(a pipeline.Answer) { answers[i] = append(answers[i], a) }})
				if err != nil {
					t.Fatal(err)
				}
				if r.Requests[0].OK == 0 {
					t.Errorf("nothing was answered well: %+v", r.Requests[0])
				}
			}
			if len(answers[0]) != len(answers[1]) {
				t.Fatalf("%d answers, then %d", len(answers[0]), len(answers[1]))
			}
			for i, a := range answers[0] {
				if a != answers[1][i] {
					t.Fatalf("answer %d was %+v, then %+v", i, a, answers[1][i])
				}
			}
		})
	}
}

// TestTheDocumentedExample: what the document shows is read, and run.
func TestTheDocumentedExample(t *testing.T) {
	b, err := os.ReadFile("../../../docs/pipeline-yaml.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```yaml\n")
	text, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("the document shows no description")
	}
	p, err := Read("docs.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pipeline.Run(t.Context(), p, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range r.Requests {
		if q.OK == 0 {
			t.Errorf("%s of %s: nothing was answered well", q.Endpoint, q.Client)
		}
	}
	for _, name := range ExampleNames() {
		if !strings.Contains(string(b), "* `"+name+"`: ") {
			t.Errorf("the document does not tell of the example %s", name)
		}
	}
}
