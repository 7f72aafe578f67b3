-- The seconds of clicks by a number instead of account and hash: half as wide, and quicker to write, which every row sent
-- does. See slotKey: the number is the second, from its 32 lower bits, and 28 bits of the hash that the key had, a text of
-- hexadecimal digits here of which those from the 11th to the 17th are taken, moved on by a number of the account.
CREATE TABLE slot_by_number (
  key        INTEGER PRIMARY KEY,
  conversion INTEGER NOT NULL
) STRICT;
WITH RECURSIVE
  digit (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM digit WHERE i < 17),
  part (account, i, number) AS (
    SELECT DISTINCT account, 0, 0 FROM slot UNION ALL
    SELECT account, i + 1, (31 * number + unicode(substr(account, i + 1, 1))) & 0xfffffff FROM part WHERE i < length(account)),
  old (account, number, conversion) AS (
    SELECT account, (SELECT sum((instr('0123456789ABCDEF', substr(hex(slot.key), i, 1)) - 1) << (4 * (17 - i))) FROM digit), conversion FROM slot)
INSERT OR IGNORE INTO slot_by_number (key, conversion)
  SELECT (old.number & ~0xfffffff) | ((old.number + part.number) & 0xfffffff), conversion
  FROM old JOIN part ON part.account = old.account AND part.i = length(part.account);
DROP TABLE slot;
ALTER TABLE slot_by_number RENAME TO slot;
CREATE INDEX slot_conversion ON slot (conversion);
