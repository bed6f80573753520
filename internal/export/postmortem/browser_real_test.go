//go:build real

package postmortem

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tripcurve/internal/export/postmortem/author"
	"tripcurve/sim/scenario"
)

// chromium is the browser, which the tests cannot do without.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium on the PATH: install the package chromium (make deps does)")
	return ""
}

// seen is what a page did that it must not do.
type seen struct {
	sync.Mutex
	requests, errors, dialogs []string
}

func (s *seen) add(to *[]string, what string) {
	s.Lock()
	defer s.Unlock()
	*to = append(*to, what)
}

// tab opens a tab of a browser and listens to it.
func tab(t *testing.T, parent context.Context) (context.Context, *seen) {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent)
	t.Cleanup(cancel)
	s := &seen{}
	chromedp.ListenTarget(ctx, func(ev any) {
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, "file:///") && !strings.HasPrefix(u, "data:") {
				s.add(&s.requests, u)
			}
		case *runtime.EventExceptionThrown:
			s.add(&s.errors, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			s.add(&s.errors, fmt.Sprintf("console.%s", e.Type))
		case *log.EventEntryAdded:
			s.add(&s.errors, e.Entry.Text)
		case *cdppage.EventJavascriptDialogOpening:
			s.add(&s.dialogs, e.Message)
			go func() { _ = chromedp.Run(ctx, cdppage.HandleJavaScriptDialog(true)) }()
		}
	})
	if err := chromedp.Run(ctx, network.Enable(), log.Enable(), runtime.Enable()); err != nil {
		t.Fatal(err)
	}
	return ctx, s
}

func (s *seen) none(t *testing.T) {
	t.Helper()
	s.Lock()
	defer s.Unlock()
	for what, list := range map[string][]string{"a request left the file": s.requests, "an error": s.errors, "a dialog": s.dialogs} {
		for _, x := range list {
			t.Errorf("%s: %s", what, x)
		}
	}
}

// checks is the script of the checks that accessibility checkers make first.
//
//go:embed testdata/checks.js
var checks string

func run(t *testing.T, ctx context.Context, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// scheme makes the system look light or dark.
func scheme(name string) chromedp.Action {
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}})
}

// accessible lists what checks.js finds wrong with the page as it is.
func accessible(t *testing.T, ctx context.Context, when string) {
	t.Helper()
	var found []string
	run(t, ctx, chromedp.Evaluate(checks, &found))
	for i, f := range found {
		if i == 20 {
			t.Errorf("%s: and %d more", when, len(found)-i)
			break
		}
		t.Errorf("%s: %s", when, f)
	}
}

