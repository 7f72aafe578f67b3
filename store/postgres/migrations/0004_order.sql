-- compatible from: 3
-- People look an order id up in all accounts. An index that begins with the account is read once for each of them: with 50 accounts
-- and ten million rows 414 pages, a hundred of them anywhere on the disk. This one is read once, and takes a third of the
-- room. In exchange, new rows of one account are no longer written beside each other in it. An older program finds rows by it
-- too.
DROP INDEX conversion_order;
CREATE INDEX conversion_order ON conversion USING hash (order_id);
