package cache

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"levee/graph/value"
)

const benchRows = 10_000

func benchCache(b *testing.B) (*Cache, []Key) {
	c := open(b, b.TempDir(), Options{})
	keys := make([]Key, benchRows)
	for n := range keys {
		keys[n] = keyOf("bench", n)
		require.NoError(b, c.Put(b.Context(), benchEntry(keys[n], n)))
	}
	return c, keys
}

func benchEntry(k Key, n int) *Entry {
	return &Entry{Key: k, Node: "bench/node", Site: "bench.flow.yaml/node", Outputs: []value.Value{value.OfString(fmt.Sprintf("%0100d", n))},
		Parts: NewKey().String("node", "bench/node").Int("n", int64(n)).Parts(), Cost: time.Millisecond}
}

// BenchmarkHit prints the time per hit, beside what reading the same rows costs without this package.
func BenchmarkHit(b *testing.B) {
	c, keys := benchCache(b)
	b.Run("floor: plain SQL", func(b *testing.B) {
		st, err := c.db.Load().Reader().Prepare(`SELECT id, key, sum, body FROM action WHERE key = ?`)
		require.NoError(b, err)
		defer st.Close()
		for i := 0; b.Loop(); i++ {
			var id int64
			var key, sum, body []byte
			if err := st.QueryRow(keys[i%benchRows][:]).Scan(&id, &key, &sum, &body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("floor: plain SQL, 64 at once", func(b *testing.B) {
		var rows *sql.Rows
		var err error
		for i := 0; b.Loop(); i += 64 {
			args := make([]any, 64)
			for k := range args {
				args[k] = keys[(i+k)%benchRows][:]
			}
			if rows, err = c.db.Load().Reader().Query(selects[64], args...); err != nil {
				b.Fatal(err)
			}
			for rows.Next() {
				var id int64
				var key, sum, body []byte
				if err := rows.Scan(&id, &key, &sum, &body); err != nil {
					b.Fatal(err)
				}
			}
			rows.Close()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/64, "ns/row")
	})
	b.Run("Get", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := c.Get(b.Context(), keys[i%benchRows]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Get of 10,000 at once", func(b *testing.B) {
		for b.Loop() {
			getAll(b, c, keys)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
	})
	b.Run("miss", func(b *testing.B) {
		absent := keyOf("absent")
		for b.Loop() {
			if _, err := c.Get(b.Context(), absent); err != ErrMiss {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkPut prints the time per stored result, one caller and many, beside plain inserts of the same rows.
func BenchmarkPut(b *testing.B) {
	b.Run("floor: plain SQL", func(b *testing.B) {
		c := open(b, b.TempDir(), Options{})
		plain, err := sql.Open("sqlite3", "file:"+c.dbPath()+"?_journal_mode=WAL&_synchronous=NORMAL&_txlock=immediate&_stmt_cache_size=32")
		require.NoError(b, err)
		defer plain.Close()
		plain.SetMaxOpenConns(1)
		for i := 0; b.Loop(); i++ {
			e := benchEntry(keyOf("floor", i), i)
			r, err := c.newRow(b.Context(), e)
			if err != nil {
				b.Fatal(err)
			}
			tx, err := plain.Begin()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := tx.Exec(`INSERT INTO action(key, sum, body) VALUES (?, ?, ?)`, r.key[:], r.sum, r.body); err != nil {
				b.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Put", func(b *testing.B) {
		c := open(b, b.TempDir(), Options{})
		for i := 0; b.Loop(); i++ {
			if err := c.Put(b.Context(), benchEntry(keyOf("put", i), i)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Put, 64 callers", func(b *testing.B) {
		c := open(b, b.TempDir(), Options{})
		var n counters
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				i := int(n.stored.Add(1))
				if err := c.Put(b.Context(), benchEntry(keyOf("put", i), i)); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("PutSoon", func(b *testing.B) {
		c := open(b, b.TempDir(), Options{})
		for i := 0; b.Loop(); i++ {
			if err := c.PutSoon(b.Context(), benchEntry(keyOf("put", i), i)); err != nil {
				b.Fatal(err)
			}
		}
		require.NoError(b, c.Flush(b.Context()))
	})
	b.Run("large value, 1 MiB", func(b *testing.B) {
		c := open(b, b.TempDir(), Options{})
		content := blob(1, 1<<20)
		b.SetBytes(1 << 20)
		for i := 0; b.Loop(); i++ {
			content[0], content[1], content[2] = byte(i), byte(i>>8), byte(i>>16)
			if _, err := c.PutValue(b.Context(), value.Bytes, content); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkKey is what naming one invocation costs.
func BenchmarkKey(b *testing.B) {
	in := value.OfString("input")
	for b.Loop() {
		k := NewKey().String("engine", "wazero 1.12.0 amd64").Digest("module", in.Digest).String("node", "image/resize").
			Value("in image", in).Value("in width", value.OfInt(256)).String("limits", "memory 256MiB").Int("seed", 1)
		_ = k.Key()
	}
}
