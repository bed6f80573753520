package istio

import (
	"strings"

	"tripcurve/internal/formats/yamltext"
)

// comments stand behind keys that are easily misread.
var comments = map[string]string{
	"outlierDetection":                      "each host for itself; Istio judges by failures in a row alone",
	"outlierDetection.consecutive5xxErrors": "of one host in a row; time-outs and failed connections count",
	"outlierDetection.interval":             "hosts return only then",
	"outlierDetection.baseEjectionTime":     "times the number of ejections, up to 300 s",
	"outlierDetection.maxEjectionPercent":   "Istio's own 10 is none of fewer than 10 hosts",
	"outlierDetection.minHealthPercent":     "below it ejections are overlooked",
	"http.http2MaxRequests":                 "in flight, over HTTP/1 too; one more is answered 503",
	"http.timeout":                          "with all retries",
	"retries.attempts":                      "the first excluded; without this Istio retries twice",
	"retries.backoff":                       "waits are random from 0 up to it, doubling, up to ten times",
}

// Write is c as YAML documents, the rules before the services.
func Write(c Config) string {
	var docs []string
	for _, r := range c.DestinationRules {
		docs = append(docs, yamltext.Write(r, comments))
	}
	for _, s := range c.VirtualServices {
		docs = append(docs, yamltext.Write(s, comments))
	}
	return strings.Join(docs, "---\n")
}
