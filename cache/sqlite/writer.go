package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync"
	"sync/atomic"
)

// Tx is the transaction of the writer.
type Tx struct {
	*sql.Tx
	conn *sql.Conn // which it is on
	room *room
}

// room is what Insert uses again.
type room struct {
	args  []any
	named []driver.NamedValue
}

// Args gives room for the arguments of the next Insert.
func (t *Tx) Args() []any { return t.room.args[:0] }

// Insert runs a statement that gives no rows, with arguments in the room of Args. With hundreds of them it is faster than Exec, which converts
// each and crosses to C once for it. They are of the types that a driver takes: int64, bool, string, []byte, nil.
func (t *Tx) Insert(query string, args []any) error {
	named := t.room.named[:0]
	for i, v := range args {
		named = append(named, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	t.room.args, t.room.named = args, named
	defer clear(args)
	defer clear(named)
	return t.conn.Raw(func(conn any) error {
		rows, err := conn.(driver.QueryerContext).QueryContext(context.Background(), query, named)
		if err != nil {
			return err
		}
		return rows.Close()
	})
}

// job is one call of Write.
type job struct {
	fn       func(*Tx) error
	taken    atomic.Bool // by the writer, or by a caller who leaves: whoever is first decides
	done     chan struct{}
	err      error
	panicked any
}

// writer owns the writing connection. One goroutine serves all callers, so that many small writes share one fsync: with
// 64 callers and FULL that is 7 to 11 times the throughput of a connection each, and no caller waits a second for a lock.
type writer struct {
	db    *sql.DB
	mark  *witness
	after func(uint64)
	jobs  chan *job // unbuffered: a send that succeeded was received, so nothing is left behind on close
	stop  chan struct{}
	gone  chan struct{} // closed when the goroutine has ended, also when a callback ended it (runtime.Goexit)
	end   sync.WaitGroup
	once  sync.Once

	// Used by the goroutine alone.
	room    room
	seq     uint64
	stopped bool // a commit failed in fsync
}

func newWriter(db *sql.DB, mark *witness, after func(uint64)) *writer {
	w := &writer{db: db, mark: mark, after: after, jobs: make(chan *job),
		stop: make(chan struct{}), gone: make(chan struct{})}
	w.end.Go(func() {
		defer close(w.gone)
		w.run()
	})
	return w
}

func (w *writer) close() error {
	w.once.Do(func() { close(w.stop) })
	w.end.Wait()
	return w.mark.close()
}

// Write runs fn in a transaction on the one writing connection and returns after the commit that holds it. Writes that
// wait at the same time share a commit. When one of them fails each is run again alone, so fn may be called more than
// once and must not keep what it learned from a call that was not the last; it must return the error of any statement
// that fails, and must not commit or roll back. An error from ctx means that fn was not run. A panic of fn is raised
// in the caller.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{fn: fn, done: make(chan struct{})}
	select {
	case db.writer.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.writer.stop:
		return ErrClosed
	case <-db.writer.gone:
		return ErrClosed
	}
	if !j.wait(ctx, db.writer.gone) {
		return ctx.Err()
	}
	if j.panicked != nil {
		panic(j.panicked)
	}
	return j.err
}

// wait returns when the job has its result. It reports false when ctx ended before the writer took the job; once taken,
// only the result says what is stored.
func (j *job) wait(ctx context.Context, gone <-chan struct{}) bool {
	left := ctx.Done()
	for {
		select {
		case <-j.done:
			return true
		case <-left:
			if j.taken.CompareAndSwap(false, true) {
				return false
			}
			left = nil
		case <-gone:
			select {
			case <-j.done:
			default:
				j.err = ErrClosed
			}
			return true
		}
	}
}

func (w *writer) run() {
	for {
		select {
		case j := <-w.jobs:
			w.serve(w.collect(j))
		case <-w.stop:
			return
		}
	}
}

// collect takes what waits already. It sets no timer: under load a batch fills while the one before it commits, and a
// lone write should not wait for company.
func (w *writer) collect(first *job) []*job {
	batch := []*job{first}
	for len(batch) < MaxBatch {
		select {
		case j := <-w.jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

func (w *writer) serve(batch []*job) {
	live := batch[:0]
	for _, j := range batch {
		if j.taken.CompareAndSwap(false, true) {
			live = append(live, j)
		}
	}
	if len(live) == 0 {
		return
	}
	if !w.together(live) {
		// A failed statement may have rolled back all of them (a full disk does), so each is tried alone.
		for _, j := range live {
			w.together([]*job{j})
		}
	}
	for _, j := range live {
		close(j.done)
	}
}

// together runs the jobs in one transaction. It reports false, with nothing stored, when they should be tried one by one.
func (w *writer) together(batch []*job) bool {
	settle := func(err error) bool {
		for _, j := range batch {
			j.err, j.panicked = err, nil
		}
		return true
	}
	if w.stopped {
		return settle(ErrStopped)
	}
	tx, err := w.begin()
	if err != nil {
		// Not one by one: when another process holds the lock each would wait the busy timeout again.
		return settle(fmt.Errorf("sqlite: %w", err))
	}
	for _, j := range batch {
		j.panicked, j.err = call(j.fn, tx)
		if j.err != nil || j.panicked != nil {
			tx.undo()
			return len(batch) == 1
		}
	}
	seq, err := w.mark.next(tx.Tx, w.seq)
	if err != nil {
		tx.undo()
		return len(batch) == 1 && settle(err)
	}
	if err := tx.keep(); err != nil {
		if isFsync(err) {
			w.stopped = true
			return settle(&CommitError{Err: err})
		}
		return len(batch) == 1 && settle(fmt.Errorf("sqlite: %w", err))
	}
	w.seq = seq
	// A witness that cannot be written must not fail a commit that is there: an old one only proves less.
	_ = w.mark.note(seq)
	if w.after != nil {
		w.after(seq)
	}
	return settle(nil)
}

func (w *writer) begin() (*Tx, error) {
	conn, err := w.db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(context.Background(), nil)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &Tx{Tx: tx, conn: conn, room: &w.room}, nil
}

func (t *Tx) keep() error {
	defer t.conn.Close()
	return t.Commit()
}

func (t *Tx) undo() {
	t.Rollback() // an error here means that SQLite has rolled back already
	t.conn.Close()
}

// call runs fn and catches its panic, which belongs to the caller of Write and not to the writer that all share.
func call(fn func(*Tx) error, tx *Tx) (panicked any, err error) {
	defer func() { panicked = recover() }()
	return nil, fn(tx)
}
