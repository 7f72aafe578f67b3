-- Times are microseconds since 1970 in UTC; a time that is not there is the year 1.
-- A column of type BLOB called doc, manifest or entries is a document in the form of package store/compact; history and
-- ledger reports show them. TEXT documents are JSON: rare ones. Columns repeat of a document only what is searched, sorted
-- or summed.
-- Nothing declares a foreign key: every row is written by one short transaction that has just read what it points at.

-- The log of deliveries. Append-only: see the triggers.
CREATE TABLE event (
  seq      INTEGER PRIMARY KEY, -- position in the log; never reused, because nothing is deleted
  account  TEXT NOT NULL CHECK (account <> ''),
  source   TEXT NOT NULL CHECK (source <> ''),
  body     BLOB NOT NULL CHECK (length(body) = 16), -- half of SHA-256 of the raw body: with source the delivery's identity
  lead     TEXT NOT NULL, -- empty when the event is about no call
  kind     TEXT NOT NULL,
  outcome  TEXT NOT NULL,
  received INTEGER NOT NULL,
  doc      BLOB NOT NULL  -- the rest of the event; nothing that identifies a person
) STRICT;
CREATE UNIQUE INDEX event_body ON event (source, body);      -- finds duplicates
CREATE INDEX event_lead ON event (account, source, lead, outcome); -- gathers a lead's events for the fold, tells whether one is a tag, and walks leads for a replay

CREATE TRIGGER event_keep_update BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'events are append-only'); END;
CREATE TRIGGER event_keep_delete BEFORE DELETE ON event BEGIN SELECT raise(ABORT, 'events are append-only'); END;

-- How many events there are, kept by the transactions that store them.
CREATE TABLE received (
  account TEXT NOT NULL,
  source  TEXT NOT NULL,
  kind    TEXT NOT NULL,
  outcome TEXT NOT NULL,
  events  INTEGER NOT NULL,
  PRIMARY KEY (account, source, kind, outcome)
) STRICT, WITHOUT ROWID;

-- What could identify a person, apart from its event so that it can be erased.
CREATE TABLE identity (
  seq INTEGER PRIMARY KEY, -- the event's
  doc BLOB NOT NULL        -- click ids, contact id, hashes, and the salt of their commitments
) STRICT;

-- Notices of leads to fold. A number is never used twice for the same lead: twice the event's seq when an event
-- came, an odd number when the account's rules changed or a retraction came too late (account.refolded is the last one).
CREATE TABLE inbox (
  account TEXT NOT NULL,
  notice  INTEGER NOT NULL,
  source  TEXT NOT NULL,
  lead    TEXT NOT NULL,
  PRIMARY KEY (account, notice, source, lead)
) STRICT, WITHOUT ROWID;

-- Genuine deliveries that could not be read, masked.
CREATE TABLE quarantine (
  id       INTEGER PRIMARY KEY AUTOINCREMENT, -- people quote it, so a purged id is not given again
  account  TEXT NOT NULL CHECK (account <> ''),
  source   TEXT NOT NULL CHECK (source <> ''),
  body     BLOB NOT NULL CHECK (length(body) = 16),
  received INTEGER NOT NULL,
  doc      TEXT NOT NULL,
  decided  TEXT           -- what a person decided about it; NULL while it is open
) STRICT;
CREATE UNIQUE INDEX quarantine_body ON quarantine (source, body);

