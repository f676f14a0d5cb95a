package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	goruntime "runtime"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"levee/cache/sqlite"
)

// openLook opens a history for reading alone. One that was never written reads as empty, without being made.
func openLook(ctx context.Context, path string) (*sql.DB, error) {
	dir := filepath.Dir(path)
	if exists(dir) {
		if err := sqlite.Local(dir); err != nil {
			return nil, err
		}
	}
	db, err := openFile(ctx, path)
	if !errors.Is(err, errNew) {
		return db, err
	}
	if exists(filepath.Join(dir, witnessName)) { // which is made after the tables
		return nil, fmt.Errorf("%s was removed or emptied: start a run or levee serve, which restores the last backup", path)
	}
	db, err = sql.Open("sqlite3", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	for _, script := range schema() {
		if _, err := db.ExecContext(ctx, script); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

var errNew = errors.New("nothing was recorded yet")

// openFile opens an existing database with connections that can not write; errNew when it is not there or has no tables yet.
func openFile(ctx context.Context, path string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if !exists(path) {
		return nil, errNew
	}
	v := url.Values{"mode": {"ro"}, "_query_only": {"1"}, "_busy_timeout": {"5000"}, "_stmt_cache_size": {"16"}}
	db, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+v.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(goruntime.NumCPU())
	db.SetMaxIdleConns(goruntime.NumCPU())
	known := len(schema())
	var have int
	err = db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&have)
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %w", path, err)
	case have == 0:
		err = errNew
	case have < known:
		err = fmt.Errorf("%s was written by an older levee: any levee run or levee serve brings it up to date", path)
	case have > known:
		err = &sqlite.VersionError{Path: path, Have: have, Know: known}
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
