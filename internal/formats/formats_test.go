package formats

import (
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	for _, tt := range []struct{ name, file, text, want string }{
		{"opossum", "options.json", `{"errorThreshold": 5}`, "opossum: it has the key errorThreshold"},
		{"opossum by its name", "conf/breaker.inventory.json", `{"timeout": 5000}`, "opossum: its name is breaker.<service>.json"},
		{"broken service config", "x.json", "{\n  \"methodConfig\" : [", "grpc: it has the key methodConfig"},
		{"spring", "application.yml", "spring:\n  x: 1\nresilience4j:\n", "resilience4j: it has the key resilience4j"},
		{"nothing", "x.json", `{"timeout": 5000}`, "x.json: of no format known here"},
		{"a value is no key", "x.json", `{"a": "methodConfig"}`, "x.json: of no format known here"},
		{"two", "x.json", `{"methodConfig": [], "resetTimeout": 5}`, "x.json: it may be opossum (it has the key resetTimeout) or grpc (it has the key methodConfig)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, reason, err := Detect(tt.file, tt.text)
			got := f.Name + ": " + reason
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestEveryFormatIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range All() {
		if f.Name == "" || f.Title == "" || f.Detect == nil || f.Traps == nil {
			t.Errorf("incomplete: %+v", f.Name)
		}
		if seen[f.Name] {
			t.Errorf("%s twice", f.Name)
		}
		seen[f.Name] = true
		if _, err := ByName(f.Name); err != nil {
			t.Error(err)
		}
	}
	if _, err := ByName("opossom"); err == nil || !strings.Contains(err.Error(), "did you mean opossum?") {
		t.Errorf("got %v", err)
	}
}
