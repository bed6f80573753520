-- Schema 4 of an incident file. docs/incident-file.md explains it.
-- Instants (_at, from_ns, to_ns, ...) are unix nanoseconds in UTC, NULL when
-- unknown; lengths are nanoseconds; words are those of the program's reports.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE source (
  name TEXT NOT NULL, grp TEXT NOT NULL, state TEXT NOT NULL, last_ns INTEGER, detail TEXT NOT NULL,
  since_ns INTEGER, clock_ns INTEGER, clock_err_ns INTEGER,
  PRIMARY KEY (name, grp)
) WITHOUT ROWID;

CREATE TABLE origin (
  id INTEGER PRIMARY KEY, grp TEXT NOT NULL, name TEXT NOT NULL, file TEXT NOT NULL,
  UNIQUE (grp, name, file)
);

CREATE TABLE endpoint (
  id INTEGER PRIMARY KEY, method TEXT NOT NULL, route TEXT NOT NULL,
  UNIQUE (method, route)
);

CREATE TABLE bucket (
  at_ns INTEGER NOT NULL, width_ns INTEGER NOT NULL, endpoint INTEGER NOT NULL REFERENCES endpoint,
  status INTEGER NOT NULL, outcome TEXT NOT NULL, origin INTEGER NOT NULL REFERENCES origin,
  byte_from INTEGER NOT NULL, byte_to INTEGER NOT NULL,
  started INTEGER NOT NULL, ended INTEGER NOT NULL,
  PRIMARY KEY (at_ns, width_ns, endpoint, status, outcome, origin, byte_from, byte_to)
) WITHOUT ROWID;

CREATE TABLE latency (
  at_ns INTEGER NOT NULL, width_ns INTEGER NOT NULL, endpoint INTEGER NOT NULL REFERENCES endpoint,
  outcome TEXT NOT NULL, origin INTEGER NOT NULL REFERENCES origin,
  byte_from INTEGER NOT NULL, byte_to INTEGER NOT NULL, sketch BLOB NOT NULL,
  PRIMARY KEY (at_ns, width_ns, endpoint, outcome, origin, byte_from, byte_to)
) WITHOUT ROWID;

-- sketch is NULL where no duration was logged.
CREATE TABLE upstream (
  at_ns INTEGER NOT NULL, width_ns INTEGER NOT NULL, name TEXT NOT NULL, status INTEGER NOT NULL, outcome TEXT NOT NULL,
  origin INTEGER NOT NULL REFERENCES origin, byte_from INTEGER NOT NULL, byte_to INTEGER NOT NULL,
  started INTEGER NOT NULL, ended INTEGER NOT NULL, sketch BLOB,
  PRIMARY KEY (at_ns, width_ns, name, status, outcome, origin, byte_from, byte_to)
) WITHOUT ROWID;

CREATE TABLE episode (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL,
  from_ns INTEGER, to_ns INTEGER, open INTEGER NOT NULL, from_err_ns INTEGER NOT NULL, to_err_ns INTEGER NOT NULL,
  wanted TEXT NOT NULL, held TEXT NOT NULL, lock_type TEXT NOT NULL, relation TEXT NOT NULL,
  blockers TEXT NOT NULL, was TEXT NOT NULL, text TEXT NOT NULL, value REAL NOT NULL,
  pid INTEGER NOT NULL, leader_pid INTEGER NOT NULL, user_name TEXT NOT NULL, database TEXT NOT NULL,
  application TEXT NOT NULL, client TEXT NOT NULL, backend_type TEXT NOT NULL, state TEXT NOT NULL,
  wait_event_type TEXT NOT NULL, wait_event TEXT NOT NULL,
  backend_start_ns INTEGER, xact_start_ns INTEGER, query_start_ns INTEGER, query TEXT NOT NULL,
  origin INTEGER NOT NULL REFERENCES origin, byte_from INTEGER NOT NULL, byte_to INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE lock_sample (at_ns INTEGER PRIMARY KEY);

CREATE TABLE series (
  id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, labels TEXT NOT NULL,
  unit TEXT NOT NULL, kind TEXT NOT NULL, caveat TEXT NOT NULL, start_ns INTEGER,
  origin INTEGER NOT NULL REFERENCES origin
);

-- v is NULL where the source said that it has no value.
CREATE TABLE point (
  series INTEGER NOT NULL REFERENCES series, at_ns INTEGER NOT NULL, v REAL,
  PRIMARY KEY (series, at_ns)
) WITHOUT ROWID;

-- bins is [[lo, hi, n], ...] in seconds, hi null where it is open above.
CREATE TABLE histogram (
  series INTEGER NOT NULL REFERENCES series, at_ns INTEGER NOT NULL, bins TEXT NOT NULL,
  PRIMARY KEY (series, at_ns)
) WITHOUT ROWID;

CREATE TABLE exemplar (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, start_ns INTEGER, end_ns INTEGER,
  endpoint INTEGER NOT NULL REFERENCES endpoint, status INTEGER NOT NULL, outcome TEXT NOT NULL,
  took_ns INTEGER NOT NULL, raw TEXT NOT NULL, note TEXT NOT NULL,
  origin INTEGER NOT NULL REFERENCES origin, byte_from INTEGER NOT NULL, byte_to INTEGER NOT NULL,
  upstream TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

-- Where logs lay when they were read, and how they were read.
CREATE TABLE log_file (
  origin INTEGER NOT NULL REFERENCES origin, path TEXT NOT NULL, format TEXT NOT NULL, zone TEXT NOT NULL, unit TEXT NOT NULL,
  routes TEXT NOT NULL, byte_from INTEGER NOT NULL, byte_to INTEGER NOT NULL,
  PRIMARY KEY (origin, path)
) WITHOUT ROWID;

CREATE TABLE change (
  id TEXT PRIMARY KEY, at_ns INTEGER, kind TEXT NOT NULL, system TEXT NOT NULL, text TEXT NOT NULL,
  origin INTEGER NOT NULL REFERENCES origin, byte_from INTEGER NOT NULL, byte_to INTEGER NOT NULL
) WITHOUT ROWID;

-- What people wrote of the timeline: an entry of their own, or what they changed of
-- one that the evidence gives (start_ns is NULL then, unless they changed the start).
CREATE TABLE entry (id TEXT PRIMARY KEY, start_ns INTEGER, written TEXT NOT NULL) WITHOUT ROWID;

-- Every action of a person: the rows of one change are undone together.
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY, change INTEGER NOT NULL, at_ns INTEGER NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL,
  entry TEXT NOT NULL, before TEXT, after TEXT, undoes INTEGER
);

CREATE TABLE threshold_set (
  name TEXT PRIMARY KEY, at_ns INTEGER NOT NULL, library TEXT NOT NULL, sets TEXT NOT NULL
) WITHOUT ROWID;
