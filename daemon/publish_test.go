package daemon

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/cache"
	"levee/gpu/op"
	"levee/graph/value"
)

// onItsWay is a publication that somebody else ends.
func onItsWay(t *testing.T, p *publications, d value.Digest) *publication {
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	one := &publication{file: f, done: make(chan struct{})}
	p.list[d] = one
	return one
}

func TestNothingIsRecordedBeforeItsValuesAreStored(t *testing.T) {
	var p publications
	p.begin(t.Context())
	a, b := value.Digest{1}, value.Digest{2}
	first, second := onItsWay(t, &p, a), onItsWay(t, &p, b)
	recorded := make(chan string, 2)
	p.beside(p.late(nil, []value.Value{value.Stored("image", a, 1), value.OfInt(1)}), func(context.Context) { recorded <- "of a" })
	p.beside(p.late([]*publication{first}, []value.Value{value.Stored("image", b, 1)}), func(context.Context) { recorded <- "of both" })
	require.Empty(t, recorded)
	p.arrived(first)
	require.Equal(t, "of a", <-recorded)
	require.Empty(t, p.late(nil, []value.Value{value.Stored("image", a, 1)}), "that one has arrived")
	require.Nil(t, p.open(first))
	require.NotNil(t, p.open(second))

	second.err = lostOnGPU(op.Errorf(op.Lost, "the worker died"))
	p.failed(second.err)
	p.arrived(second)
	require.ErrorIs(t, p.end(), cache.ErrLost, "the run begins again")
	require.Empty(t, recorded)
	require.ErrorIs(t, second.wait(t.Context()), cache.ErrLost)
	p.begin(t.Context())
	require.NoError(t, p.end())
}

func TestWhoeverWaitsForAValueMayLeave(t *testing.T) {
	var p publications
	ctx, cancel := context.WithCancelCause(t.Context())
	p.begin(ctx)
	one := onItsWay(t, &p, value.Digest{1})
	p.beside([]*publication{one}, func(context.Context) { t.Error("it never arrived") })
	gone := errors.New("gone")
	cancel(gone)
	require.ErrorIs(t, one.wait(ctx), gone)
	require.NoError(t, p.end())
}

func TestWhatIsNoLossIsNotOne(t *testing.T) {
	require.NotErrorIs(t, lostOnGPU(op.Errorf(op.BadHandle, "x")), cache.ErrLost)
	require.NotErrorIs(t, lostOnGPU(errUntrue), cache.ErrLost)
	require.ErrorIs(t, lostOnGPU(op.Errorf(op.Unavailable, "x")), cache.ErrLost)
}
