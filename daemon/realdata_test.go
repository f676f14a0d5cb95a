package daemon_test

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon/journal"
)

// The demo's workflows on real data, held against calculations that share nothing with the nodes.

// demo lays out one of the demo's workflows with samples.
func (b *box) demo(flow, samples, folder string) {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join("../testdata/demo", flow))
	require.NoError(b.t, err)
	b.drop(flow, string(text))
	names, err := filepath.Glob(filepath.Join("../testdata/samples", samples))
	require.NoError(b.t, err)
	require.NotEmpty(b.t, names)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(b.t, err)
		b.drop(folder+"/"+filepath.Base(name), string(text))
	}
}

func TestPhotographsBecomeThumbnailsAndAReport(t *testing.T) {
	b := newBox(t)
	b.demo("thumbs.flow.yaml", "photos/*.jpg", "inbox")
	d := b.open()
	first := d.run("thumbs.flow.yaml")
	require.NoError(t, first.Err)
	photos := b.checkThumbs()
	const perPhoto, behind = 6, 4 // nodes of the group; sheet, sheet_png, sizes, report
	require.Equal(t, journal.Counts{Ran: perPhoto*photos + behind}, first.Counts)

	before := d.executions()
	require.Equal(t, journal.Counts{Cached: perPhoto*photos + behind}, d.run("thumbs.flow.yaml").Counts)
	require.Equal(t, before, d.executions(), "no module was executed")

	// One photograph more: only that one is worked on, and what shows all of them.
	b.drop("inbox/made.jpg", string(madePhotograph(t, 640, 411)))
	more := d.run("thumbs.flow.yaml")
	require.Equal(t, journal.Counts{Ran: perPhoto + behind, Cached: perPhoto * photos}, more.Counts)
	require.Equal(t, photos+1, b.checkThumbs())
}

// checkThumbs reads the photographs and their thumbnails with Go's own decoder, and returns how many there are.
func (b *box) checkThumbs() int {
	t := b.t
	t.Helper()
	photos, err := filepath.Glob(b.path("inbox/*.jpg"))
	require.NoError(t, err)
	want := [][]string{}
	for _, p := range photos {
		original, err := jpeg.Decode(strings.NewReader(b.read("inbox/" + filepath.Base(p))))
		require.NoError(t, err)
		small, err := jpeg.Decode(strings.NewReader(b.read("thumbs/" + filepath.Base(p))))
		require.NoError(t, err)
		w, h := original.Bounds().Dx(), original.Bounds().Dy()
		require.Equal(t, 256, small.Bounds().Dx())
		require.InDelta(t, float64(h)*256/float64(w), small.Bounds().Dy(), 1)
		require.Less(t, distance(original, small), 6.0, "%s does not look like its thumbnail", p)
		want = append(want, []string{filepath.Base(p), strconv.Itoa(w), strconv.Itoa(h)})
	}
	rows, err := csv.NewReader(strings.NewReader(b.read("thumbs/report.csv"))).ReadAll()
	require.NoError(t, err)
	got := [][]string{}
	column := func(name string) int { return slices.Index(rows[0], name) }
	for _, row := range rows[1:] {
		got = append(got, []string{row[column("name")], row[column("width")], row[column("height")]})
	}
	require.Equal(t, want, got)
	require.FileExists(t, b.path("thumbs/contact-sheet.png"))
	return len(photos)
}

