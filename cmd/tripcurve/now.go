package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tripcurve/collectors/postgres"
	"tripcurve/internal/export/locktree"
	"tripcurve/internal/incident"
	"tripcurve/internal/incident/cause"
	"tripcurve/internal/redact"
)

// nowTimeout bounds the one look at the server.
const nowTimeout = 10 * time.Second

func (a *app) nowCommand() *cobra.Command {
	var dsn, format string
	var private privacy
	cmd := &cobra.Command{
		Use:   "now --pg DSN",
		Short: "one look at Postgres: who blocks whom",
		Long: `Takes one sample of the sessions and locks, prints the sentence and the lock tree, and how far index builds are,
and leaves. What it cannot see it says on stderr. Without --pg the PG* variables say where. The session is
read-only.

Exit code 1 when somebody is blocked, 0 when nobody is, 3 when the server could not be reached.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dsn == "" && !a.pgInEnv() {
				return badInput("now needs --pg DSN (or PGHOST and the other PG* variables), for example\n  tripcurve now --pg postgres://monitor@db.example/shop")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), nowTimeout)
			defer cancel()
			look, err := postgres.SampleOnce(ctx, dsn)
			if err != nil {
				return sourceError(err)
			}
			ev := incident.NewEvidence()
			ev.Add(postgres.NewSampler("pg").Observe(look.Sample)...)
			ev.Sampled(look.At)
			v := ev.Snapshot()
			tree := v.LockTree(look.At)
			an := cause.Analyze(v, cause.Options{})
			for _, c := range look.Lacks {
				fmt.Fprintf(a.stderr, "note: %s\n", redact.Line(c))
			}
			opt := locktree.Options{Unredacted: private.unredacted, Redaction: private.opt}
			if format == "json" {
				out := locktree.New(tree, an, opt)
				a.redacted(out.Redaction)
				err = writeJSON(a.stdout, nowJSON{out, append([]postgres.IndexBuild{}, look.Builds...)})
			} else {
				_, err = fmt.Fprint(a.stdout, locktree.Text(tree, an, opt)+buildsText(look.Builds))
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
	private.add(cmd)
	return cmd
}

// nowJSON is the lock tree with the index builds of the same moment. Lists are never
// null.
type nowJSON struct {
	locktree.Tree
	Builds []postgres.IndexBuild `json:"index_builds"`
}

func buildsText(builds []postgres.IndexBuild) string {
	var b strings.Builder
	for _, x := range builds {
		fmt.Fprintf(&b, "\nunder way: %s\n", redact.Line(x.String()))
	}
	return b.String()
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
