package compact

import "closeloop/conversions"

func rowFields(c *coder, r *conversions.Row) {
	number(c, 1, &r.ID)
	part(c, 2, &r.Key, keyFields)
	text(c, 3, &r.OrderID)
	number(c, 4, &r.Version)
	part(c, 5, &r.Want, wantFields)
	part(c, 6, &r.Known, knownFields)
	text(c, 7, &r.State)
	text(c, 8, &r.Reason)
	c.moment(9, &r.Due)
	c.moment(10, &r.NotBefore)
	number(c, 11, &r.Tries)
	number(c, 12, &r.Counted)
	c.moment(13, &r.CountedAt)
	text(c, 14, &r.Closed)
	c.moment(15, &r.AdjustedAt)
	number(c, 16, &r.NotFound)
	c.boolean(17, &r.Held)
	number(c, 18, &r.Approved)
	number(c, 19, &r.Shift)
	c.boolean(20, &r.Moved)
	optional(c, 21, &r.Pending, pendingFields)
	c.boolean(22, &r.Isolate)
	number(c, 23, &r.Tested)
	optional(c, 24, &r.Last, answerFields)
	text(c, 25, &r.LastBatch)
}

func keyFields(c *coder, k *conversions.Key) {
	text(c, 1, &k.Account)
	text(c, 2, &k.Source)
	text(c, 3, &k.Lead)
	text(c, 4, &k.Stage)
	number(c, 5, &k.Generation)
}

func wantFields(c *coder, w *conversions.Want) {
	text(c, 1, &w.Stage)
	c.boolean(2, &w.Wanted)
	text(c, 3, &w.Reason)
	text(c, 4, &w.Outcome)
	number(c, 5, &w.Tag)
	part(c, 6, &w.Click, clickRefFields)
	part(c, 7, &w.Value, amountFields)
	text(c, 8, &w.Field)
	number(c, 9, &w.Amount)
	number(c, 10, &w.ValueEvent)
	text(c, 11, &w.Currency)
	text(c, 12, &w.Consent)
	text(c, 13, &w.Action)
	part(c, 14, &w.Target, targetFields)
	c.moment(15, &w.At)
	c.moment(16, &w.Lead)
	c.moment(17, &w.Due)
	c.moment(18, &w.Deadline)
	c.moment(19, &w.ChangeDue)
	c.boolean(20, &w.Withdraw)
	c.moment(21, &w.WaitUntil)
	c.boolean(22, &w.Test)
	c.boolean(23, &w.KeepValue)
	number(c, 24, &w.Denial)
}

func knownFields(c *coder, k *conversions.Known) {
	text(c, 1, &k.Status)
	part(c, 2, &k.Value, amountFields)
	text(c, 3, &k.Currency)
	part(c, 4, &k.Target, targetFields)
	text(c, 5, &k.Action)
	c.moment(6, &k.At)
	part(c, 7, &k.Click, clickRefFields)
	c.boolean(8, &k.Mixed)
	c.boolean(9, &k.Retracting)
	c.boolean(10, &k.Foreign)
	text(c, 11, &k.Batch)
	c.moment(12, &k.Since)
}

func pendingFields(c *coder, p *conversions.Pending) {
	text(c, 1, &p.Op)
	part(c, 2, &p.Value, amountFields)
	text(c, 3, &p.Currency)
	part(c, 4, &p.Target, targetFields)
	number(c, 5, &p.Version)
	text(c, 6, &p.Batch)
	c.moment(7, &p.Since)
}

func answerFields(c *coder, a *conversions.Answer) {
	number(c, 1, &a.Verdict)
	text(c, 2, &a.Code)
	texts(c, 3, &a.Others)
	number(c, 4, &a.Wait)
	text(c, 5, &a.Sentence)
	text(c, 6, &a.Hint)
	c.boolean(7, &a.Counts)
	c.boolean(8, &a.Unmatched)
	c.boolean(9, &a.Suspect)
	c.boolean(10, &a.NotFound)
	text(c, 11, &a.By)
	text(c, 12, &a.Scope)
	text(c, 13, &a.Evidence)
	number(c, 14, &a.Failed)
	number(c, 15, &a.Of)
}

func entryFields(c *coder, e *conversions.Entry) {
	optional(c, 1, &e.Key, keyFields)
	number(c, 2, &e.Version)
	optional(c, 3, &e.Want, wantFields)
	c.boolean(4, &e.Revive)
	text(c, 5, &e.Batch)
	optional(c, 6, &e.Target, targetFields)
	optional(c, 7, &e.Item, itemFields)
	optional(c, 8, &e.Answer, answerFields)
	c.boolean(9, &e.Resent)
	c.moment(10, &e.NotBefore)
	text(c, 11, &e.Reason)
	number(c, 12, &e.Count)
	text(c, 13, &e.Action)
	text(c, 14, &e.By)
	text(c, 15, &e.Note)
	number(c, 16, &e.Quarantine)
}

func itemFields(c *coder, it *conversions.Item) {
	number(c, 1, &it.Row)
	number(c, 2, &it.Version)
	text(c, 3, &it.Op)
	text(c, 4, &it.OrderID)
	text(c, 5, &it.Action)
	part(c, 6, &it.Click, clickRefFields)
	c.moment(7, &it.At)
	part(c, 8, &it.Value, amountFields)
	text(c, 9, &it.Currency)
	text(c, 10, &it.Consent)
	c.moment(11, &it.AdjustAt)
	c.boolean(12, &it.Bumped)
	c.boolean(13, &it.Isolated)
}

func eventFields(c *coder, e *conversions.Event) {
	text(c, 1, &e.Delivery)
	c.moment(2, &e.At)
	c.moment(3, &e.CallStart)
	text(c, 4, &e.OutcomeID)
	part(c, 5, &e.Amounts, amountsFields)
	text(c, 6, &e.Channel)
	text(c, 7, &e.Landing)
	text(c, 8, &e.Consent)
	text(c, 9, &e.By)
	text(c, 10, &e.Note)
	texts(c, 11, &e.Flags)
}

func personFields(c *coder, p *conversions.Person) {
	octets(c, 1, &p.Salt)
	list(c, 2, &p.Clicks, foundClickFields)
	text(c, 3, &p.Contact)
	text(c, 4, &p.EmailHash)
	text(c, 5, &p.PhoneHash)
}

func foundClickFields(c *coder, f *conversions.FoundClick) {
	text(c, 1, &f.Kind)
	text(c, 2, &f.ID)
	text(c, 3, &f.Place)
	text(c, 4, &f.Damage)
	c.boolean(5, &f.Unusable)
}

func clickRefFields(c *coder, r *conversions.ClickRef) {
	number(c, 1, &r.Event)
	number(c, 2, &r.N)
	text(c, 3, &r.Kind)
	text(c, 4, &r.Commitment)
	text(c, 5, &r.Rule)
	text(c, 6, &r.Damage)
}

func amountFields(c *coder, a *conversions.Amount) {
	number(c, 1, &a.Cents)
	c.boolean(2, &a.Known)
}

func amountsFields(c *coder, a *conversions.Amounts) {
	pointer(c, 1, &a.Actual)
	pointer(c, 2, &a.Revenue)
	pointer(c, 3, &a.Estimated)
}

func targetFields(c *coder, t *conversions.Target) {
	text(c, 1, &t.API)
	text(c, 2, &t.Customer)
}
