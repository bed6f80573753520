package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tripcurve/internal/incident/file"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaner{m}, map[string]func(){
		"tripcurve": func() { os.Exit(run()) },
	})
}

// cleaner removes what the tests built when they are through.
type cleaner struct{ m *testing.M }

func (c cleaner) Run() int {
	code := c.m.Run()
	if builtDir != "" {
		_ = os.RemoveAll(builtDir)
	}
	return code
}

// makeNewer makes an incident file as a program with the next schema would.
func makeNewer(path string) error {
	w, err := file.Create(path, "newer", time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC))
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	_, err = db.Exec(fmt.Sprintf("PRAGMA user_version = %d", file.Schema+1))
	return errors.Join(err, db.Close())
}

func exitCode(err error) string {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "0"
	case errors.As(err, &exit):
		return strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}

// TestScript runs the program as a user does: flags, files, streams, exit codes.
func TestScript(t *testing.T) { runScripts(t, "testdata/script") }

// TestLongScript runs those that compute for long: simulations, plots, what runs in
// WebAssembly.
func TestLongScript(t *testing.T) { runScripts(t, "testdata/long") }

func runScripts(t *testing.T, dir string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		UpdateScripts:       os.Getenv("TRIPCURVE_UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// newer FILE makes an incident file of the next schema.
			"newer": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: newer FILE")
				}
				ts.Check(makeNewer(ts.MkAbs(args[0])))
			},
			// exits CODE PROGRAM ARGS... runs a program that must end with that code.
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits CODE PROGRAM [ARGS...]")
				}
				err := ts.Exec(args[1], args[2:]...)
				if got := exitCode(err); got != args[0] {
					ts.Fatalf("exit code %s, want %s (%v)", got, args[0], err)
				}
			},
		},
	})
}
