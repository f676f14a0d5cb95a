package cache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

// The test binary runs itself again as a second process.
const (
	childJob = "LEVEE_CACHE_TEST_JOB"
	childDir = "LEVEE_CACHE_TEST_DIR"
)

func childCommand(t *testing.T, job, dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childJob+"="+job, childDir+"="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// child is the second process. It prints the number of each entry after Put returned.
func child(job, dir string) int {
	c, err := Open(dir, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	first, err := strconv.Atoi(job)
	if err == nil {
		for n := first; ; n++ {
			if err := childPut(c, n); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			fmt.Println(n)
		}
	}
	fmt.Println("ready")
	if err := mix(c, 2); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := c.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func childPut(c *Cache, n int) error {
	e := &Entry{Key: keyOf("sample", n), Node: "test/node", Parts: NewKey().Int("n", int64(n)).Parts(),
		Outputs: []value.Value{value.OfInt(int64(n)), {}, value.OfString(fmt.Sprint("text ", n))}}
	if n%5 == 0 {
		v, err := c.PutValue(context.Background(), value.Bytes, blob(uint64(n), value.InlineMax+1000+n))
		if err != nil {
			return err
		}
		e.Outputs = append(e.Outputs, v)
	}
	return c.Put(context.Background(), e)
}

// TestKilled kills a process in the middle of its writing, again and again: all that it acknowledged is there and right.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(3, 4))
	next := 0
	for range 8 {
		cmd := childCommand(t, strconv.Itoa(next), dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for range 1 + rng.IntN(60) {
			require.True(t, lines.Scan())
		}
		require.NoError(t, cmd.Process.Kill())
		acked := lines.Text()
		for lines.Scan() {
			acked = lines.Text() // printed before the kill arrived
		}
		cmd.Wait()
		last, err := strconv.Atoi(acked)
		require.NoError(t, err)

		c, err := Open(dir, Options{})
		require.NoError(t, err)
		for n := range last + 1 {
			e, err := c.Get(t.Context(), keyOf("sample", n))
			require.NoError(t, err, n)
			checkSample(t, c, n, e)
			if n%5 == 0 {
				_, err := c.Bytes(t.Context(), e.Outputs[3])
				require.NoError(t, err)
			}
		}
		r, err := c.Verify(t.Context())
		require.NoError(t, err)
		require.True(t, r.Clean(), "%+v", r)
		require.NoError(t, c.Close())
		next = last + 1
	}
}

// mix stores, reads, trims and verifies at random, and fails on a wrong result only.
func mix(c *Cache, seed uint64) error {
	ctx := context.Background()
	rng := rand.New(rand.NewPCG(seed, 9))
	for range 500 {
		n := rng.IntN(60)
		switch rng.IntN(10) {
		case 0:
			if _, err := c.Trim(ctx, 2<<20); err != nil {
				return err
			}
		case 1, 2, 3:
			if err := childPut(c, n); err != nil && !errors.Is(err, ErrLost) {
				return err
			}
		default:
			e, err := c.Get(ctx, keyOf("sample", n))
			if errors.Is(err, ErrMiss) {
				continue
			}
			if err != nil {
				return err
			}
			if enc, _ := e.Outputs[0].Inline(); value.DecodeInt(enc) != int64(n) {
				return fmt.Errorf("entry %d has the result of another", n)
			}
			if n%5 != 0 {
				continue
			}
			b, err := c.Bytes(ctx, e.Outputs[3])
			if err == nil && value.Sum(b) != value.Sum(blob(uint64(n), value.InlineMax+1000+n)) {
				return fmt.Errorf("entry %d has a wrong value", n)
			}
			if err != nil && !errors.Is(err, ErrLost) {
				return err
			}
		}
	}
	return nil
}

func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	cmd := childCommand(t, "mix", dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.True(t, bufio.NewScanner(out).Scan())
	c := open(t, dir, Options{})
	require.NoError(t, mix(c, 1))
	require.NoError(t, cmd.Wait())
	r, err := c.Verify(t.Context())
	require.NoError(t, err)
	require.Zero(t, r.BadEntries+r.BadFiles, "%+v", r)
	require.Empty(t, r.Database)
}
