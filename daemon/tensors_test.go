package daemon_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/daemon"
	"levee/daemon/journal"
)

// A node in C with a kernel of its own, in a sandboxed worker on a machine without a GPU: its graph runs there, and is cached as
// everything is, for its result is the same everywhere: on a GPU its kernel gives the same picture to the bit.
func TestTensorsOfANode(t *testing.T) {
	b := newBox(t)
	wasm, err := os.ReadFile("../nodes/sdk/c/example/contrast.wasm")
	require.NoError(t, err)
	photo, err := os.ReadFile("../testdata/samples/photos/elephants.jpg")
	require.NoError(t, err)
	b.drop("contrast.wasm", string(wasm))
	b.drop("elephants.jpg", string(photo))
	const flow = `levee: 1
allow: { read: [.], memory: 512MiB }
nodes:
  file: { uses: file/read, with: { path: elephants.jpg } }
  image: { uses: image/decode, in: { data: file.data } }
  small: { uses: image/resize, with: { width: 64 }, in: { image: image.image } }
  pale: { uses: image/adjust, with: { contrast: 0.5 }, in: { image: small.image } }
  contrast: { uses: ./contrast.wasm, in: { image: pale.image } }
  again: { uses: ./contrast.wasm, in: { image: contrast.image } }
  png: { uses: image/encode, with: { format: png }, in: { image: again.image } }
outputs: { once: contrast.image, twice: again.image, png: png.data }
`
	b.drop("c.flow.yaml", flow)
	d := b.open()
	first := d.run("c.flow.yaml")
	require.NoError(t, first.Err)
	require.ElementsMatch(t, []string{"file", "image", "small", "pale", "contrast", "again", "png"}, first.with(journal.Ran))
	byName := map[string][32]byte{}
	for _, o := range first.Outputs {
		byName[o.Name] = o.Value.Digest
	}
	require.Equal(t, byName["once"], byName["twice"], "what has all contrast gets no more")
	ran := d.executions()

	second := d.run("c.flow.yaml")
	require.Equal(t, journal.Counts{Cached: 7}, second.Counts)
	require.Equal(t, ran, d.executions())
	require.Equal(t, first.Outputs, second.Outputs)
	d.shut()

	withGPU(t)
	b.drop("c.flow.yaml", replace(t, flow, "{ uses: ./contrast.wasm", "{ device: gpu, uses: ./contrast.wasm"))
	d = b.open()
	third := d.runWith("c.flow.yaml", daemon.Request{NoCache: true})
	require.NoError(t, third.Err)
	require.ElementsMatch(t, []string{"file", "image", "small", "pale", "contrast", "again", "png"}, third.with(journal.Ran))
	require.Equal(t, first.Outputs, third.Outputs)
}
