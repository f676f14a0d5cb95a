package daemon_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// The demo makes the same files with a GPU, a driver that pretends, and without one.
func TestAlikeIsTheSameWithAndWithoutAGPU(t *testing.T) {
	flow, err := os.ReadFile("../testdata/demo/alike.flow.yaml")
	require.NoError(t, err)
	onProcessors := regexp.MustCompile(`uses: tensor/[a-z_]+,`).ReplaceAllString(string(flow), "$0 device: [cpu],")
	require.NotEqual(t, onProcessors, string(flow))
	made := func(flow string) map[string]string {
		b := newBox(t)
		b.drop("alike.flow.yaml", flow)
		for _, name := range []string{"elephants.jpg", "storm.jpg"} {
			photo, err := os.ReadFile(filepath.Join("../testdata/samples/photos", name))
			require.NoError(t, err)
			b.drop("inbox/"+name, string(photo))
		}
		d := b.open()
		got := d.run("alike.flow.yaml")
		require.NoError(t, got.Err)
		require.NotContains(t, b.log.String(), "not on a GPU")
		files := map[string]string{}
		for _, name := range b.files() {
			if strings.HasPrefix(name, "alike/") {
				files[name] = b.read(name)
			}
		}
		return files
	}
	want := made(onProcessors)
	require.Len(t, want, 3, "two pictures and a table")
	var launches atomic.Int64
	c := withGPU(t)
	c.OnLaunch(func(int, string) int {
		launches.Add(1)
		return 0
	})
	require.Equal(t, want, made(string(flow)))
	require.NotZero(t, launches.Load())
}
