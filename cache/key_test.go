package cache

import (
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"levee/graph/value"
)

func TestFieldsAreFramed(t *testing.T) {
	same := map[Key]string{}
	for name, b := range map[string]*KeyBuilder{
		"ab,c":        NewKey().String("x", "ab").String("x", "c"),
		"a,bc":        NewKey().String("x", "a").String("x", "bc"),
		"abc":         NewKey().String("x", "abc"),
		"label":       NewKey().String("xa", "bc"),
		"empty":       NewKey().String("x", ""),
		"absent":      NewKey().Absent("x"),
		"nothing":     NewKey(),
		"int":         NewKey().Int("x", 0x616263),
		"value":       NewKey().Value("x", value.OfString("abc")),
		"value bytes": NewKey().Value("x", value.OfBytes([]byte("abc"))),
		"digest":      NewKey().Digest("x", value.OfString("abc").Digest),
	} {
		require.Empty(t, same[b.Key()], name)
		same[b.Key()] = name
	}
}

func TestKeyIsStable(t *testing.T) {
	// A change here means that every cache in the world is cold: then keySalt must change too.
	b := NewKey().String("node", "image/resize").Int("width", 256).Digest("module", value.Digest{1}).Absent("mask").
		Value("image", value.OfBytes([]byte("x")))
	require.Equal(t, "5dead5d4", b.Key().String()[:8])
}

func TestKeysDifferWhenFieldsDo(t *testing.T) {
	field := rapid.Custom(func(t *rapid.T) [2]string {
		return [2]string{rapid.StringMatching(`[ab]{0,3}`).Draw(t, "label"), rapid.StringMatching(`[ab]{0,3}`).Draw(t, "content")}
	})
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.SliceOfN(field, 0, 4).Draw(t, "one")
		two := rapid.SliceOfN(field, 0, 4).Draw(t, "two")
		build := func(fields [][2]string) Key {
			b := NewKey()
			for _, f := range fields {
				b.String(f[0], f[1])
			}
			return b.Key()
		}
		if (build(one) == build(two)) != (fmt.Sprintf("%q", one) == fmt.Sprintf("%q", two)) {
			t.Fatalf("%q and %q", one, two)
		}
	})
}

func FuzzPreview(f *testing.F) {
	f.Add("")
	f.Add("a\x00b\n\x1b[31m")
	f.Add("\xff\xfe long enough that it must be cut somewhere, and that in the middle of a rune: ééééééééééééé")
	f.Fuzz(func(t *testing.T, s string) {
		p := preview(s)
		require.LessOrEqual(t, len(p), previewMax)
		require.True(t, utf8.ValidString(p))
		require.NotContains(t, p, "\x1b")
	})
}

func TestPartsSayWhatDiffers(t *testing.T) {
	parts := func(width int64, filter string) []Part {
		return NewKey().String("filter", filter).Int("width", width).Value("image", value.OfString("pic")).Parts()
	}
	require.Empty(t, Compare(parts(1, "a"), parts(1, "a")))
	diff := Compare(parts(256, "a"), parts(512, "a"))
	require.Len(t, diff, 1)
	require.Equal(t, "width", diff[0].Label)
	require.Equal(t, "256", diff[0].Was.Preview)
	require.Equal(t, "512", diff[0].Now.Preview)

	was := NewKey().Int("gone", 1).Int("twice", 1).Int("twice", 2).Parts()
	now := NewKey().Int("new", 1).Int("twice", 1).Int("twice", 3).Parts()
	diff = Compare(was, now)
	require.Len(t, diff, 3)
	require.Equal(t, []string{"new", "twice", "gone"}, []string{diff[0].Label, diff[1].Label, diff[2].Label})
	require.Zero(t, diff[0].Was)
	require.Zero(t, diff[2].Now)
	require.NotEqual(t, NewKey().String("x", "").Parts(), NewKey().Absent("x").Parts())
}

func TestNearest(t *testing.T) {
	c := open(t, t.TempDir(), Options{})
	put := func(site string, width, height int64, seen ...Observation) (Key, []Part) {
		b := NewKey().Int("width", width).Int("height", height)
		require.NoError(t, c.Put(t.Context(), &Entry{Key: b.Key(), Site: site, Node: "n", Parts: b.Parts(),
			Outputs: []value.Value{value.OfInt(1)}, Observations: seen, Log: []byte("said")}))
		return b.Key(), b.Parts()
	}
	put("here", 1, 1)
	twoOne, _ := put("here", 2, 1)
	put("here", 5, 6)
	put("elsewhere", 2, 2)
	k, parts := put("here", 2, 3)
	near, err := c.Nearest(t.Context(), "here", parts, k)
	require.NoError(t, err)
	require.Equal(t, twoOne, near.Key)
	require.Len(t, near.Diff, 1)
	require.Equal(t, "height", near.Diff[0].Label)
	near, err = c.Nearest(t.Context(), "nowhere", parts, k)
	require.NoError(t, err)
	require.Nil(t, near)

	was, now := Observation{Op: "read", Path: "f", Digest: value.Digest{1}}, Observation{Op: "read", Path: "f", Digest: value.Digest{2}}
	k, parts = put("files", 1, 1, was)
	near, err = c.Nearest(t.Context(), "files", append(parts, now.Part()), k.Observed([]Observation{now}))
	require.NoError(t, err)
	require.Len(t, near.Diff, 1)
	require.Equal(t, "read f", near.Diff[0].Label)

	e, err := c.Detail(t.Context(), k.Observed([]Observation{was}))
	require.NoError(t, err)
	require.Equal(t, []Observation{was}, e.Observations)
	require.Equal(t, "said", string(e.Log))
	require.Equal(t, "files", e.Site)
	require.Equal(t, "n", e.Node)
	_, err = c.Detail(t.Context(), keyOf("absent"))
	require.ErrorIs(t, err, ErrMiss)
}

func FuzzDecode(f *testing.F) {
	full := &Entry{Outputs: []value.Value{value.OfInt(1), {}, value.Stored(value.Image, value.Digest{1}, 1<<20)}, Log: []byte("x"),
		Parts: NewKey().Int("n", 1).Parts(), Observations: []Observation{{Op: "read", Path: "a", Digest: value.Digest{2}}}}
	f.Add(encodeBody(full))
	f.Add(encodeDetail(full))
	f.Add(encodeObservations(full.Observations, false))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		var e Entry
		if decodeBody(&e, b) == nil {
			var again Entry
			require.NoError(t, decodeBody(&again, encodeBody(&e)))
			require.Equal(t, e.Outputs, again.Outputs)
		}
		_ = decodeDetail(&e, b)
		readObservations(&reader{b: b}, true)
		readObservations(&reader{b: b}, false)
	})
}

func TestPreviewOfAnyShowsWhatIsInIt(t *testing.T) {
	k := NewKey()
	v, err := value.New(t.Context(), value.Any, value.EncodeAny(value.String, []byte("Ada")))
	require.NoError(t, err)
	k.Value("a", v)
	parts := k.Parts()
	require.Equal(t, "Ada", parts[len(parts)-1].Preview)
}
