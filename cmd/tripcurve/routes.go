package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"tripcurve/collectors/gatewaylog"
)

// routeFlags name the endpoints of access logs.
type routeFlags struct {
	given    []string
	lists    []string
	openAPIs []string
}

func (f *routeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.given, "route", nil, "endpoint template such as 'GET /api/orders/:id' (may be repeated; default: inferred)")
	flags.StringArrayVar(&f.lists, "routes", nil, "file with such templates, one a line; '=> NAME' behind one renames it (may be repeated)")
	flags.StringArrayVar(&f.openAPIs, "openapi", nil, "OpenAPI file whose paths are the endpoints, YAML or JSON (may be repeated)")
}

// patterns are all that were given. Of two for the same paths the first counts, so
// those of the command line come first.
func (f *routeFlags) patterns() ([]string, error) {
	patterns := slices.Clone(f.given)
	if _, err := gatewaylog.NewRoutes(patterns); err != nil {
		return nil, badInput("--route: %w", err)
	}
	for _, path := range f.lists {
		more, err := gatewaylog.RouteFile(path)
		if err != nil {
			return nil, badInput("--routes: %w", err)
		}
		patterns = append(patterns, more...)
	}
	for _, path := range f.openAPIs {
		more, err := gatewaylog.OpenAPIFile(path)
		if err != nil {
			return nil, badInput("--openapi: %w", err)
		}
		patterns = append(patterns, more...)
	}
	return patterns, nil
}

// saveRoutes writes the endpoints of what was imported to a file that is not there
// yet.
func (im *importer) saveRoutes(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return badInput("--save-routes: %w", err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "# Endpoints for --routes: METHOD PATH, parameters as :id, {id} or *, the rest as **.")
	fmt.Fprintln(w, "# A first one for the same paths counts; => NAME behind one renames it.")
	for _, p := range im.opt.Routes {
		fmt.Fprintln(w, p)
	}
	for _, p := range im.inferred {
		fmt.Fprintln(w, p)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return badInput("--save-routes %s: %w", path, err)
	}
	return nil
}
