package yamltext

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tripcurve/internal/formats/source"
)

type part struct {
	Type  string         `json:"@type"`
	Count *int           `json:"count"`
	Share *float64       `json:"share"`
	On    *bool          `json:"on"`
	Words []string       `json:"words"`
	Parts []part         `json:"parts"`
	Below *part          `json:"below"`
	Named map[string]one `json:"named"`
	Time  *time.Duration `json:"time"`
}

type one struct {
	Text string `json:"text"`
}

func TestWrite(t *testing.T) {
	got := Write(part{
		Type: "a.b/c", Count: new(5), Share: new(12.5), On: new(false), Words: []string{"*", "5s", "on", "x: y"},
		Parts: []part{{Type: "x", Below: &part{}}, {}, {Count: new(1), Words: []string{"2"}}},
		Named: map[string]one{"b": {"2"}, "a": {"1.5ms"}},
		Time:  new(90 * time.Second),
	}, map[string]string{"count": "why", "parts.count": "why here"})
	want := `"@type": a.b/c
count: 5 # why
share: 12.5
"on": false
words:
  - "*"
  - 5s
  - "on"
  - "x: y"
parts:
  - "@type": x
    below: {}
  - {}
  - count: 1 # why here
    words:
      - "2"
named:
  a:
    text: 1.5ms
  b:
    text: "2"
time: "1m30s"
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := Write(part{}, nil); got != "{}\n" {
		t.Errorf("nothing is written as %q", got)
	}
}

// Whatever text is written is read as that text.
func TestScalarsStayText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9.+\-e:_smhx~]{1,6}`)).Draw(t, "text")
		docs, err := source.YAML("f", Write(one{s}, nil))
		if err != nil {
			t.Fatalf("%q: %v", Write(one{s}, nil), err)
		}
		if s == "" {
			return
		}
		if n, ok := docs[0].Get("text"); !ok || n.Kind != source.String || n.Text != s {
			t.Fatalf("%q is read as %+v", Write(one{s}, nil), n)
		}
	})
}
