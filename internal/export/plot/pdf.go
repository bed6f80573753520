package plot

import (
	"time"

	"codeberg.org/go-pdf/fpdf"
	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgpdf"
)

// gonum keeps the document it writes to itself, so what makes the same page the same
// bytes has to be said to the library below it for all documents: its objects in
// order, and no date of today.
func init() {
	fpdf.SetDefaultCatalogSort(true)
	made := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	fpdf.SetDefaultCreationDate(made)
	fpdf.SetDefaultModificationDate(made)
}

// pdfCanvas is a PDF page that can write in bold.
type pdfCanvas struct{ *vgpdf.Canvas }

// FillString gives a bold face a name of its own: gonum's PDF (vgpdf.go of v0.17.0,
// Canvas.font) registers every face as one that is not bold and then asks for the
// bold one.
func (c pdfCanvas) FillString(f font.Face, at vg.Point, s string) {
	if f.Font.Weight == xfont.WeightBold {
		f.Font.Variant += "Bold"
		f.Font.Weight = xfont.WeightNormal
	}
	c.Canvas.FillString(f, at, s)
}
