package nodes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

// with is a manifest of one node type with these fields.
func with(fields string) string {
	return `{"levee":1,"name":"p","version":"1.0.0","nodes":[{"name":"n"` + fields + `}]}`
}

func input(fields string) string { return with(`,"inputs":[{"name":"x",` + fields + `}]`) }

func TestParseManifest(t *testing.T) {
	m, err := ParseManifest([]byte(upperManifest))
	require.NoError(t, err)
	require.Equal(t, "1.2.0", m.Version)
	require.Len(t, m.Nodes, 2)
	upper, load := m.Nodes[0], m.Nodes[1]
	require.Equal(t, Reactor, upper.ABI)
	require.Equal(t, "upper", upper.Export)
	require.Equal(t, []string{"cpu"}, upper.Devices)
	require.Empty(t, upper.Wants)
	times, ok := upper.Input("times")
	require.True(t, ok)
	v, ok, err := times.DefaultValue()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, value.OfInt(2).Digest, v.Digest)
	require.Equal(t, "read_it", load.Export)
	require.Equal(t, []string{"read"}, load.Wants)
}

func TestParseManifestAccepts(t *testing.T) {
	for name, doc := range map[string]string{
		"nothing but a name":  with(``),
		"type variables":      with(`,"inputs":[{"name":"x","type":"list<T>"}],"outputs":[{"name":"y","type":"map<T>"}]`),
		"spaces in a type":    input(`"type":"map< list<int> >"`),
		"stdio":               with(`,"abi":"stdio","inputs":[{"name":"stdin","type":"string"}],"outputs":[{"name":"stdout","type":"json"}]`),
		"all wants":           with(`,"wants":["write","read"],"devices":["gpu","cpu"],"idempotent":true`),
		"a pre-release":       strings.Replace(with(``), "1.0.0", "1.0.0-rc.1+build.5", 1),
		"lines in a doc":      with(`,"doc":"one\ntwo"`),
		"a list as a default": input(`"type":"list<float>","default":[1,2.5]`),
	} {
		_, err := ParseManifest([]byte(doc))
		require.NoError(t, err, name)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	ports := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`{"name":"p%d","type":"int"}`, i)
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	for _, c := range []struct{ name, doc, err string }{
		{"no JSON", `levee: 1`, "manifest: "},
		{"empty", ``, "manifest: "},
		{"a list", `[]`, "must be a JSON object"},
		{"text behind", with(``) + "x", "behind the JSON document"},
		{"duplicate key", `{"levee":1,"levee":1}`, `key "levee" twice`},
		{"case", strings.Replace(with(``), `"version"`, `"Version"`, 1), `unknown field "Version" (did you mean version?)`},
		{"unknown field", with(`,"input":[]`), `manifest.nodes[0] (n): unknown field "input" (did you mean inputs?)`},
		{"form version", strings.Replace(with(``), `"levee":1`, `"levee":2`, 1), "manifest.levee: must be 1"},
		{"no nodes", `{"levee":1,"name":"p","version":"1.0.0","nodes":[]}`, "manifest.nodes: must name at least one"},
		{"name", strings.Replace(with(``), `"p"`, `"P"`, 1), `manifest.name: "P" must be a lower-case letter`},
		{"long name", strings.Replace(with(``), `"p"`, `"`+strings.Repeat("p", 65)+`"`, 1), "manifest.name: "},
		{"version", strings.Replace(with(``), `1.0.0`, `1.0`, 1), "manifest.version: "},
		{"version with zeros", strings.Replace(with(``), `1.0.0`, `1.00.0`, 1), "manifest.version: "},
		{"two nodes of a name", `{"levee":1,"name":"p","version":"1.0.0","nodes":[{"name":"n"},{"name":"n"}]}`, `manifest.nodes[1] (n).name: "n" is there twice`},
		{"type", input(`"type":"list<integer>"`), "manifest.nodes[0] (n).inputs[0] (x).type: unknown type"},
		{"no type", input(`"doc":""`), "(x).type: unknown type"},
		{"port names", with(`,"inputs":[{"name":"a","type":"int"},{"name":"a","type":"int"}]`), `inputs[1] (a).name: "a" is there twice`},
		{"ports", with(`,"inputs":` + ports(60) + `,"outputs":` + ports(5)), "are 65 ports, at most 64"},
		{"default of another type", input(`"type":"int","default":"3"`), "(x).default: wants int, got string"},
		{"default out of range", input(`"type":"int","default":0,"min":1`), "(x).default: x is 0, at least 1"},
		{"default not in enum", input(`"type":"string","default":"c","enum":["a","b"]`), "(x).default: x is \"c\", must be one of"},
		{"default and optional", input(`"type":"int","default":1,"optional":true`), "never absent"},
		{"default of a variable", input(`"type":"list<T>","default":[]`), "(x).default: a port of type list<T>"},
		{"default of an image", input(`"type":"image","default":1`), "(x).default: "},
		{"range of a text", input(`"type":"string","min":1`), "are for int and float"},
		{"range upside down", input(`"type":"int","min":2,"max":1`), "2 is over max 1"},
		{"range of a text as number", input(`"type":"int","min":"1"`), "(x).min: must be a number"},
		{"range beyond float", input(`"type":"float","max":1e999`), "outside of float64"},
		{"enum of numbers", input(`"type":"int","enum":["1"]`), "(x).enum: is for string"},
		{"empty enum", input(`"type":"string","enum":[]`), "(x).enum: is empty"},
		{"enum twice", input(`"type":"string","enum":["a","a"]`), `(x).enum[1]: "a" is there twice`},
		{"range of an output", with(`,"outputs":[{"name":"x","type":"int","min":1}]`), `outputs[0] (x): unknown field "min"`},
		{"unbound variable", with(`,"outputs":[{"name":"x","type":"list<T>"}]`), "no input's type holds the variable T"},
		{"wants", with(`,"wants":["net"]`), `wants[0]: "net" is not known (known: read, write, answer)`},
		{"devices", with(`,"devices":["tpu"]`), `devices[0]: "tpu" is not known`},
		{"abi", with(`,"abi":"v2"`), `abi: "v2" is not known`},
		{"stdio ports", with(`,"abi":"stdio","inputs":[{"name":"in","type":"bytes"}],"outputs":[{"name":"stdout","type":"bytes"}]`), "a stdio node has the inputs"},
		{"stdio outputs", with(`,"abi":"stdio"`), "a stdio node has one output"},
		{"stdio files", with(`,"abi":"stdio","wants":["read"],"outputs":[{"name":"stdout","type":"bytes"}]`), "gets no files"},
		{"escape codes", with(`,"doc":"\u001b[2J"`), "(n).doc: holds control characters"},
		{"text direction", with(`,"doc":"\u202e"`), "(n).doc: holds control characters"},
		{"too large", with(`,"doc":"` + strings.Repeat("x", maxManifest) + `"`), "at most 262144"},
		{"deep", with(`,"doc":` + strings.Repeat("[", 200)), "nested deeper"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseManifest([]byte(c.doc))
			require.ErrorContains(t, err, c.err)
		})
	}
}

