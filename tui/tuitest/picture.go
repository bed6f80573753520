package tuitest

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"
	"unicode/utf8"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// A cell of a picture in pixels, and where letters stand in it.
const (
	cellW, cellH = 9, 18
	baseline     = 14
	letterSize   = 15
)

var paper, ink = color.RGBA{0x16, 0x19, 0x1f, 0xff}, color.RGBA{0xd6, 0xda, 0xe1, 0xff}

// Picture draws a frame, lines of text with SGR sequences, as a terminal of w columns
// and h rows shows it: a PNG, the same bytes every time. Braille, blocks and lines are
// drawn as their shapes, for the font has none; it is an error when a rune is neither.
func Picture(frame string, w, h int) ([]byte, error) {
	faces, err := letters()
	if err != nil {
		return nil, err
	}
	emu := vt.NewEmulator(w, h)
	defer emu.Close()
	if _, err := emu.Write([]byte(strings.ReplaceAll(frame, "\n", "\r\n"))); err != nil {
		return nil, err
	}
	img := image.NewRGBA(image.Rect(0, 0, w*cellW, h*cellH))
	draw.Draw(img, img.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	for y := range h {
		for x := range w {
			c := emu.CellAt(x, y)
			if c == nil || c.Width == 0 {
				continue
			}
			if err := drawCell(img, image.Rect(x*cellW, y*cellH, (x+c.Width)*cellW, (y+1)*cellH), c, faces); err != nil {
				return nil, fmt.Errorf("row %d, column %d: %w", y+1, x+1, err)
			}
		}
	}
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	err = enc.Encode(&b, few(img))
	return b.Bytes(), err
}

// letters are the regular and the bold face.
func letters() (faces [2]font.Face, err error) {
	for i, ttf := range [][]byte{gomono.TTF, gomonobold.TTF} {
		f, err := opentype.Parse(ttf)
		if err != nil {
			return faces, err
		}
		if faces[i], err = opentype.NewFace(f, &opentype.FaceOptions{Size: letterSize, DPI: 72, Hinting: font.HintingFull}); err != nil {
			return faces, err
		}
	}
	return faces, nil
}

func drawCell(img *image.RGBA, at image.Rectangle, c *uv.Cell, faces [2]font.Face) error {
	fg, bg := colorOf(c.Style.Fg, ink), colorOf(c.Style.Bg, paper)
	if c.Style.Attrs&uv.AttrReverse != 0 {
		fg, bg = bg, fg
	}
	if c.Style.Attrs&uv.AttrFaint != 0 {
		fg = between(fg, bg, 0.25)
	}
	if bg != paper {
		draw.Draw(img, at, image.NewUniform(bg), image.Point{}, draw.Src)
	}
	if c.Style.Underline != 0 {
		fill(img, fg, at.Min.X, at.Max.Y-2, at.Dx(), 1)
	}
	r, _ := utf8.DecodeRuneInString(c.Content)
	if r == utf8.RuneError || r == ' ' || shape(img, fg, at, r) {
		return nil
	}
	face := faces[0]
	if c.Style.Attrs&uv.AttrBold != 0 {
		face = faces[1]
	}
	if _, ok := face.GlyphAdvance(r); !ok {
		return fmt.Errorf("no shape for %q (U+%04X)", r, r)
	}
	d := font.Drawer{Dst: img, Src: image.NewUniform(fg), Face: face, Dot: fixed.P(at.Min.X, at.Min.Y+baseline)}
	d.DrawString(c.Content)
	return nil
}

// shape draws what is not a letter, and says whether r is such a thing.
func shape(img *image.RGBA, fg color.RGBA, at image.Rectangle, r rune) bool {
	x, y, w, h := at.Min.X, at.Min.Y, at.Dx(), at.Dy()
	midX, midY := x+w/2, y+h/2
	switch {
	case r >= 0x2800 && r <= 0x28ff: // braille: eight dots, in the order of their bits
		dots := [8][2]int{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {0, 3}, {1, 3}}
		for bit, d := range dots {
			if (r-0x2800)>>bit&1 == 1 {
				fill(img, fg, x+1+d[0]*4, y+2+d[1]*4, 3, 3)
			}
		}
		return true
	case r == '█':
		fill(img, fg, x, y, w, h)
	case r == '▀':
		fill(img, fg, x, y, w, h/2)
	case r == '▄':
		fill(img, fg, x, midY, w, h/2)
	case r == '─':
		fill(img, fg, x, midY, w, 1)
	case r == '╌':
		fill(img, fg, x+1, midY, 3, 1)
		fill(img, fg, x+6, midY, 2, 1)
	case r == '│':
		fill(img, fg, midX, y, 1, h)
	case r == '╎':
		fill(img, fg, midX, y+2, 1, 6)
		fill(img, fg, midX, y+11, 1, 6)
	case r == '╵':
		fill(img, fg, midX, y, 1, h/2)
	case r == '╸':
		fill(img, fg, x, midY, w/2+1, 2)
	case r == '└', r == '╰':
		fill(img, fg, midX, y, 1, h/2)
		fill(img, fg, midX, midY, w/2+1, 1)
	case r == '├':
		fill(img, fg, midX, y, 1, h)
		fill(img, fg, midX, midY, w/2+1, 1)
	case r == '▸':
		for i := range 5 {
			fill(img, fg, x+2+i, midY-4+i, 1, 9-2*i)
		}
	case r == '▾':
		for i := range 5 {
			fill(img, fg, x+i, midY-2+i, 9-2*i, 1)
		}
	default:
		return false
	}
	return true
}

func fill(img *image.RGBA, c color.RGBA, x, y, w, h int) {
	draw.Draw(img, image.Rect(x, y, x+w, y+h), image.NewUniform(c), image.Point{}, draw.Src)
}

func colorOf(c color.Color, otherwise color.RGBA) color.RGBA {
	if c == nil {
		return otherwise
	}
	r, g, b, _ := c.RGBA()
	return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 0xff}
}

// between is a colour that part of the way from a to b.
func between(a, b color.RGBA, part float64) color.RGBA {
	mix := func(x, y uint8) uint8 { return uint8(float64(x) + part*(float64(y)-float64(x)) + 0.5) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

// few is the picture with a palette, where it has few enough colours for one: a third
// of the size. The softened edges of letters are rounded to every sixteenth shade.
func few(img *image.RGBA) image.Image {
	index := map[color.RGBA]uint8{}
	var palette color.Palette
	out := image.NewPaletted(img.Bounds(), nil)
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			c := img.RGBAAt(x, y)
			if c != paper {
				c = color.RGBA{c.R &^ 15, c.G &^ 15, c.B &^ 15, 0xff}
			}
			i, known := index[c]
			if !known {
				if len(palette) == 256 {
					return img
				}
				i = uint8(len(palette))
				index[c] = i
				palette = append(palette, c)
			}
			out.Pix[out.PixOffset(x, y)] = i
		}
	}
	out.Palette = palette
	return out
}
