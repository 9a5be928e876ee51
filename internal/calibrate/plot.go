package calibrate

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// Series is one set of probabilities in a plot.
type Series struct {
	Name   string
	Scores Scores
}

// The measures of a plot, in pixels.
const (
	plotSide = 360
	plotLeft = 64
	plotTop  = 64
)

// colours tell series apart also in shades of grey; the shapes differ, too.
var colours = []string{"#c2410c", "#1d4ed8"}

// Plot draws reliability as SVG: for each bin what was said (across) against the
// share that was right (up), with Wilson's interval of 80 %, whose ends are the
// one-sided bounds of 90 %. On the dotted line claims come true as often as they
// say. It draws two series at most.
func Plot(title, note string, series ...Series) []byte {
	var b bytes.Buffer
	width, height := plotLeft+plotSide+136, plotTop+plotSide+96 // the legend is wider than the square
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<desc>%s</desc>\n", escape(title), escape(note))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	label(&b, plotLeft, 24, "start", `font-size="15" font-weight="bold"`, title)
	label(&b, plotLeft, 44, "start", `fill="#444444"`, note)
	axes(&b)
	for n, s := range series[:min(len(series), len(colours))] {
		points(&b, s.Scores.Bins, n)
		y := plotTop + plotSide + 62 + 18*n
		mark(&b, plotLeft+6, float64(y)-4, n)
		label(&b, plotLeft+18, float64(y), "start", "", fmt.Sprintf("%s: n %d, debiased ECE %.3f, Brier %.3f", s.Name, s.Scores.N, s.Scores.ECE, s.Scores.Brier))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func across(v float64) float64 { return plotLeft + plotSide*v }
func up(v float64) float64     { return plotTop + plotSide*(1-v) }

func axes(b *bytes.Buffer) {
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#888888"/>`+"\n", plotLeft, plotTop, plotSide, plotSide)
	for tick := 0; tick <= 10; tick += 2 {
		v := float64(tick) / 10
		fmt.Fprintf(b, `<path d="M%.1f %.1fH%.1fM%.1f %.1fV%.1f" stroke="#dddddd"/>`+"\n", across(0), up(v), across(1), across(v), up(0), up(1))
		label(b, across(v), up(0)+18, "middle", `fill="#444444"`, fmt.Sprintf("%d %%", 10*tick))
		label(b, across(0)-8, up(v)+4, "end", `fill="#444444"`, fmt.Sprintf("%d %%", 10*tick))
	}
	fmt.Fprintf(b, `<path d="M%.1f %.1fL%.1f %.1f" stroke="#666666" stroke-dasharray="3 4"/>`+"\n", across(0), up(0), across(1), up(1))
	label(b, across(0.5), up(0)+38, "middle", "", "said")
	fmt.Fprintf(b, `<text transform="translate(16 %.1f) rotate(-90)" text-anchor="middle">right</text>`+"\n", up(0.5))
}

// points draws the bins; n chooses colour and shape.
func points(b *bytes.Buffer, bins []Bin, n int) {
	for _, bin := range bins {
		count := float64(bin.N)
		low, high := lower(bin.Right*count, count), 1-lower((1-bin.Right)*count, count)
		fmt.Fprintf(b, `<path d="M%.1f %.1fV%.1f" stroke="%s" stroke-opacity="0.5" stroke-width="2"/>`+"\n", across(bin.Said), up(low), up(high), colours[n])
		mark(b, across(bin.Said), up(bin.Right), n)
	}
}

// mark is a square for the first series and a disc for the second.
func mark(b *bytes.Buffer, x, y float64, n int) {
	if n == 0 {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="8" height="8" fill="%s"/>`+"\n", x-4, y-4, colours[n])
		return
	}
	fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="4.5" fill="%s"/>`+"\n", x, y, colours[n])
}

func label(b *bytes.Buffer, x, y float64, anchor, style, text string) {
	if style != "" {
		style = " " + style
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, style, escape(text))
}

func escape(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return "" // cannot happen: a buffer takes everything
	}
	return b.String()
}
