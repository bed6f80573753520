package monitor

import (
	"fmt"
	"strings"

	"tripcurve/internal/redact"
)

// Terraform is a file of datadog_monitor resources, named after the edge. The lines
// of head are comments above them.
func Terraform(monitors []Monitor, s Source, head []string) string {
	var b strings.Builder
	for _, l := range head {
		b.WriteString(strings.TrimRight("# "+redact.Line(l), " ") + "\n")
	}
	for i, m := range monitors {
		if i > 0 || len(head) > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "resource \"datadog_monitor\" %s {\n", quoted(resource(s.Edge+"_"+m.Key)))
		line := func(key, value string) { fmt.Fprintf(&b, "  %-19s = %s\n", key, value) }
		line("name", quoted(m.Name))
		line("type", quoted(queryAlert))
		line("query", quoted(m.Query))
		line("message", quoted(m.Message))
		line("priority", fmt.Sprint(m.Priority))
		line("require_full_window", "false")
		line("notify_no_data", "false")
		line("include_tags", "true")
		tags := make([]string, len(m.Tags))
		for i, t := range m.Tags {
			tags[i] = quoted(t)
		}
		line("tags", "["+strings.Join(tags, ", ")+"]")
		b.WriteString("\n  monitor_thresholds {\n")
		fmt.Fprintf(&b, "    critical = %s\n", number(m.Critical))
		if m.Warning != 0 {
			fmt.Fprintf(&b, "    warning  = %s\n", number(m.Warning))
		}
		b.WriteString("  }\n}\n")
	}
	return b.String()
}

// resource is a name as Terraform takes it.
func resource(s string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
	if name[0] >= '0' && name[0] <= '9' || name[0] == '-' {
		name = "_" + name
	}
	return name
}

// quoted is a template that is nothing but text: ${ and %{ would begin an expression.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
