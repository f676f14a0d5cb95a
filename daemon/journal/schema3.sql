-- Version 3: the literals of a node in the row that is its beginning and its end.
ALTER TABLE invocation ADD COLUMN properties BLOB;  -- JSON, as the message of its beginning has them; only where began is 1
