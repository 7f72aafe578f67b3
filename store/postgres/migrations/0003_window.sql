-- Sums by hour and day of the conversion time, counts by hour and day of the receipt, and the rows that rest in a state
-- that few rows end in: so that a report of a month of ten million rows reads some thousand lines. An older program keeps
-- none of them, so it may not go on beside this schema: stop every replica, migrate, start the new release. One that was
-- forgotten can write neither a row nor a delivery any more, rather than have the sums go wrong unnoticed.
LOCK TABLE event, conversion, total, received IN SHARE ROW EXCLUSIVE MODE;

-- A line for all time (width 0, start 0), for every hour (1) and for every day (24), in UTC.
ALTER TABLE total
  ADD COLUMN start bigint NOT NULL DEFAULT 0,   -- the first hour, since 1970
  ADD COLUMN width smallint NOT NULL DEFAULT 0, -- hours
  DROP CONSTRAINT total_pkey,
  ADD PRIMARY KEY (account, width, start, stage, state, reason, currency);
ALTER TABLE total ALTER COLUMN start DROP DEFAULT, ALTER COLUMN width DROP DEFAULT;

-- Counts of events that were added up, in lines as those of total. What a commit received stands in table received until
-- then, so that replicas do not wait for each other's commits.
CREATE TABLE received_total (
  start   bigint NOT NULL,
  events  bigint NOT NULL,
  first   bigint NOT NULL, -- between which numbers its events are, so that a part of an hour can be counted
  last    bigint NOT NULL,
  width   smallint NOT NULL,
  account text COLLATE "C" NOT NULL,
  source  text COLLATE "C" NOT NULL,
  kind    text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  PRIMARY KEY (account, width, start, source, kind, outcome)
) WITH (fillfactor = 50);

DELETE FROM received;
ALTER TABLE received
  ADD COLUMN hour bigint NOT NULL, -- since 1970
  ADD COLUMN first bigint NOT NULL,
  ADD COLUMN last bigint NOT NULL;

-- Rows in the states that are listed often and hold few rows, but for those that stand in pending. A table of its own,
-- because an index of conversion that names the state would be written at every settlement.
CREATE TABLE resting (
  at      bigint NOT NULL, -- the row's
  id      bigint NOT NULL,
  account text COLLATE "C" NOT NULL,
  state   text COLLATE "C" NOT NULL,
  PRIMARY KEY (account, state, at, id)
);

-- hours is the number of an hour since 1970 from microseconds, and starts that of the first hour of a width.
CREATE FUNCTION hours(micros bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT (micros - (micros % 3600000000 + 3600000000) % 3600000000) / 3600000000 $$;
CREATE FUNCTION starts(hour bigint, width smallint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT CASE width WHEN 0 THEN 0 ELSE hour - (hour % width + width) % width END $$;

-- sum_up makes all of it anew from the rows and events there are, while nobody else writes.
CREATE FUNCTION sum_up() RETURNS void LANGUAGE sql AS $$
  DELETE FROM total; DELETE FROM received; DELETE FROM received_total; DELETE FROM resting;
  INSERT INTO total (account, width, start, stage, state, reason, currency, rows, wanted, known)
    SELECT account, w.width, starts(hour, w.width), stage, state, reason, currency, sum(n)::bigint, sum(wanted)::bigint, sum(known)::bigint
    FROM (SELECT account, hours(at) AS hour, stage, state, reason, currency, count(*) AS n, sum(wanted_cents) AS wanted, sum(known_cents) AS known
      FROM conversion GROUP BY 1, 2, 3, 4, 5, 6) AS c
    CROSS JOIN (VALUES (0::smallint), (1::smallint), (24::smallint)) AS w (width)
    GROUP BY 1, 2, 3, 4, 5, 6, 7;
  INSERT INTO received_total (account, width, start, source, kind, outcome, events, first, last)
    SELECT account, w.width, starts(hour, w.width), source, kind, outcome, sum(n)::bigint, min(first), max(last)
    FROM (SELECT account, hours(received) AS hour, source, kind, outcome, count(*) AS n, min(seq) AS first, max(seq) AS last
      FROM event GROUP BY 1, 2, 3, 4, 5) AS e
    CROSS JOIN (VALUES (0::smallint), (1::smallint), (24::smallint)) AS w (width)
    GROUP BY 1, 2, 3, 4, 5, 6;
  INSERT INTO resting (account, state, at, id)
    SELECT account, state, at, id FROM conversion WHERE state NOT IN ('done', 'queued', 'submitted', 'waiting', 'change_due');
$$;
SELECT sum_up();
