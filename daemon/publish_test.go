package daemon

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"levee/cache"
	"levee/gpu/op"
	"levee/graph/value"
)

// onItsWay is a publication that somebody else ends.
func onItsWay(t *testing.T, p *publications, d value.Digest) *publication {
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	one := &publication{file: f, done: make(chan struct{}), decide: make(chan struct{})}
	one.use(0)
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
	first.arrived()
	require.Equal(t, "of a", <-recorded)
	require.Empty(t, p.late(nil, []value.Value{value.Stored("image", a, 1)}), "that one has arrived")
	require.Nil(t, first.open())
	require.NotNil(t, second.open())

	second.err = lostOnGPU(op.Errorf(op.Lost, "the worker died"))
	p.failed(second.err)
	second.arrived()
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

func TestWhatIsSaidOfAValueIsVerifiedOfItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p publications
		p.begin(t.Context())
		d := value.Digest{1}
		honest := value.Stored("tensor<u8,[n]>", d, 100)
		first, begun, err := p.enter(t.Context(), honest, []byte("head"), 0)
		require.NoError(t, err)
		require.True(t, begun)
		same, begun, err := p.enter(t.Context(), honest, []byte("head"), 0)
		require.NoError(t, err)
		require.False(t, begun)
		require.Same(t, first, same)

		entered := make(chan *publication, 3)
		for _, lie := range []func(){
			func() { enter(t, &p, value.Stored("image", d, 100), "head", entered) },
			func() { enter(t, &p, value.Stored("tensor<u8,[n]>", d, 99), "head", entered) },
			func() { enter(t, &p, honest, "tail", entered) },
		} {
			go lie()
			synctest.Wait()
			require.Empty(t, entered, "the first one is on its way")
		}
		first.arrived()
		for range 3 {
			other := <-entered
			require.NotSame(t, first, other)
			other.arrived()
		}
	})
}

func enter(t *testing.T, p *publications, v value.Value, head string, entered chan<- *publication) {
	one, begun, err := p.enter(t.Context(), v, []byte(head), 0)
	require.NoError(t, err)
	require.True(t, begun)
	entered <- one
}

func TestAValueThatNeverArrivedIsNotLookedForElsewhere(t *testing.T) {
	var p publications
	p.begin(t.Context())
	d := value.Digest{1}
	one := onItsWay(t, &p, d)
	one.err = errUntrue
	p.failed(one.err)
	one.arrived()
	require.Same(t, one, p.of(d), "that another run stored something under this digest does not make it this one's")
	require.ErrorIs(t, p.of(d).wait(t.Context()), errUntrue)
}

func TestNothingStoredIsGivenForAnInputThatIsNotVerified(t *testing.T) {
	var p publications
	p.begin(t.Context())
	d := value.Digest{1}
	one := onItsWay(t, &p, d)
	inputs := []value.Value{{}, value.OfInt(1), value.Stored("image", d, 1)}
	said := make(chan error)
	go func() { said <- p.verified(t.Context(), inputs) }()
	select {
	case <-said:
		t.Fatal("it is not there")
	default:
	}
	one.err = errUntrue
	one.arrived()
	require.ErrorIs(t, <-said, errUntrue)
	require.NoError(t, p.verified(t.Context(), inputs[:2]))
}
