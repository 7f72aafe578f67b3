-- Which events bring a click id of a contact, for the rule that lets an outcome take one. Erasable. Written only by a
-- program that was asked to; see contact_mark.
CREATE TABLE contact_click (
  account TEXT NOT NULL,
  source  TEXT NOT NULL,
  contact TEXT NOT NULL,
  at      INTEGER NOT NULL, -- the event's place in time: the earlier of its own time and its receipt
  seq     INTEGER NOT NULL, -- the event's
  PRIMARY KEY (account, source, contact, at, seq)
) STRICT, WITHOUT ROWID;

-- Up to which event contact_click is complete: what came after it is gathered when a program next wants it.
CREATE TABLE contact_mark (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  upto INTEGER NOT NULL
) STRICT;
INSERT INTO contact_mark (one, upto) VALUES (1, 0);
