-- compatible from: 1

-- Which leads name a contact, to fold them again when the contact brings a click id. Erasable. Written with contact_click.
CREATE TABLE contact_lead (
  account text COLLATE "C" NOT NULL,
  source  text COLLATE "C" NOT NULL,
  contact text COLLATE "C" NOT NULL,
  lead    text COLLATE "C" NOT NULL,
  PRIMARY KEY (account, source, contact, lead)
);

-- contact_mark counts for both from now on: both are gathered anew.
UPDATE contact_mark SET upto = 0;