-- The rows of the queue, each as the ledger's entries leave it.
CREATE TABLE conversion (
  id         INTEGER PRIMARY KEY,
  account    TEXT NOT NULL,
  source     TEXT NOT NULL,
  lead       TEXT NOT NULL,
  stage      TEXT NOT NULL,
  generation INTEGER NOT NULL,
  order_id   TEXT NOT NULL,
  at         INTEGER NOT NULL, -- the conversion time, for lists
  state      TEXT NOT NULL,
  reason     TEXT NOT NULL,
  known      TEXT NOT NULL,    -- the known status; empty while Google surely holds nothing
  currency   TEXT NOT NULL,
  wanted_cents INTEGER NOT NULL, -- for sums: 0 unless wanted
  known_cents  INTEGER NOT NULL, -- for sums: 0 unless Google holds a value we know
  trail      BLOB NOT NULL,    -- where in the ledger the row's entries stand: the chunks' seqs in order, as varints
  doc        BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX conversion_key ON conversion (account, lead, source, stage, generation);
CREATE INDEX conversion_at ON conversion (account, at, id);
CREATE INDEX conversion_order ON conversion (account, order_id);

-- The sums of conversion, kept by the transactions that change it, so that a summary does not read every row. A sum that
-- came to nothing stays with 0 rows.
CREATE TABLE total (
  account  TEXT NOT NULL,
  stage    TEXT NOT NULL,
  state    TEXT NOT NULL,
  reason   TEXT NOT NULL,
  currency TEXT NOT NULL,
  rows     INTEGER NOT NULL,
  wanted   INTEGER NOT NULL, -- wanted_cents
  known    INTEGER NOT NULL, -- known_cents
  PRIMARY KEY (account, stage, state, reason, currency)
) STRICT, WITHOUT ROWID;

-- What wants attention, in the order in which a run claims it. Narrow, so that a claim reads little.
CREATE TABLE pending (
  account    TEXT NOT NULL,
  rank       INTEGER NOT NULL, -- the stage's place in sending order
  deadline   INTEGER NOT NULL,
  conversion INTEGER NOT NULL,
  due        INTEGER NOT NULL,
  op         TEXT NOT NULL, -- the row's next operation; empty while it waits for a click id
  action     TEXT NOT NULL, -- the conversion action of that operation
  PRIMARY KEY (account, rank, deadline, conversion)
) STRICT, WITHOUT ROWID;

-- Which click id is wanted for a row, to look rows up by it. Erasable.
CREATE TABLE click_index (
  conversion INTEGER PRIMARY KEY,
  account    TEXT NOT NULL,
  click      TEXT NOT NULL
) STRICT;
CREATE INDEX click_index_click ON click_index (account, click);

-- Which row sends at which second of a click and action: half of SHA-256 over the three. Erasable.
CREATE TABLE slot (
  account    TEXT NOT NULL,
  key        BLOB NOT NULL,
  conversion INTEGER NOT NULL,
  PRIMARY KEY (account, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX slot_conversion ON slot (account, conversion);

CREATE TABLE lease (
  account TEXT PRIMARY KEY,
  holder  TEXT NOT NULL,    -- empty when released: then no token is current
  token   INTEGER NOT NULL, -- grows with every acquisition and is never reset
  until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE plan (
  account TEXT PRIMARY KEY,
  spec    TEXT NOT NULL,
  next    INTEGER NOT NULL,
  owed    INTEGER NOT NULL -- when a run began that has not ended
) STRICT, WITHOUT ROWID;

-- What Google said last of an account's conversion actions.
CREATE TABLE facts (
  account TEXT PRIMARY KEY,
  doc     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
  account     TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,   -- of the rules under which never-sent rows were last decided; empty if they never were
  refolded    INTEGER NOT NULL -- the last odd notice given out
) STRICT, WITHOUT ROWID;

-- Batches and their manifests. What is sent is fixed here before it is sent; only the answer is added.
CREATE TABLE batch (
  seq        INTEGER PRIMARY KEY,
  account    TEXT NOT NULL,
  id         TEXT NOT NULL,
  run        TEXT NOT NULL,
  api        TEXT NOT NULL,
  customer   TEXT NOT NULL,
  created    INTEGER NOT NULL,
  sent_at    INTEGER NOT NULL,
  attempts   INTEGER NOT NULL,
  settled    INTEGER,          -- NULL while the batch is sending: its rows are in flight
  uploaded   INTEGER NOT NULL DEFAULT 0, -- how many uploads Google accepted or had already, for the guard of mass withdrawals
  job_id     INTEGER NOT NULL DEFAULT 0,
  request_id TEXT NOT NULL DEFAULT '',
  poll_at    INTEGER,          -- when its status is asked for next; NULL when it is not
  polls      INTEGER NOT NULL DEFAULT 0, -- how often its status was asked for
  call       TEXT,             -- the answer to the call as a whole, if it failed
  rows       TEXT NOT NULL,    -- the ids of the rows as a JSON array: what is in flight is asked often
  manifest   BLOB NOT NULL     -- the items; last, so that the columns before it are read without it
) STRICT;
CREATE UNIQUE INDEX batch_id ON batch (account, id);
CREATE INDEX batch_sending ON batch (account, created) WHERE settled IS NULL;
CREATE INDEX batch_settled ON batch (account, settled, uploaded) WHERE settled IS NOT NULL; -- sums without reading manifests
CREATE INDEX batch_polled ON batch (account, poll_at) WHERE poll_at IS NOT NULL; -- what the vendor is to be asked about
CREATE INDEX batch_failed ON batch (account) WHERE call IS NOT NULL; -- for the history of the rows they held

-- Everything decided, sent and answered, in chunks: what one transaction appends for an account. A row in a tree for each
-- entry would cost a settlement more than all else it writes. Append-only: see the triggers.
CREATE TABLE ledger (
  seq     INTEGER PRIMARY KEY, -- of the chunk's first entry; the others follow without a gap
  account TEXT NOT NULL,
  last    INTEGER NOT NULL,    -- seq of its last entry
  uploads INTEGER NOT NULL,    -- how many entries tell the fate of an upload
  entries BLOB NOT NULL
) STRICT;
CREATE INDEX ledger_account ON ledger (account, last);
CREATE INDEX ledger_upload ON ledger (account, seq) WHERE uploads > 0; -- the latest answers, for the guard of mass refusals

CREATE TRIGGER ledger_keep_update BEFORE UPDATE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_keep_delete BEFORE DELETE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

CREATE TABLE pause (
  account TEXT NOT NULL,
  action  TEXT NOT NULL, -- empty for the whole account
  doc     TEXT NOT NULL,
  PRIMARY KEY (account, action)
) STRICT, WITHOUT ROWID;
