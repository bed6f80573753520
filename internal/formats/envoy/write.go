package envoy

import (
	"tripcurve/internal/formats/yamltext"
)

// comments stand behind keys that are easily misread, and behind those that only the
// reader can fill in.
var comments = map[string]string{
	"listeners":                                      "where your service calls it",
	"socket_address.address":                         "yours",
	"socket_address.port_value":                      "yours",
	"outlier_detection":                              "each host for itself",
	"outlier_detection.consecutive_5xx":              "of one host in a row; time-outs and failed connections count",
	"outlier_detection.interval":                     "rates are looked at, and hosts return, only then",
	"outlier_detection.base_ejection_time":           "times the number of ejections",
	"outlier_detection.max_ejection_time":            "ejections grow linearly up to it",
	"outlier_detection.failure_percentage_threshold": "of one host in one interval",
	"outlier_detection.max_ejection_time_jitter":     "on top, however long the ejection is",
	"common_lb_config.healthy_panic_threshold":       "below it ejections are overlooked; 0 never: no healthy host, no call",
	"thresholds.max_requests":                        "in flight; one more is answered 503",
	"thresholds.max_retries":                         "at once, their waits included",
	"route.timeout":                                  "with all retries; 0s is none",
	"retry_policy.num_retries":                       "the first attempt excluded",
	"retry_back_off.base_interval":                   "waits are random from 0 up to it, doubling",
}

// Write is c as YAML.
func Write(c Config) string { return yamltext.Write(c, comments) }
