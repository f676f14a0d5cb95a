-- One row a run: written before anybody is told that the run was accepted, and ended once, by `finished`.
CREATE TABLE run(
  num INTEGER PRIMARY KEY AUTOINCREMENT,  -- names the run in the other tables; never given twice
  id TEXT NOT NULL UNIQUE,
  trigger TEXT NOT NULL UNIQUE,      -- one event starts at most one run, also over restarts
  workflow TEXT NOT NULL,            -- absolute path
  file TEXT NOT NULL,                -- the one file of a per-file run, else ''
  name TEXT NOT NULL,
  source BLOB,                       -- the workflow as it was
  inputs BLOB,                       -- values, as named.go writes them, with their bytes up to 128 KiB
  files BLOB,                        -- JSON
  why TEXT NOT NULL,
  status TEXT NOT NULL,
  accepted INTEGER NOT NULL,         -- times are Unix microseconds
  finished INTEGER,
  epoch INTEGER NOT NULL DEFAULT 0,  -- grows with every process that takes the run up
  owner TEXT NOT NULL,               -- the process that has it in hand: owners/<owner>.lock is locked while it lives
  error TEXT NOT NULL DEFAULT '',
  code TEXT NOT NULL DEFAULT '',
  cause TEXT NOT NULL DEFAULT '',
  outputs BLOB,
  ran INTEGER NOT NULL DEFAULT 0,
  cached INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0,
  doubt TEXT NOT NULL DEFAULT '',    -- history was lost while it was open: what it did may be missing here
  bare INTEGER NOT NULL DEFAULT 0    -- its details were forgotten; the row stays as the last of its workflow and file
) STRICT;
CREATE INDEX run_open ON run(accepted) WHERE finished IS NULL;
CREATE INDEX run_recent ON run(accepted);
CREATE INDEX run_workflow ON run(workflow, file, accepted);

-- One row an execution of a node. In the order of their ends, so that rows are appended and "what came after seq" is one
-- range; one that has only begun has a negative seq, or that of its last end.
CREATE TABLE invocation(
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL,              -- its end's place among the run's events
  path TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  status TEXT NOT NULL,
  site TEXT NOT NULL,
  type TEXT NOT NULL,
  module BLOB,
  key BLOB,
  outputs BLOB,                      -- values without their bytes
  started INTEGER NOT NULL,
  ended INTEGER,
  compile INTEGER NOT NULL,          -- microseconds spent on compiling its module, of its own time
  peak INTEGER NOT NULL,             -- bytes of guest memory
  effect INTEGER NOT NULL,           -- it may have written files
  error TEXT,
  code TEXT,
  cause TEXT,
  log BLOB,
  PRIMARY KEY(run, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX invocation_path ON invocation(run, path, attempt);

-- Everything else that happened in a run; seq is shared with the ends of invocations.
CREATE TABLE event(
  run INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  node TEXT NOT NULL,
  data BLOB,                         -- JSON
  PRIMARY KEY(run, seq)
) STRICT, WITHOUT ROWID;

-- Runs that are forgotten but whose invocations and events are not all deleted yet: that is done in slices.
CREATE TABLE doomed(num INTEGER PRIMARY KEY) STRICT;
