package gpu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"levee/gpu/suite"
)

// A session in a GPU worker is an executor like all others.
func TestSuite(t *testing.T) {
	p := newPool(t, fakeDriver(t, "MEMORY=512"))
	suite.Run(t, func(t *testing.T) suite.Executor {
		l, err := p.Session(t.Context(), Request{Device: "fake", Owner: "a", Memory: suite.Quota})
		require.NoError(t, err)
		t.Cleanup(l.Close)
		e, err := Dial(int(l.File.Fd()))
		require.NoError(t, err)
		return e
	})
}
