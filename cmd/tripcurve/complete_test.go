package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// complete is the words that a shell is told when tab is pressed behind args.
func complete(t *testing.T, args ...string) (words []string) {
	t.Helper()
	var out, talk bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &talk, env: anybody}
	if code := a.execute(t.Context(), append([]string{cobra.ShellCompRequestCmd}, args...)); code != 0 {
		t.Fatalf("completing %q: exit code %d: %s", args, code, talk.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, l := range lines[:len(lines)-1] { // the last says how the shell is to go on
		word, _, _ := strings.Cut(l, "\t")
		words = append(words, word)
	}
	return words
}

// TestCompletionOffersFilesWhereFilesAreTaken presses tab behind every command and every
// flag: a shell offers files only where the answer names no other way to go on (:0).
func TestCompletionOffersFilesWhereFilesAreTaken(t *testing.T) {
	// offered is what a completion says; without one a shell offers files.
	offered := func(complete cobra.CompletionFunc, cmd *cobra.Command) cobra.ShellCompDirective {
		if complete == nil {
			return cobra.ShellCompDirectiveDefault
		}
		_, directive := complete(cmd, nil, "")
		return directive
	}
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		use := strings.TrimPrefix(cmd.Use, cmd.Name())
		files := strings.Contains(use, "FILE") || strings.Contains(use, "PATH") || len(cmd.ValidArgs) > 0
		if offered(cmd.ValidArgsFunction, cmd) == cobra.ShellCompDirectiveDefault && !files {
			t.Errorf("%s: files are offered as arguments", cmd.UseLine())
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "bool" || f.Hidden {
				return
			}
			complete, _ := cmd.GetFlagCompletionFunc(f.Name)
			if says := strings.ToLower(f.Usage); offered(complete, cmd) == cobra.ShellCompDirectiveDefault &&
				!strings.Contains(says, "file") && !strings.Contains(says, "write") && !strings.Contains(says, "log") && !strings.Contains(says, "draw") {
				t.Errorf("%s --%s: files are offered, and its help says %q", cmd.CommandPath(), f.Name, f.Usage)
			}
		})
		for _, c := range documentedBelow(cmd) {
			walk(c)
		}
	}
	root := manTree()
	completeRest(root)
	walk(root)
}

func TestCompletionOfChoices(t *testing.T) {
	shop := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(shop, []byte(tunedShop), 0o600); err != nil {
		t.Fatal(err)
	}
	pooled := filepath.Join(filepath.Dir(shop), "pooled.yaml")
	if err := os.WriteFile(pooled, []byte(strings.Replace(tunedShop, "stock: {", "stock: {pools: {pg: {size: 3}}, ", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if words := complete(t, "simulate", pooled, "--set", ""); slices.Contains(words, "stock.pg.deadline=") {
		t.Errorf("a deadline of a pool is offered: %q", words)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"man", "exp"}, "explain"},
		{[]string{"man", "export", ""}, "config"},
		{[]string{"timeline", "add", "--kind", ""}, "decision"},
		{[]string{"timeline", "edit", "--phase", ""}, "mitigated"},
		{[]string{"simulate", "--checkout", ""}, "async"},
		{[]string{"open", ""}, "inc-2847"},
		{[]string{"simulate", "inc-2847", "--set", ""}, "order.inventory.deadline="},
		{[]string{"simulate", shop, "--set", ""}, "web.stock.deadline="},
		{[]string{"simulate", "--example", "fan-out", "--set", ""}, "*.deadline="},
		{[]string{"simulate", pooled, "--set", ""}, "stock.pg.cancel="},
		{[]string{"tune", shop, "--set", ""}, "web.stock.keepalive="},
		{[]string{"tune", shop, "--edge", ""}, "web.stock"},
		{[]string{"tune", filepath.Join(filepath.Dir(shop), "none.yaml"), "--edge", ""}, "order.inventory"},
	} {
		if words := complete(t, test.args...); !strings.Contains(" "+strings.Join(words, " ")+" ", " "+test.want+" ") {
			t.Errorf("%q: %q is not among %q", test.args, test.want, words)
		}
	}
}
