-- Version 2: a queue in front of the runs, runs of runs, and answers of people.
ALTER TABLE run ADD COLUMN started INTEGER;                         -- when it left the queue
ALTER TABLE run ADD COLUMN cancelled INTEGER;                       -- when somebody asked for its end
ALTER TABLE run ADD COLUMN parent TEXT NOT NULL DEFAULT '';         -- id of the run one of whose nodes it is
ALTER TABLE run ADD COLUMN parent_path TEXT NOT NULL DEFAULT '';    -- path of that node
ALTER TABLE run ADD COLUMN options BLOB;                            -- JSON: how it was asked to run
ALTER TABLE invocation ADD COLUMN began INTEGER NOT NULL DEFAULT 0; -- 1: the message of its beginning has no row of its own: this row is both
ALTER TABLE invocation ADD COLUMN name TEXT;                        -- what people call the node, where that is not the end of its site
UPDATE run SET started=accepted;
UPDATE run SET status='running' WHERE status='accepted';
UPDATE run SET status='cancelled', error=CASE error WHEN '' THEN 'superseded by a newer version of the workflow' ELSE error END WHERE status='superseded';

-- What people answered to the nodes of a run that waits for them.
CREATE TABLE answer(
  run INTEGER NOT NULL,
  path TEXT NOT NULL,                -- of the node
  name TEXT NOT NULL,                -- of the value
  value BLOB NOT NULL,               -- as named.go writes it
  at INTEGER NOT NULL,
  PRIMARY KEY(run, path, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_parent ON run(parent) WHERE parent <> '';

-- How far the times of workflows that run by time have been dealt with.
CREATE TABLE schedule(
  workflow TEXT PRIMARY KEY,         -- absolute path
  spec TEXT NOT NULL,                -- the times, as a text
  version BLOB NOT NULL,             -- of the workflow, for which that is so
  dealt INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