func TestParseManifestNamesAllMistakes(t *testing.T) {
	_, err := ParseManifest([]byte(`{"levee":1,"name":"P","version":"x","nodes":[{"name":"n","inputs":[{"name":"x","type":"in"}]}]}`))
	require.ErrorContains(t, err, "manifest.name")
	require.ErrorContains(t, err, "manifest.version")
	require.ErrorContains(t, err, "inputs[0] (x).type")
}

func TestNarrow(t *testing.T) {
	m, err := ParseManifest([]byte(upperManifest))
	require.NoError(t, err)
	for _, c := range []struct {
		name, doc, err string
		check          func(t *testing.T, n *Manifest)
	}{
		{name: "nothing", doc: `{"levee":1}`, check: func(t *testing.T, n *Manifest) { require.Equal(t, m, n) }},
		{name: "drop a node type", doc: `{"levee":1,"nodes":[{"name":"upper"}]}`, check: func(t *testing.T, n *Manifest) {
			require.Len(t, n.Nodes, 1)
			require.Equal(t, m.Nodes[0].Inputs, n.Nodes[0].Inputs)
		}},
		{name: "drop wants", doc: `{"levee":1,"nodes":[{"name":"load","wants":[]}]}`, check: func(t *testing.T, n *Manifest) { require.Empty(t, n.Nodes[0].Wants) }},
		{name: "smaller range", doc: `{"levee":1,"nodes":[{"name":"upper","inputs":[{"name":"times","max":5}]}]}`, check: func(t *testing.T, n *Manifest) {
			require.EqualValues(t, 5, *n.Nodes[0].Inputs[1].Max)
			require.EqualValues(t, 9, *m.Nodes[0].Inputs[1].Max, "the module's own manifest stays")
			require.NotEmpty(t, n.Nodes[0].Inputs[1].Default)
		}},
		{name: "default falls out", doc: `{"levee":1,"nodes":[{"name":"upper","inputs":[{"name":"times","min":3}]}]}`, check: func(t *testing.T, n *Manifest) {
			require.Empty(t, n.Nodes[0].Inputs[1].Default)
		}},
		{name: "fewer texts", doc: `{"levee":1,"nodes":[{"name":"load","inputs":[{"name":"mode","enum":["slow"]}]}]}`, check: func(t *testing.T, n *Manifest) {
			require.Equal(t, []string{"slow"}, n.Nodes[0].Inputs[0].Enum)
		}},
		{name: "new node type", doc: `{"levee":1,"nodes":[{"name":"uper"}]}`, err: `no node type "uper" (did you mean upper?)`},
		{name: "new want", doc: `{"levee":1,"nodes":[{"name":"upper","wants":["read"]}]}`, err: "can only take away"},
		{name: "other want", doc: `{"levee":1,"nodes":[{"name":"load","wants":["read","write"]}]}`, err: "can only take away"},
		{name: "larger range", doc: `{"levee":1,"nodes":[{"name":"upper","inputs":[{"name":"times","max":10}]}]}`, err: "can only narrow"},
		{name: "empty range", doc: `{"levee":1,"nodes":[{"name":"upper","inputs":[{"name":"times","min":5,"max":4}]}]}`, err: "5 is over max 4"},
		{name: "more texts", doc: `{"levee":1,"nodes":[{"name":"load","inputs":[{"name":"mode","enum":["new"]}]}]}`, err: "not among the module's own"},
		{name: "range of a text", doc: `{"levee":1,"nodes":[{"name":"upper","inputs":[{"name":"text","min":1}]}]}`, err: "are for int and float"},
		{name: "unknown port", doc: `{"levee":1,"nodes":[{"name":"upper","inputs":[{"name":"txt"}]}]}`, err: `has no input "txt"`},
		{name: "twice", doc: `{"levee":1,"nodes":[{"name":"load"},{"name":"load"}]}`, err: `"load" is there twice`},
		{name: "exports", doc: `{"levee":1,"nodes":[{"name":"load","export":"upper"}]}`, err: `unknown field "export"`},
		{name: "form", doc: `{"nodes":[]}`, err: "sidecar.levee: must be 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, err := m.narrow([]byte(c.doc))
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.NoError(t, within(n, m))
			c.check(t, n)
		})
	}
}

