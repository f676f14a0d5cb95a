package nodes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	m, err := ReadModule("words.wasm", wordsModule(t), nil)
	require.NoError(t, err)
	upper, load := m.types()[0], m.types()[1]
	require.Contains(t, upper.Text(), `
inputs
  text   string  (required)
  times  int     (default 2; 1 to 9)

outputs
  text  string

in a workflow
  upper: { uses: words/upper, in: { text: inputs.text } }
`)
	require.Contains(t, upper.Text(), "words/upper 1.2.0  (words.wasm, sha256 ")
	require.Contains(t, load.Text(), `mode  string  (default "fast"; one of fast, slow)`)
	require.Contains(t, load.Text(), "allow: {read: [...]}")
	require.Contains(t, load.markdown(), "| in `mode` | `string` | (default \"fast\"; one of fast, slow) |\n| out `data` | `bytes` |  |\n")
}

func TestMarkdownIsNoMarkup(t *testing.T) {
	require.Equal(t, `\*a\* \|&lt;b> \[c\]`, mdCell("*a* |<b> [c]"))
}

// docs/nodes.md is what the core pack's manifests say.
func TestPage(t *testing.T) {
	reg, err := New()
	require.NoError(t, err)
	types, broken := reg.List()
	require.Empty(t, broken)
	page, file := Page(types), filepath.Join("..", "docs", "nodes.md")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, []byte(page), 0o600))
		require.NoError(t, os.Chmod(file, 0o644)) //nolint:gosec // a file of the repository
	}
	have, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, page, string(have), "go test ./nodes -run TestPage -update")
}
