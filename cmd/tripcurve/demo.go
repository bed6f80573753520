package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tripcurve/internal/bundled"
	"tripcurve/tui"
	"tripcurve/tui/demo"
	"tripcurve/tui/timeline"
)

// The size of the screens in a tour that is printed: a small terminal's.
const tourColumns, tourRows = 80, 24

func (a *app) demoCommand() *cobra.Command {
	var speed float64
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "be led through the bundled incident",
		Long: `Leads through INC-2847 on the real screens: keys are pressed for you, and the lines below say what you see. space
pauses, enter goes on at once, q or ctrl+c quits; with any other key the screens are yours. Nothing is written, and what
is turned on the way is not kept.

Without a terminal the same tour is printed as text, with the screens as they look at 80x24.`,
		Example: `  tripcurve demo
  tripcurve demo --speed 2          # for quick readers
  tripcurve demo > tour.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !(speed >= 0.1 && speed <= 100) { // not a number is refused as well
				return badInput("--speed %v: expected 0.1 to 100; 1 is for reading along", speed)
			}
			opt := tui.Options{Name: bundled.Name, File: bundledName, Note: reconstructed, Load: loadBundled, Timeline: timeline.Options{Why: bundledReadOnly}}
			if why := a.noScreen(); why != "" {
				fmt.Fprintf(a.stderr, "tripcurve: %s, so here is the tour as text\n\n", why)
				opt.Glyphs = a.glyphs()
				return demo.Write(cmd.Context(), a.stdout, opt, tourColumns, tourRows)
			}
			opt.Around = demo.Around(speed, a.settings.Get("theme").Text)
			return a.show(cmd.Context(), opt, nil)
		},
	}
	cmd.Flags().Float64Var(&speed, "speed", 1, "how much faster than for reading along, 0.1 to 100")
	_ = cmd.RegisterFlagCompletionFunc("speed", cobra.FixedCompletions([]string{"0.5", "1", "2", "4"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
