package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"tripcurve/collectors/latency/otlp"
	"tripcurve/internal/incident"
	"tripcurve/tui/bar"
)

// otlp reads metrics in OTLP's JSON lines.
func (im *importer) otlp(cmd *cobra.Command, src *logSource, progress *bar.Bar) (incident.SourceStatus, bool, error) {
	opt := im.calls
	opt.Progress, opt.Name = progress.Set, src.name
	held := holder{append: func(facts []incident.Fact, status []incident.SourceStatus) error {
		im.facts += int64(len(facts))
		return im.w.Append(facts, status)
	}}
	var sum otlp.Summary
	var err error
	if src.stream != nil {
		sum, err = otlp.ImportReader(cmd.Context(), src.stream, opt, held.take)
	} else {
		sum, err = otlp.Import(cmd.Context(), src.path, opt, held.take)
	}
	switch {
	case err != nil:
	case sum.Unparsed > 0 && sum.Points+sum.Other+sum.Again == 0:
		err = errors.New(sum.FirstUnparsed)
	case sum.Points+sum.Again == 0:
		err = fmt.Errorf("%s: nothing to keep: %s", src.path, sum.Source().Detail)
	}
	if err != nil {
		return incident.SourceStatus{}, false, err
	}
	im.lines += sum.Lines
	im.bad += sum.Unparsed
	return sum.Source(), sum.Known, nil
}

// holder keeps facts back until one of them is more than a line that nobody
// understood, so that a file of something else leaves nothing behind.
type holder struct {
	append func([]incident.Fact, []incident.SourceStatus) error
	held   []incident.Fact
	open   bool
}

func (h *holder) take(facts []incident.Fact) error {
	if h.open {
		return h.append(facts, nil)
	}
	h.held = append(h.held, facts...)
	for _, f := range facts {
		if x, ok := f.(incident.Exemplar); !ok || x.Kind != incident.Unparsed {
			h.open = true
		}
	}
	if !h.open {
		return nil
	}
	facts, h.held = h.held, nil
	return h.append(facts, nil)
}
