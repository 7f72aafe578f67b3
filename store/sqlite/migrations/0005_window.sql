-- The sums of conversion by hours and days of the conversion time, kept by the same transactions as total, so that a sum over
-- a window of time reads rows one by one only within the hours at its two ends. A sum that came to nothing stays with 0 rows.
CREATE TABLE total_window (
  account  TEXT NOT NULL,
  width    INTEGER NOT NULL, -- of the time that is summed up: an hour or a day, in microseconds
  start    INTEGER NOT NULL, -- of that time: a multiple of its width, so days are those of UTC
  stage    TEXT NOT NULL,
  state    TEXT NOT NULL,
  reason   TEXT NOT NULL,
  currency TEXT NOT NULL,
  rows     INTEGER NOT NULL,
  wanted   INTEGER NOT NULL, -- wanted_cents
  known    INTEGER NOT NULL, -- known_cents
  PRIMARY KEY (account, width, start, stage, state, reason, currency)
) STRICT, WITHOUT ROWID;
INSERT INTO total_window
  SELECT account, 3600000000, at - ((at % 3600000000) + 3600000000) % 3600000000, stage, state, reason, currency,
    count(*), sum(wanted_cents), sum(known_cents)
  FROM conversion GROUP BY 1, 2, 3, 4, 5, 6, 7;
INSERT INTO total_window
  SELECT account, 86400000000, start - ((start % 86400000000) + 86400000000) % 86400000000, stage, state, reason, currency,
    sum(rows), sum(wanted), sum(known)
  FROM total_window GROUP BY 1, 2, 3, 4, 5, 6, 7;

-- How many events there are by hours and days of their receipt, kept like received. Receipts are nearly in the order of the
-- log, so what is cut off of an hour is counted among the events from the first to the last of that hour. The time leads, not
-- the account: what comes at one time is written in one place.
CREATE TABLE received_window (
  width   INTEGER NOT NULL, -- as in total_window
  start   INTEGER NOT NULL,
  account TEXT NOT NULL,
  source  TEXT NOT NULL,
  kind    TEXT NOT NULL,
  outcome TEXT NOT NULL,
  events  INTEGER NOT NULL,
  first   INTEGER NOT NULL, -- the smallest seq of these events
  last    INTEGER NOT NULL, -- the largest
  PRIMARY KEY (width, start, account, source, kind, outcome)
) STRICT, WITHOUT ROWID;
INSERT INTO received_window
  SELECT 3600000000, received - ((received % 3600000000) + 3600000000) % 3600000000, account, source, kind, outcome,
    count(*), min(seq), max(seq)
  FROM event GROUP BY 1, 2, 3, 4, 5, 6;
INSERT INTO received_window
  SELECT 86400000000, start - ((start % 86400000000) + 86400000000) % 86400000000, account, source, kind, outcome,
    sum(events), min(first), max(last)
  FROM received_window GROUP BY 1, 2, 3, 4, 5, 6;

-- Rows that rest in a state that few rows have, for lists by state. Rows that move on are in none of them: what is claimed
-- and settled well writes nothing here. Those that wait are found from pending. Not as a list of states: SQLite would build a
-- table of it for every row that is written.
CREATE INDEX conversion_rare ON conversion (account, state, at, id) WHERE state <> 'done' AND state <> 'submitted' AND state <> 'queued' AND state <> 'waiting' AND state <> 'change_due';