// distance is the mean difference, of 255, of the mean colours of 8 x 8 fields of two pictures.
func distance(a, b image.Image) (sum float64) {
	const fields = 8
	mean := func(m image.Image, fx, fy int) (c [3]float64) {
		r := m.Bounds()
		n := 0.0
		for y := r.Dy() * fy / fields; y < r.Dy()*(fy+1)/fields; y++ {
			for x := r.Dx() * fx / fields; x < r.Dx()*(fx+1)/fields; x++ {
				red, green, blue, _ := m.At(r.Min.X+x, r.Min.Y+y).RGBA()
				c[0], c[1], c[2], n = c[0]+float64(red>>8), c[1]+float64(green>>8), c[2]+float64(blue>>8), n+1
			}
		}
		return [3]float64{c[0] / n, c[1] / n, c[2] / n}
	}
	for fy := range fields {
		for fx := range fields {
			p, q := mean(a, fx, fy), mean(b, fx, fy)
			for i := range p {
				sum += max(p[i]-q[i], q[i]-p[i]) / (3 * fields * fields)
			}
		}
	}
	return sum
}

func madePhotograph(t *testing.T, w, h int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8((x + y) % 256), 255})
		}
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}))
	return b.Bytes()
}

func TestLargeTableIsGroupedAndSummed(t *testing.T) {
	const rows = 120_000
	type group struct {
		count, sum, most int64
	}
	want := map[string]*group{}
	random := rand.New(rand.NewPCG(20, 26))
	var text strings.Builder
	text.WriteString("carrier,distance,delay,note\n")
	for i := range rows {
		carrier, delay := string(rune('A'+random.IntN(7)))+string(rune('A'+random.IntN(7))), random.Int64N(500)-60
		note := ""
		if i%1000 == 0 {
			note = "\"late, \"\"very\"\"\nlate\"" // quoted as RFC 4180 has it, over two lines
		}
		fmt.Fprintf(&text, "%s,%d,%d,%s\n", carrier, 30+random.IntN(3000), delay, note)
		if want[carrier] == nil {
			want[carrier] = &group{most: delay}
		}
		g := want[carrier]
		g.count, g.sum, g.most = g.count+1, g.sum+delay, max(g.most, delay)
	}
	b := newBox(t)
	b.drop("data/flights.csv", text.String())
	b.drop("sums.flow.yaml", `levee: 1
allow: { read: [data], write: [out] }
nodes:
  file: { uses: file/read, with: { path: data/flights.csv } }
  flights: { uses: table/read_csv, in: { data: file.data } }
  by: { uses: table/group, with: { by: [carrier], aggregates: [count, "sum:delay", "max:delay"] }, in: { table: flights.table } }
  csv: { uses: table/write_csv, in: { table: by.table } }
outputs:
  rows: flights.rows
  report: { from: csv.data, file: out/report.csv }
`)
	got := b.open().run("sums.flow.yaml")
	require.NoError(t, got.Err)
	require.Equal(t, strconv.Itoa(rows), output(t, got.Result, "rows"))
	report, err := csv.NewReader(strings.NewReader(b.read("out/report.csv"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"carrier", "count", "sum_delay", "max_delay"}, report[0])
	require.Len(t, report[1:], len(want))
	for _, row := range report[1:] {
		g := want[row[0]]
		require.NotNil(t, g, row[0])
		require.Equal(t, []string{fmt.Sprint(g.count), fmt.Sprint(g.sum), fmt.Sprint(g.most)}, row[1:], row[0])
	}
}

func TestWordsOfATextAreCounted(t *testing.T) {
	b := newBox(t)
	b.demo("words.flow.yaml", "*.txt", "data")
	got := b.open().run("words.flow.yaml", "top", "0")
	require.NoError(t, got.Err)

	counts := map[string]int{}
	for _, word := range regexp.MustCompile(`[\pL\pN]+(?:['’][\pL\pN]+)*`).FindAllString(strings.ToLower(b.read("data/GPL-2.txt")), -1) {
		counts[word]++
	}
	want := [][]string{{"word", "count"}}
	for word, n := range counts {
		want = append(want, []string{word, strconv.Itoa(n)})
	}
	slices.SortFunc(want[1:], func(a, b []string) int {
		return cmp.Or(counts[b[0]]-counts[a[0]], strings.Compare(a[0], b[0]))
	})
	report, err := csv.NewReader(strings.NewReader(b.read("tables/words.csv"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, want, report)
}
