package redact

import (
	"regexp"
	"strings"
)

// Mask stands for a secret that was removed at ingest.
const Mask = "****"

// MaskSecrets removes credentials from text as it is collected, so that they are
// never stored: passwords of DSNs and URLs, PASSWORD '...' in SQL, Authorization
// and cookie headers, bearer tokens and JWTs, API keys, private keys, payment
// client secrets, and the query parameters that carry such (token, code,
// password, signature, api_key). What surrounds them stays. Text without any is
// returned as it is; masking twice changes nothing.
func MaskSecrets(s string) string {
	return replaceSecrets(s, func(string) string { return Mask })
}

// BlankSecrets hides the credentials in the text of a file that is still to be read:
// of each, letters and digits become x, line by line, so that every other value keeps
// its line and column and the text its syntax. Whatever a reader then says of a value
// it cannot say a secret.
func BlankSecrets(s string) string {
	if !mayHoldSecret(s) {
		return s
	}
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(replaceSecrets(line, blank))
	}
	return b.String()
}

// blank keeps the punctuation, for what looks like a secret may be code, and the kinds
// of credentials that gRPC's clients are configured with by name.
func blank(secret string) string {
	if secret == "insecure" || secret == "ssl" {
		return secret
	}
	b := []byte(secret)
	for i, c := range b {
		if c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b[i] = 'x'
		}
	}
	return string(b)
}

// replaceSecrets hands each secret found to to and puts its answer in place.
func replaceSecrets(s string, to func(secret string) string) string {
	if !mayHoldSecret(s) {
		return s
	}
	for _, f := range secretFinders {
		s = f.replace(s, to)
	}
	return s
}

// secretFinder finds one way of writing secrets down. Its expression has exactly
// one group, the secret.
type secretFinder struct {
	re   func() *regexp.Regexp
	pick func(whole, secret string) bool // nil: every match is a secret
}

// secretKeys are the names, without what may precede them (db_, X-, client), under
// which secrets are kept in headers, DSNs, JSON, YAML and query strings.
const secretKeys = `(?:password|passwd|pwd|passphrase|secret(?:[_-]?access)?(?:[_-]?key)?(?:[_-]?base)?|token|` +
	`api[_-]?key|app(?:lication)?[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key|signature|credentials?|` +
	`session[_-]?id|sessid|connect\.sid)`

// secretValue is a value quoted in one of three ways, perhaps cut off before its
// closing quote, or a bare one.
const secretValue = `("(?:[^"\\]|\\.)*(?:"|\\?$)|'(?:[^'\\]|\\.|'')*(?:'|\\?$)|\\"(?:[^"\\]|\\[^"])*(?:\\"|\\?$)|(?:[^\s&,;"'<>)}\]\\]|\\.)+)`

var secretFinders = []secretFinder{
	{re: compiled(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)(?:-----END|$)`)},
	// scheme://user:password@host. The password may hold anything but white space
	// and quotes; a number and then / ? or # is a port, and the @ belongs to the path.
	{
		re:   compiled(`[A-Za-z][A-Za-z0-9+.-]*://[^\s:/?#@"'<>]*:([^\s"'<>]*)@`),
		pick: func(_, secret string) bool { return !portAndPath().MatchString(secret) },
	},
	{re: compiled(`(?i)authorization\\?["']?\s*[=:]\s*\\?["']?(?:(?:bearer|basic|token|apikey)\s+)([^\s"'\\,;]+)`)},
	{
		re: compiled(`(?i)authorization\\?["']?\s*[=:]\s*\\?["']?([^"'\\\r\n]+)`),
		pick: func(_, secret string) bool {
			scheme, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(secret)), " ")
			switch scheme {
			case "bearer", "basic", "token", "apikey": // the finder above has done it
				return false
			}
			return true
		},
	},
	{re: compiled(`(?i)(?:\b|_)cookies?\\?["']?\s*[=:]\s*\\?["']?([^"'\\\r\n]+)`)},
	{
		re:   compiled(`(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{8,})`),
		pick: func(_, secret string) bool { return strings.ContainsAny(secret, "0123456789._~+/=") },
	},
	{re: compiled(`(?i)[?&](?:code|sig|key|auth|jwt|pass)=([^&\s"'#<>]+)`)},
	{re: compiled(`(?i)` + secretKeys + `\\?["']?\s*(?:=>|:=|=|:)\s*` + secretValue), pick: isValue},
	{re: compiled(`(?i)\b(?:password|identified\s+by)\s+` + `('(?:[^'\\]|\\.|'')*(?:'|\\?$))`)},
	{re: compiled(`\b(eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?)`)},
	{re: compiled(`\b((?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{8,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|` +
		`glpat-[\w-]{16,}|xox[abeoprs]-[\w-]{10,}|A(?:KIA|SIA)[A-Z0-9]{16}|whsec_[A-Za-z0-9+/=]{16,}|npm_[A-Za-z0-9]{30,}|` +
		`AIza[\w-]{30,}|SG\.[\w-]{16,}\.[\w-]{16,}|sk-[A-Za-z0-9_-]{20,}|ya29\.[\w-]{20,})`)},
	{re: compiled(`hooks\.slack\.com/services/([\w/]{20,})`)},
	// user:password@tcp(host:3306)/db, as Go's driver of MySQL has it.
	{re: compiled(`\b[\w.-]+:([^\s"'<>/:]+)@(?:tcp|unix)\(`)},
	// Payment intents' client secrets: pi_3Mx_secret_abc123. A column such as
	// my_client_secret_hash has neither digit nor capital.
	{
		re: compiled(`\b([a-z]{2,8}_[A-Za-z0-9]+_secret_[A-Za-z0-9]+)`),
		pick: func(_, secret string) bool {
			return strings.ContainsAny(secret, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		},
	},
}

