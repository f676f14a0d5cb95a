CREATE TABLE run(
  id TEXT PRIMARY KEY,
  trigger TEXT NOT NULL UNIQUE,      -- one event starts at most one run, also over restarts
  workflow TEXT NOT NULL,            -- absolute path
  file TEXT NOT NULL,                -- the one file of a per-file run, else ''
  name TEXT NOT NULL,
  source BLOB NOT NULL,              -- the workflow as it was
  inputs TEXT NOT NULL,
  files TEXT NOT NULL,
  why TEXT NOT NULL,
  status TEXT NOT NULL,
  accepted INTEGER NOT NULL,         -- times are Unix microseconds
  finished INTEGER,
  epoch INTEGER NOT NULL DEFAULT 0,  -- grows with every process that takes the run up
  owner TEXT NOT NULL,
  error TEXT NOT NULL DEFAULT '',
  code TEXT NOT NULL DEFAULT '',
  cause TEXT NOT NULL DEFAULT '',
  outputs TEXT NOT NULL DEFAULT '[]',
  ran INTEGER NOT NULL DEFAULT 0,
  cached INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX run_open ON run(accepted) WHERE finished IS NULL;
CREATE INDEX run_recent ON run(accepted);
CREATE INDEX run_workflow ON run(workflow, file, accepted);

CREATE TABLE invocation(
  run TEXT NOT NULL,
  path TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  seq INTEGER NOT NULL,              -- its end's place among the run's events
  status TEXT NOT NULL,
  site TEXT NOT NULL,
  type TEXT NOT NULL,
  module BLOB NOT NULL,
  key BLOB NOT NULL,
  outputs TEXT NOT NULL,             -- names, types, digests, sizes
  started INTEGER NOT NULL,
  ended INTEGER,
  compile INTEGER NOT NULL,          -- microseconds spent on compiling its module, of its own time
  peak INTEGER NOT NULL,             -- bytes of guest memory
  effect INTEGER NOT NULL,           -- it may have written files
  error TEXT NOT NULL,
  code TEXT NOT NULL,
  cause TEXT NOT NULL,
  log BLOB,
  PRIMARY KEY(run, path, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE event(
  run TEXT NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  node TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY(run, seq)
) STRICT, WITHOUT ROWID;
