package incident

import "strings"

// customerKeys are fields of a log line that say who the customer was. A
// user_agent or a client's address is nobody's name.
var customerKeys = []string{"user_id", "userid", "user-id", "customer_id", "customerid", "customer-id", "customer", "account_id", "accountid", "tenant_id", "tenantid", "x-user-id", "x-customer-id"}

// CustomerIn is the customer's id in a log line that was kept whole: the value of
// a field of such a name in JSON or as key=value; not ok when there is none.
func CustomerIn(raw string) (id string, ok bool) {
	lower := strings.ToLower(raw)
	if len(lower) != len(raw) { // letters that change their length with their case: no field's name
		return "", false
	}
	for _, key := range customerKeys {
		for from := 0; ; {
			i := strings.Index(lower[from:], key)
			if i < 0 {
				break
			}
			i += from
			from = i + len(key)
			if i > 0 && !strings.ContainsRune("\"' \t,;{[&?", rune(lower[i-1])) {
				continue
			}
			if v := valueAfter(raw[from:]); v != "" {
				return v, true
			}
		}
	}
	return "", false
}

// valueAfter is what stands after a field's name: ": "7"", "=7" or "="7"".
func valueAfter(s string) string {
	s = strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(s, `"`), "'"), " \t")
	if s == "" || s[0] != ':' && s[0] != '=' {
		return ""
	}
	s = strings.TrimLeft(s[1:], " \t")
	if s == "" {
		return ""
	}
	if q := s[0]; q == '"' || q == '\'' {
		if s = s[1:]; strings.IndexByte(s, q) < 0 {
			return ""
		}
		s = s[:strings.IndexByte(s, q)]
	} else if end := strings.IndexAny(s, " \t,;}]&\"'"); end >= 0 {
		s = s[:end]
	}
	switch s {
	case "", "-", "null", "nil", "none", "anonymous", "0":
		return ""
	}
	return s
}