var portAndPath = compiled(`^\d{1,5}[/?#]`)

// isValue tells a secret from what stands in its place: a parameter of a prepared
// statement, a null, a mask.
func isValue(_, secret string) bool {
	switch v := strings.Trim(secret, `"'\`); {
	case v == "", v == "?", strings.EqualFold(v, "null"), strings.EqualFold(v, "none"):
		return false
	case v[0] == '$' || v[0] == '[' || v[0] == '{':
		return false
	}
	return true
}

func (f secretFinder) replace(s string, to func(string) string) string {
	matches := f.re().FindAllStringSubmatchIndex(s, -1)
	if matches == nil {
		return s
	}
	var b strings.Builder
	done := 0
	for _, m := range matches {
		lo, hi := m[2], m[3]
		if lo < done || lo == hi {
			continue
		}
		// Quotes around the secret stay, so that what held it still parses.
		for _, q := range [...]string{`\"`, `"`, `'`} {
			if strings.HasPrefix(s[lo:hi], q) {
				lo += len(q)
				if hi-len(q) >= lo && strings.HasSuffix(s[lo:hi], q) {
					hi -= len(q)
				}
				break
			}
		}
		secret := s[lo:hi]
		if secret == "" || strings.HasPrefix(secret, Mask) || isToken(secret) ||
			f.pick != nil && !f.pick(s[m[0]:m[1]], secret) {
			continue
		}
		b.WriteString(s[done:lo])
		b.WriteString(to(secret))
		done = hi
	}
	b.WriteString(s[done:])
	return b.String()
}

// isToken says whether a Redactor has been here: [secret-1].
func isToken(s string) bool { return token().MatchString(s) }

var token = compiled(`^\[[a-z-]+-\d+\]`)

// hints are the beginnings without which no finder can match; lower case.
var hints = hintsOf(
	"password", "passwd", "pwd", "passphrase", "secret", "token", "api_key", "api-key", "apikey", "app_key", "app-key",
	"appkey", "application_key", "application-key", "applicationkey", "access_key", "access-key", "accesskey",
	"private", "signing", "signature", "credential", "session", "sessid", "connect.sid", "authorization", "cookie", "bearer",
	"identified", "://", "eyj", "sk_", "rk_", "pk_", "gh", "glpat", "xox", "akia", "asia",
	"whsec_", "npm_", "aiza", "sg.", "sk-", "ya29.", "hooks.slack", "@tcp(", "@unix(",
	"?code=", "&code=", "?sig=", "&sig=", "?key=", "&key=", "?auth=", "&auth=", "?jwt=", "&jwt=", "?pass=", "&pass=",
)

// hintSet holds texts in lower case by their first byte.
type hintSet [128][]string

func hintsOf(texts ...string) *hintSet {
	var h hintSet
	for _, t := range texts {
		h[t[0]] = append(h[t[0]], t)
	}
	return &h
}

// in says, in one cheap pass, whether one of them is in s, in letters of either case.
func (h *hintSet) in(s string) bool {
	for i := 0; i < len(s); i++ {
		b := lower(s[i])
		if b >= 128 {
			continue
		}
		for _, t := range h[b] {
			if hasPrefixFold(s[i:], t) {
				return true
			}
		}
	}
	return false
}

// mayHoldSecret is quickly false of text that nearly always holds none.
func mayHoldSecret(s string) bool { return hints.in(s) }

func hasPrefixFold(s, prefix string) bool {
	if len(s) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(s[i]) != prefix[i] {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
