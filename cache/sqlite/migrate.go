package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// VersionError says that a database was written by a newer levee.
type VersionError struct {
	Path       string
	Have, Know int // schema version in the file, newest version this program knows
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s has schema version %d, and this levee knows up to %d: use the newer levee, or another directory",
		e.Path, e.Have, e.Know)
}

// migrate runs the scripts that the database has not seen, all in one transaction, so that a crash leaves the old
// schema or the new one.
func migrate(ctx context.Context, db *sql.DB, path string, schema []string) error {
	var have int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("sqlite: %s: %w", path, err)
	}
	if have == len(schema) {
		return nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("sqlite: %s: %w", path, err)
	}
	defer tx.Rollback() // after Commit it does nothing
	// Again, inside the transaction: another process may have migrated meanwhile.
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return fmt.Errorf("sqlite: %s: %w", path, err)
	}
	if have > len(schema) {
		return &VersionError{Path: path, Have: have, Know: len(schema)}
	}
	for v := have; v < len(schema); v++ {
		if _, err := tx.ExecContext(ctx, schema[v]); err != nil {
			return fmt.Errorf("sqlite: %s: schema version %d: %w", path, v+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(schema))); err != nil {
		return fmt.Errorf("sqlite: %s: %w", path, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("sqlite: %s: %w", path, err)
	}
	return nil
}
