package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
)

// LossError says that the database holds less than was committed to it: its WAL was cut or removed, its file emptied,
// or an older copy put in its place. quick_check calls all of these fine.
type LossError struct {
	Path     string
	Have     uint64 // commits in the database
	Want     uint64 // commits that the witness has seen
	Replaced bool   // it is another database altogether; Have and Want do not compare
}

func (e *LossError) Error() string {
	if e.Replaced {
		return fmt.Sprintf("%s is not the database that was there before: it was emptied or replaced", e.Path)
	}
	return fmt.Sprintf("%s ends at commit %d, but %d were made: the last %d are gone", e.Path, e.Have, e.Want, e.Want-e.Have)
}

// witness notes the number of the last commit in a small file. The write is never synced: it follows the commit, so
// with Sync Full it cannot be ahead of what is durable, and an old one after a power cut only proves less.
//
// The file is 8 bytes instance, 8 bytes commit number (both big endian), 4 bytes CRC-32 of these.
type witness struct {
	file     *os.File
	instance [8]byte
}

const witnessSize = 20

// openWitness compares the witness file with the database and opens it for writing. A nil witness is one that is not asked for.
func openWitness(ctx context.Context, db *sql.DB, path string, acceptLoss bool) (*witness, error) {
	if path == "" {
		return nil, nil
	}
	fail := func(err error) (*witness, error) { return nil, fmt.Errorf("sqlite: witness %s: %w", path, err) }
	// The file first: commits of another process that come between then only make the database look newer.
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	instance, have, err := loadMark(ctx, db)
	if err != nil {
		return fail(err)
	}
	// A missing or damaged witness proves nothing, and a new one is begun.
	if seen, want, ok := parseWitness(old); ok && (seen != instance || want > have) {
		if !acceptLoss {
			return nil, &LossError{Path: path, Have: have, Want: want, Replaced: seen != instance}
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fail(err)
	}
	w := &witness{file: f, instance: instance}
	if err := w.note(have); err != nil {
		return fail(errors.Join(err, f.Close()))
	}
	return w, nil
}

// loadMark reads the database's own count, making it on first use.
func loadMark(ctx context.Context, db *sql.DB) (instance [8]byte, seq uint64, err error) {
	if _, err := rand.Read(instance[:]); err != nil {
		return instance, 0, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return instance, 0, err
	}
	defer tx.Rollback()
	const table = `CREATE TABLE IF NOT EXISTS witness(id INTEGER PRIMARY KEY CHECK (id = 1), instance BLOB NOT NULL, seq INTEGER NOT NULL) STRICT`
	if _, err := tx.ExecContext(ctx, table); err != nil {
		return instance, 0, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT OR IGNORE INTO witness VALUES (1, ?, 0)`, instance[:]); err != nil {
		return instance, 0, err
	}
	var stored []byte
	var n int64
	if err := tx.QueryRowContext(ctx, `SELECT instance, seq FROM witness WHERE id = 1`).Scan(&stored, &n); err != nil {
		return instance, 0, err
	}
	if len(stored) != len(instance) || n < 0 {
		return instance, 0, ErrCorrupt
	}
	copy(instance[:], stored)
	return instance, uint64(n), tx.Commit()
}

func parseWitness(b []byte) (instance [8]byte, seq uint64, ok bool) {
	if len(b) != witnessSize || crc32.ChecksumIEEE(b[:16]) != binary.BigEndian.Uint32(b[16:]) {
		return instance, 0, false
	}
	copy(instance[:], b)
	return instance, binary.BigEndian.Uint64(b[8:]), true
}

// next counts the commit in the same transaction as what it holds.
func (w *witness) next(tx *sql.Tx, last uint64) (uint64, error) {
	if w == nil {
		return last + 1, nil
	}
	var n int64
	err := tx.QueryRow(`UPDATE witness SET seq = seq + 1 WHERE id = 1 RETURNING seq`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("sqlite: %w", err)
	}
	return uint64(n), nil
}

func (w *witness) note(seq uint64) error {
	if w == nil {
		return nil
	}
	var b bytes.Buffer
	b.Write(w.instance[:])
	b.Write(binary.BigEndian.AppendUint64(nil, seq))
	b.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(b.Bytes())))
	_, err := w.file.WriteAt(b.Bytes(), 0)
	return err
}

func (w *witness) close() error {
	if w == nil {
		return nil
	}
	return w.file.Close()
}
