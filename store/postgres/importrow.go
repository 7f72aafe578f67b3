package postgres

import (
	"closeloop/conversions"
	"closeloop/store"
	"closeloop/store/compact"
)

// add adds the rows that a record becomes.
func (im *importer) add(c *copies, r *store.Record) error {
	switch {
	case r.Numbers != nil:
		if r.Numbers.Quarantine > 0 {
			im.number("quarantine_id_seq", r.Numbers.Quarantine)
		}
	case r.Event != nil:
		im.addEvent(c, r.Event)
	case r.Quarantined != nil:
		return im.addQuarantined(c, r.Quarantined)
	case r.Entry != nil:
		im.number("ledger_seq", r.Entry.Seq)
		c.entries = append(c.entries, r.Entry)
	case r.Row != nil:
		im.addRow(c, r.Row, r.ClickID)
	case r.Batch != nil:
		return im.addBatch(c, r.Batch)
	default:
		return c.addRare(r)
	}
	return nil
}

func (im *importer) addEvent(c *copies, e *conversions.Event) {
	account, source := quoted(e.Account), quoted(e.Source)
	im.bound[binding{source, account}] = true
	im.number("event_seq_seq", e.Seq)
	c.row("event", e.Seq, micros(e.Received), account, source, e.Body[:], quoted(e.Lead), quoted(e.Kind), quoted(e.Outcome),
		compact.AppendEvent(nil, e))
	if !e.Person.IsZero() {
		c.row("identity", account, e.Seq, compact.AppendPerson(nil, &e.Person))
	}
}

func (im *importer) addQuarantined(c *copies, q *conversions.Quarantined) error {
	im.bound[binding{quoted(q.Source), quoted(q.Account)}] = true
	im.number("quarantine_id_seq", q.ID)
	doc, err := encode(quarantineDoc{Quarantined: *q})
	if err != nil {
		return err
	}
	var decided *string
	if q.Decided != nil {
		text, err := encode(q.Decided)
		if err != nil {
			return err
		}
		decided = &text
	}
	c.row("quarantine", q.ID, micros(q.Received), quoted(q.Account), quoted(q.Source), q.Body[:], doc, decided)
	return nil
}

// addChunks adds the page's ledger entries: those of an account whose numbers
// follow each other are a chunk, of no more than a batch has.
func (c *copies) addChunks() {
	for es := c.entries; len(es) > 0; {
		n := 1
		for n < min(len(es), conversions.MaxItems) && es[n].Account == es[0].Account && es[n].Seq == es[n-1].Seq+1 {
			n++
		}
		parts := partsOf(es[:n])
		c.row("ledger", es[0].Seq, es[n-1].Seq, int32(parts.uploads), quoted(es[0].Account), //nolint:gosec // a count
			parts.rows, parts.at, parts.kinds, parts.upload, bodiesOf(es[:n]))
		es = es[n:]
	}
}

func (im *importer) addRow(c *copies, r *conversions.Row, click string) {
	im.number("conversion_id_seq", int64(r.ID))
	wanted, known := cents(r)
	account, key := quoted(r.Key.Account), &r.Key
	c.row("conversion", int64(r.ID), account, quoted(key.Source), quoted(key.Lead), string(key.Stage), int32(key.Generation), //nolint:gosec // a count of retractions
		r.OrderID, micros(r.Want.At), int64(wanted), int64(known),
		string(r.State), string(r.Reason), string(r.Known.Status), r.Want.Currency, compact.AppendRow(nil, r), []int64{})
	if p := placeOf(r); p != (place{}) {
		c.row("pending", account, p.rank, p.deadline, int64(r.ID), p.due, string(p.op), p.action)
	}
	if click != "" {
		c.row("click_index", account, int64(r.ID), quoted(click))
	}
}

// addBatch adds a batch and the seconds that its uploads took. A row that was
// uploaded again in another batch took its second before.
func (im *importer) addBatch(c *copies, b *store.Batch) error {
	im.number("batch_seq_seq", b.Seq)
	var call *string
	if b.Call != nil {
		text, err := encode(b.Call)
		if err != nil {
			return err
		}
		call = &text
	}
	account := quoted(b.Account)
	c.row("batch", b.Seq, account, quoted(b.ID), quoted(b.Run), string(b.Target.API), quoted(b.Target.Customer),
		micros(b.Created), micros(b.SentAt), int32(b.Attempts), rowIDs(b.Items), compact.AppendItems(nil, b.Items), //nolint:gosec // attempts are few
		orNull(b.AnsweredAt), orNull(b.PollAt), int32(b.Polls), int32(b.Uploaded), b.JobID, quoted(b.RequestID), call) //nolint:gosec // counts
	for i := range b.Items {
		it := &b.Items[i]
		if it.Op == conversions.OpUpload && it.ClickID != "" {
			c.slots.add(account, it)
		}
	}
	return nil
}

func (s *slotColumns) add(account string, it *conversions.Item) {
	s.account, s.click = append(s.account, account), append(s.click, hashed(it.ClickID))
	s.action, s.second = append(s.action, hashed(it.Action)), append(s.second, it.At.Unix())
	s.rows = append(s.rows, int64(it.Row))
}

// addRare adds what there is little of.
func (c *copies) addRare(r *store.Record) error {
	switch {
	case r.Notice != nil:
		c.row("inbox", quoted(r.Notice.Account), r.Notice.Number, quoted(r.Notice.Source), quoted(r.Notice.Lead))
	case r.Plan != nil:
		c.row("plan", quoted(r.Plan.Account), r.Plan.Spec, micros(r.Plan.Next), micros(r.Plan.Owed))
	case r.Account != nil:
		c.row("account", quoted(r.Account.Account), r.Account.Fingerprint, r.Account.Refolded)
	case r.Facts != nil:
		doc, err := encode(r.Facts)
		c.row("facts", quoted(r.Facts.Account), doc)
		return err
	case r.Paused != nil:
		doc, err := encode(r.Paused)
		c.row("pause", quoted(r.Paused.Account), quoted(r.Paused.Action), doc)
		return err
	}
	return nil
}
