-- One row per stored result. body holds the outputs and what is needed at a hit; sum covers key and body, because SQLite
-- does not notice a changed byte inside a row.
CREATE TABLE action(
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  sum BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- What only people ask for (parts of the key, log), apart, so that a hit does not read it.
CREATE TABLE detail(
  id INTEGER PRIMARY KEY,
  site TEXT NOT NULL,
  node TEXT NOT NULL,
  sum BLOB NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE INDEX detail_site ON detail(site, id);

-- What trimming goes by, apart and narrow: a hit writes here, and a trim reads all of it.
CREATE TABLE use(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,    -- last use, Unix seconds
  size INTEGER NOT NULL,  -- bytes of the rows and of the value files
  cost INTEGER NOT NULL   -- microseconds it took to make
) STRICT;

-- Which value files a result needs.
CREATE TABLE ref(
  digest BLOB NOT NULL,
  action INTEGER NOT NULL,
  PRIMARY KEY(digest, action)
) STRICT, WITHOUT ROWID;
CREATE INDEX ref_action ON ref(action);

-- The sets of paths that the node behind a key was seen to read and write; last is the newest action stored through it.
CREATE TABLE pathset(
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL,
  sum BLOB NOT NULL,
  body BLOB NOT NULL,
  last INTEGER NOT NULL,
  UNIQUE(key, sum)
) STRICT;
CREATE INDEX pathset_last ON pathset(last);
