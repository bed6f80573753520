package claims

import "fmt"

// checkUnits is rule 15: seconds and milliseconds convert.
func checkUnits(s *scope) []finding {
	o := s.claim.Operands
	var found []finding
	for _, key := range []string{"value", "stated"} {
		sec, ok := o.Number(key + "_s")
		if !ok {
			continue
		}
		ms, told := o.Number(key + "_ms")
		f := finding{verdict: Consistent, why: "the units convert"}
		switch {
		case told && !same(ms, sec*1000):
			f.verdict, f.parts = Inconsistent, []string{fmt.Sprintf("%s / 1000 = %s s", plain(ms), plain(ms/1000))}
			f.why = fmt.Sprintf("%s ms are not %s s", plain(ms), plain(sec))
		case told || inMilliseconds[o.Text("library")]:
			f.parts = []string{fmt.Sprintf("%s / 1000 = %s s", plain(sec*1000), plain(sec))}
		case key == "stated":
			f.parts = []string{fmt.Sprintf("%s * 1000 = %s ms", plain(sec), plain(sec*1000))}
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// inMilliseconds are libraries whose options are numbers of milliseconds.
var inMilliseconds = map[string]bool{"grpc-js": true, "opossum": true}
