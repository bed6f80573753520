package grpcclient

import (
	"encoding/json"
	"fmt"
	"strings"

	"tripcurve/internal/formats/gosource"
	"tripcurve/internal/formats/grpcconfig"
	"tripcurve/internal/policy"
	"tripcurve/internal/policy/grpc"
)

// Write is c as JSON.
func Write(c Config) string {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("grpcclient: options that were read or built here do not marshal: %v", err))
	}
	return string(text) + "\n"
}

// Snippet is the connection to one service as grpc-go has it.
type Snippet struct {
	Service   string // the callee's name: "inventory" makes InventoryDialOptions
	Keepalive policy.Keepalive
	// Config is the service config of the connection; one without a method config is
	// not written.
	Config grpcconfig.Config
	Origin string // where the numbers come from, in one line
	Notes  []string
}

// WriteGo is a Go file with the dial options of the connection and, where it has a
// keepalive, the options without which the server closes it.
func WriteGo(s Snippet) string {
	name := gosource.Name(s.Service)
	k := s.Keepalive
	var b strings.Builder
	b.WriteString("// Package clients is the connections of this service to its callees.\npackage clients\n\nimport (\n")
	if k.Time > 0 {
		b.WriteString("\"time\"\n\n")
	}
	b.WriteString("\"google.golang.org/grpc\"\n")
	if k.Time > 0 {
		b.WriteString("\"google.golang.org/grpc/keepalive\"\n")
	}
	doc := gosource.Doc{
		Text: fmt.Sprintf("%sDialOptions are those of the connection to %s, for grpc-go %s. The credentials are the\ncaller's to choose:\n\n"+
			"\tgrpc.NewClient(address, append(%[1]sDialOptions(), grpc.WithTransportCredentials(creds))...)", name, s.Service, grpc.Version),
		Origin: s.Origin,
		Notes:  s.Notes,
	}
	fmt.Fprintf(&b, ")\n\n%sfunc %sDialOptions() []grpc.DialOption {\nreturn []grpc.DialOption{\n", doc, name)
	if len(s.Config.MethodConfig) > 0 {
		b.WriteString("grpc.WithDefaultServiceConfig(`" + strings.TrimSuffix(grpcconfig.Write(s.Config), "\n") + "`),\n")
	}
	if k.Time > 0 {
		fmt.Fprintf(&b, "grpc.WithKeepaliveParams(keepalive.ClientParameters{\nTime: %s, // a ping after this long without a frame\n", gosource.Duration(k.Time))
		fmt.Fprintf(&b, "Timeout: %s, // and the connection is dead this long after it\nPermitWithoutStream: %t,\n}),\n", gosource.Duration(Timeout(k)), k.WithoutCalls)
	}
	b.WriteString("}\n}\n")
	if k.Time > 0 {
		fmt.Fprintf(&b, "\n%sfunc %sServerOptions() []grpc.ServerOption {\nreturn []grpc.ServerOption{\n"+
			"grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{\nMinTime: %s,\nPermitWithoutStream: %t,\n}),\n}\n}\n",
			gosource.Doc{Text: fmt.Sprintf("%sServerOptions are what %s needs to let its clients ping so often: at its default of 5 min a\n"+
				"server closes the connection at the fourth ping (GOAWAY, too_many_pings).", name, s.Service)},
			name, gosource.Duration(MinTime(k)), k.WithoutCalls)
	}
	return gosource.Format(b.String())
}
