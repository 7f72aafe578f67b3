-- Which leads name a contact, to fold them again when the contact brings a click id. Erasable. Written with contact_click.
CREATE TABLE contact_lead (
  account TEXT NOT NULL,
  source  TEXT NOT NULL,
  contact TEXT NOT NULL,
  lead    TEXT NOT NULL,
  PRIMARY KEY (account, source, contact, lead)
) STRICT, WITHOUT ROWID;

-- contact_mark counts for both from now on: both are gathered anew.
UPDATE contact_mark SET upto = 0;
