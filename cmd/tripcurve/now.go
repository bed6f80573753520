package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/postgres"
	"tripcurve/internal/export/locktree"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
)

// nowTimeout bounds the one look at the server.
const nowTimeout = 10 * time.Second

func (a *app) nowCommand() *cobra.Command {
	var dsn, format string
	cmd := &cobra.Command{
		Use:   "now --pg DSN",
		Short: "one look at Postgres: who blocks whom",
		Long: `Takes one sample of the sessions and locks, prints the sentence and the lock tree, and leaves.
Without --pg the PG* variables say where. The session is read-only.

Exit code 1 when somebody is blocked, 0 when nobody is, 3 when the server could not be reached.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dsn == "" && !a.pgInEnv() {
				return badInput("now needs --pg DSN (or PGHOST and the other PG* variables), for example\n  tripcurve now --pg postgres://monitor@db.example/shop")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), nowTimeout)
			defer cancel()
			sample, err := postgres.SampleOnce(ctx, dsn)
			if err != nil {
				return sourceError(err)
			}
			ev := incident.NewEvidence()
			ev.Add(postgres.NewSampler("pg").Observe(sample)...)
			ev.Sampled(sample.At)
			v := ev.Snapshot()
			tree := v.LockTree(sample.At)
			an := cause.Analyze(v, cause.Options{})
			if format == "json" {
				err = writeJSON(a.stdout, locktree.New(tree, an))
			} else {
				_, err = fmt.Fprint(a.stdout, locktree.Text(tree, an))
			}
			if err != nil {
				return err
			}
			if tree.Waiting > 0 {
				return exitError{code: exitFindings}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dsn, "pg", "", "Postgres to look at: URL or key=value words")
	formatFlag(cmd, &format, "text", "json")
	return cmd
}

// pgInEnv says whether the environment names a Postgres.
func (a *app) pgInEnv() bool {
	for _, k := range []string{"PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE"} {
		if a.env(k) != "" {
			return true
		}
	}
	return false
}

// sourceError gives an error of a source its exit code.
func sourceError(err error) error {
	if errors.Is(err, postgres.ErrUnreachable) {
		return exitError{exitUnreachable, err}
	}
	return exitError{exitUsage, err}
}