func TestRealBrowser(t *testing.T) {
	in := rich(t)
	d := New(in)
	html, err := d.HTML()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "inc-2847.html")
	if err := os.WriteFile(path, html, 0o600); err != nil {
		t.Fatal(err)
	}
	url := "file://" + path
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 900))
	ctx, cancel = chromedp.NewExecAllocator(ctx, flags...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	run(t, ctx) // starts it
	grid := in.Simulated.WhatIf

	t.Run("sliders and files", func(t *testing.T) {
		ctx, saw := tab(t, ctx)
		var hidden bool
		var before, after, value, spoken, said, command, href string
		run(t, ctx, chromedp.Navigate(url), chromedp.Evaluate(`document.querySelector(".sliders").hidden`, &hidden),
			chromedp.Text("#figure-failed", &before), chromedp.Focus("#axis-deadline"), chromedp.SendKeys("#axis-deadline", kb.Home),
			chromedp.Text("#figure-failed", &before), chromedp.SendKeys("#axis-deadline", kb.ArrowRight), chromedp.SendKeys("#axis-threshold", kb.End),
			chromedp.Text("#figure-failed", &after), chromedp.Text("#value-deadline", &value), chromedp.AttributeValue("#axis-deadline", "aria-valuetext", &spoken, nil),
			chromedp.Text("#said", &said), chromedp.Text("#command", &command), chromedp.AttributeValue("#file-opossum", "href", &href, nil))
		at := grid.Points[len(grid.Points)-1] // both at their ends
		if hidden || before == after || after != figureWord(grid, at, 0) || value != "5000" || spoken != "5000" {
			t.Errorf("hidden %v, not served %q then %q, deadline %q, spoken %q", hidden, before, after, value, spoken)
		}
		if !strings.Contains(said, "checkouts not served") || command != at.Command+" --for opossum -o -" {
			t.Errorf("said %q, command %q", said, command)
		}
		for i, target := range grid.Targets {
			got := download(t, ctx, "#file-"+target.ID, filepath.Join(t.TempDir(), target.ID), target.File)
			if got != at.Files[i] {
				t.Errorf("%s: downloaded\n%s\nexport config writes\n%s", target.ID, got, at.Files[i])
			}
		}
		saw.none(t)
	})

	t.Run("accessible in light and dark, wide and narrow", func(t *testing.T) {
		ctx, saw := tab(t, ctx)
		for _, look := range []string{"light", "dark"} {
			run(t, ctx, scheme(look), chromedp.Navigate(url), chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open = true)`, nil))
			accessible(t, ctx, look)
		}
		var wide int
		run(t, ctx, emulation.SetDeviceMetricsOverride(360, 740, 1, true), chromedp.Navigate(url), chromedp.Evaluate(`document.documentElement.scrollWidth`, &wide))
		if wide > 360 {
			t.Errorf("on a phone the page is %d wide", wide)
		}
		saw.none(t)
	})

	t.Run("a folded part unfolds when it is linked to, and for print", func(t *testing.T) {
		ctx, saw := tab(t, ctx)
		var pdf []byte
		var open, closed int
		run(t, ctx, chromedp.Navigate(url), chromedp.Evaluate(`document.querySelectorAll("details:not([open])").length`, &closed),
			chromedp.Evaluate(`window.dispatchEvent(new Event("beforeprint")); document.querySelectorAll("details:not([open])").length`, &open),
			chromedp.Evaluate(`window.dispatchEvent(new Event("afterprint"))`, nil),
			chromedp.ActionFunc(func(ctx context.Context) (err error) {
				pdf, _, err = cdppage.PrintToPDF().Do(ctx)
				return err
			}))
		if closed == 0 || open != 0 || len(pdf) < 20_000 || string(pdf[:5]) != "%PDF-" {
			t.Errorf("%d folded, %d for print, a PDF of %d bytes", closed, open, len(pdf))
		}
		saw.none(t)
	})

	t.Run("scripts off", func(t *testing.T) {
		ctx, saw := tab(t, ctx)
		var sliders, href, words string
		var rows int
		run(t, ctx, emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(url),
			chromedp.Evaluate(`getComputedStyle(document.querySelector(".sliders")).display`, &sliders),
			chromedp.Evaluate(`document.querySelectorAll("#what-if ~ details tbody tr").length`, &rows),
			chromedp.AttributeValue("#file-opossum", "href", &href, nil), chromedp.Text("main", &words))
		if sliders != "none" || rows != len(grid.Points)+1 || href != dataURL(grid.Points[chosenOf(d)].Files[0]) || !strings.Contains(words, "Rollback steps") {
			t.Errorf("sliders %s, %d rows, href %q", sliders, rows, href)
		}
		saw.none(t)
	})

	t.Run("hostile text is inert", func(t *testing.T) {
		html, err := New(evil()).HTML()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "evil.html")
		if err := os.WriteFile(path, html, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, saw := tab(t, ctx)
		var title string
		run(t, ctx, chromedp.Navigate("file://"+path), chromedp.Title(&title), chromedp.Evaluate(`document.querySelectorAll("details").forEach(d => d.open = true)`, nil))
		if !strings.Contains(title, "<script>alert(1)") {
			t.Errorf("title %q", title)
		}
		accessible(t, ctx, "hostile")
		saw.none(t)
	})
}

func chosenOf(d *Document) (at int) {
	for _, s := range d.Sections {
		s.Walk(func(b *Block) {
			if b.WhatIf != nil {
				at = b.WhatIf.Chosen
			}
		})
	}
	return at
}

// download clicks on a link and gives what the browser then saved.
func download(t *testing.T, ctx context.Context, link, dir, name string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	done := make(chan string, 1)
	chromedp.ListenBrowser(ctx, func(ev any) {
		if e, ok := ev.(*browser.EventDownloadProgress); ok && e.State == browser.DownloadProgressStateCompleted {
			select {
			case done <- e.GUID:
			default:
			}
		}
	})
	run(t, ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		c := chromedp.FromContext(ctx)
		return browser.SetDownloadBehavior(browser.SetDownloadBehaviorBehaviorAllow).WithDownloadPath(dir).WithEventsEnabled(true).Do(cdp.WithExecutor(ctx, c.Browser))
	}), chromedp.Click(link))
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatalf("%s was not saved", name)
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// rich is a document with every kind of block in it.
func rich(t *testing.T) Input {
	t.Helper()
	in := evil()
	in.Name = "INC-2847"
	in.Edges = scenario.INC2847().Edges
	in.Notes.Summary = "A call without a deadline waits in a connection pool, and the circuit breaker does not open."
	in.Notes.WhatIf = &author.WhatIf{Threshold: 25, TimeoutMS: 5000, Deadline: 5000}
	in.Notes.Tests = append(in.Notes.Tests, author.TestArea{Area: "keepalive"})
	in.Notes.Paths = []author.Path{{Name: "checkout", Hot: true, Text: "hot", Steps: []author.Step{{Call: "`a`", Note: "b"}}}}
	in.Notes.CodePairs = []author.CodePair{{Title: "x", Lang: "sql", Unsafe: "CREATE INDEX", Safe: "CREATE INDEX CONCURRENTLY"}}
	in.Notes.Rollback = []author.Rollback{{Remedy: "queue", Steps: []author.Text{"drain"}, Irreversible: "no way back"}}
	in.Notes.Phases = []author.Phase{{Name: "a", State: author.Done}, {Name: "b", State: author.InProgress}}
	var err error
	in.Simulated, err = Simulate(t.Context(), scenario.INC2847(), Plan{
		Seeds: 2, Runs: 2, Workers: 2, Remedies: []string{"deadline", "rollout-50"}, Version: "v1", Incident: in.Name,
		Grid: Grid{Edge: "order.inventory", Thresholds: []int{25, 75}, Timeouts: []int{5000}, Deadlines: []int{0, 5000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}
