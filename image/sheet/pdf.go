package sheet

import (
	"errors"
	"fmt"
	"io"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// PDF writes pages as one file. It is to be printed at its own size, at 100 %.
func PDF(w io.Writer, pages []*Page) error {
	if len(pages) == 0 {
		return errors.New("writing labels: there are none")
	}
	f := fpdf.NewCustom(&fpdf.InitType{UnitStr: "mm"})
	f.SetMargins(0, 0, 0)
	f.SetAutoPageBreak(false, 0)
	f.SetCatalogSort(true)
	f.SetCreationDate(time.Unix(0, 0).UTC()) // no time at all would be that of today
	f.SetModificationDate(time.Unix(0, 0).UTC())
	for _, p := range pages {
		f.AddPageFormat("P", fpdf.SizeType{Wd: p.size.Width, Ht: p.size.Height})
		for _, c := range p.black() {
			f.MoveTo(c.start.x, c.start.y)
			for _, s := range c.steps {
				if s.curve {
					f.CurveBezierCubicTo(s.a.x, s.a.y, s.b.x, s.b.y, s.to.x, s.to.y)
				} else {
					f.LineTo(s.to.x, s.to.y)
				}
			}
			f.ClosePath()
		}
		f.DrawPath("F")
	}
	if err := f.Output(w); err != nil {
		return fmt.Errorf("writing labels as PDF: %w", err)
	}
	return nil
}
