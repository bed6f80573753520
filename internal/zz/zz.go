package zz

import (
	_ "charm.land/bubbles/v2/textinput"
	_ "charm.land/bubbletea/v2"
	_ "charm.land/lipgloss/v2"
	_ "github.com/DataDog/datadog-api-client-go/v2/api/datadogV1"
	_ "github.com/DataDog/sketches-go/ddsketch"
	_ "github.com/goccy/go-yaml"
	_ "github.com/jackc/pgx/v5"
	_ "github.com/prometheus/common/expfmt"
	_ "github.com/spf13/cobra"
	_ "gonum.org/v1/gonum/stat/distuv"
	_ "gonum.org/v1/plot"
	_ "google.golang.org/grpc"
	_ "modernc.org/sqlite"
)