// within is the oracle of narrowing: it finds anything that narrow allows and wide does not.
func within(narrow, wide *Manifest) error {
	for i := range narrow.Nodes {
		n := &narrow.Nodes[i]
		j := slices.IndexFunc(wide.Nodes, func(w Node) bool { return w.Name == n.Name })
		if j < 0 {
			return fmt.Errorf("new node type %s", n.Name)
		}
		w := &wide.Nodes[j]
		for _, want := range n.Wants {
			if !slices.Contains(w.Wants, want) {
				return fmt.Errorf("new want %s", want)
			}
		}
		if n.ABI != w.ABI || n.Export != w.Export || len(n.Inputs) != len(w.Inputs) || len(n.Outputs) != len(w.Outputs) {
			return fmt.Errorf("%s is another node", n.Name)
		}
		for k, p := range n.Inputs {
			o := w.Inputs[k]
			switch {
			case p.Name != o.Name || p.Type != o.Type || p.Optional != o.Optional:
				return fmt.Errorf("%s.%s is another port", n.Name, p.Name)
			case o.Min != nil && (p.Min == nil || *p.Min < *o.Min), o.Max != nil && (p.Max == nil || *p.Max > *o.Max):
				return fmt.Errorf("%s.%s: a wider range", n.Name, p.Name)
			case o.Enum != nil && (p.Enum == nil || slices.ContainsFunc(p.Enum, func(e string) bool { return !slices.Contains(o.Enum, e) })):
				return fmt.Errorf("%s.%s: more texts", n.Name, p.Name)
			case p.Default != nil && string(p.Default) != string(o.Default):
				return fmt.Errorf("%s.%s: another default", n.Name, p.Name)
			}
		}
	}
	return nil
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(upperManifest))
	f.Add([]byte(with(`,"abi":"stdio","inputs":[{"name":"stdin","type":"string"}],"outputs":[{"name":"stdout","type":"json"}]`)))
	f.Add([]byte(input(`"type":"list<float>","default":[1,2.5],"unit":"s"`)))
	f.Add([]byte(with(`,"inputs":[{"name":"x","type":"tensor<f32,[2,n]>"},{"name":"t","type":"T"}],"outputs":[{"name":"y","type":"map<T>"}]`)))
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := ParseManifest(doc)
		if err != nil {
			return
		}
		if _, ok := parseVersion(m.Version); !ok || !nameForm.MatchString(m.Name) || len(m.Nodes) == 0 || len(m.Nodes) > maxNodes {
			t.Fatalf("accepted %+v", m)
		}
		for _, n := range m.Nodes {
			nt := &NodeType{Node: n, FullName: m.Name + "/" + n.Name, Module: &ModuleFile{Manifest: m}}
			if nt.Text() == "" || nt.markdown() == "" {
				t.Fatal("no description")
			}
			for _, p := range n.Inputs {
				if v, ok, err := p.DefaultValue(); err != nil || (ok && p.CheckRange(v) != nil) {
					t.Fatalf("default of %s does not fit: %v", p.Name, err)
				}
			}
		}
	})
}

func FuzzNarrow(f *testing.F) {
	for _, s := range []string{
		`{"levee":1}`, `{"levee":1,"nodes":[]}`, `{"levee":1,"nodes":[{"name":"load","wants":[]}]}`,
		`{"levee":1,"nodes":[{"name":"upper","inputs":[{"name":"times","min":3,"max":4}]},{"name":"load","inputs":[{"name":"mode","enum":["slow"]}]}]}`,
		`{"levee":1,"nodes":[{"name":"upper","wants":["read"],"inputs":[{"name":"text","enum":["a"]}]}]}`,
	} {
		f.Add([]byte(s))
	}
	wide, err := ParseManifest([]byte(upperManifest))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		narrow, err := wide.narrow(doc)
		if err != nil {
			return
		}
		if err := within(narrow, wide); err != nil {
			t.Fatal(err)
		}
	})
}
