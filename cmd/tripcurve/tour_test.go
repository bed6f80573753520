package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"tripcurve/tui/demo"
	"tripcurve/tui/tuitest"
)

const tourIntro = `# A tour in pictures

What ` + "`tripcurve demo`" + ` shows: the bundled incident INC-2847 from the sentence to a config, on the real screens at 80x24. ` +
	"`make tour`" + `
writes this page from the program itself, so every number here is one that it computes; a test says when they differ.

`

// mostPicture is how large a picture may be, in bytes.
const mostPicture = 60_000

// TestLongTour holds docs/tour.md and its pictures against the real screens. TRIPCURVE_UPDATE=1
// rewrites them.
func TestLongTour(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	update := os.Getenv("TRIPCURVE_UPDATE") != ""
	var page strings.Builder
	page.WriteString(tourIntro)
	n := 0
	err := demo.Play(t.Context(), tourOptions(), tourColumns, tourRows, func(s demo.Stop) error {
		n++
		title, say, found := strings.Cut(s.Say, ": ")
		if !found || strings.ContainsAny(title, ".,") {
			return fmt.Errorf("stop %d has no name before a colon: %q", n, s.Say)
		}
		name := filepath.Join("tour", fmt.Sprintf("%02d.png", n))
		fmt.Fprintf(&page, "## %d. %s\n\n", n, title)
		if len(s.Keys) > 0 {
			fmt.Fprintf(&page, "Keys: `%s`. ", strings.Join(s.Keys, "` `"))
		}
		fmt.Fprintf(&page, "%s\n\n![%s](%s)\n\n<details><summary>as text</summary>\n\n```text\n", strings.ToUpper(say[:1])+say[1:], title, filepath.ToSlash(name))
		for line := range strings.SplitSeq(ansi.Strip(s.Frame), "\n") {
			page.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		page.WriteString("```\n\n</details>\n\n")
		picture, err := tuitest.Picture(s.Frame, tourColumns, tourRows)
		if err != nil {
			return err
		}
		if len(picture) > mostPicture {
			t.Errorf("%s has %d bytes, more than %d", name, len(picture), mostPicture)
		}
		if update {
			if err := os.MkdirAll(filepath.Join(docs, "tour"), 0o755); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(docs, name), picture, 0o644)
		}
		return samePicture(filepath.Join(docs, name), picture)
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(docs, "tour.md")
	if update {
		if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(have), page.String()); d != "" {
		t.Errorf("docs/tour.md is not what the screens show; make tour writes it (-have +want):\n%s", d)
	}
}

// samePicture compares what is to be seen: processors round the edges of letters
// differently.
func samePicture(path string, want []byte) error {
	have, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var pics [2]image.Image
	for i, b := range [][]byte{have, want} {
		if pics[i], err = png.Decode(bytes.NewReader(b)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if pics[0].Bounds() != pics[1].Bounds() {
		return fmt.Errorf("%s is %v, not %v; make tour writes it", path, pics[0].Bounds(), pics[1].Bounds())
	}
	differ := 0
	for y := range pics[0].Bounds().Dy() {
		for x := range pics[0].Bounds().Dx() {
			r0, g0, b0, _ := pics[0].At(x, y).RGBA()
			r1, g1, b1, _ := pics[1].At(x, y).RGBA()
			if far(r0, r1) || far(g0, g1) || far(b0, b1) {
				differ++
			}
		}
	}
	if differ > 50 {
		return fmt.Errorf("%s differs from the screen in %d pixels; make tour writes it", path, differ)
	}
	return nil
}

// far says whether two parts of a colour are more than two shades of few apart.
func far(a, b uint32) bool { return max(a, b)-min(a, b) > 0x2800 }
