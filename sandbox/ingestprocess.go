package sandbox

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// What processing answers for an event it does not take (ProcessingErrorReason, Data Manager API v1).
const (
	reasonInternal       = "PROCESSING_ERROR_REASON_INTERNAL_ERROR"
	reasonDenied         = "PROCESSING_ERROR_REASON_DENIED_CONSENT"
	reasonUnknownConsent = "PROCESSING_ERROR_REASON_UNKNOWN_CONSENT"
	reasonRepeated       = "PROCESSING_ERROR_REASON_DUPLICATE_TRANSACTION_ID"
	reasonRepeatedClick  = "PROCESSING_ERROR_REASON_DUPLICATE_GCLID"
	reasonNewAction      = "PROCESSING_ERROR_REASON_DESTINATION_TOO_RECENTLY_CREATED"
	reasonBraid          = "PROCESSING_ERROR_REASON_ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID"
	reasonNotFound       = "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND"
	reasonForeign        = "PROCESSING_ERROR_REASON_INVALID_OPERATING_ACCOUNT_FOR_CLICK"
	reasonMismatch       = "PROCESSING_ERROR_OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER"
	reasonRecent         = "PROCESSING_ERROR_REASON_TOO_RECENT_CLICK"
	reasonPrecedes       = "PROCESSING_ERROR_REASON_CONVERSION_PRECEDES_CLICK"
	reasonExpired        = "PROCESSING_ERROR_REASON_EXPIRED_CLICK"
	reasonTooOld         = "PROCESSING_ERROR_REASON_EVENT_TOO_OLD"
)

// process does the work of a batch, event by event in their order. The caller holds the lock.
func (s *Server) process(b *batch) {
	for i := range b.req.Events {
		for j := range b.targets {
			t := &b.targets[j]
			if !b.req.Events[i].aimsAt(t) {
				continue
			}
			own := t.aimed
			t.aimed++
			p := &processing{server: s, batch: b, target: t, event: &b.req.Events[i]}
			if reason := p.run(i); reason != "" {
				t.failed = append(t.failed, failedEvent{index: i, own: own, reason: reason})
			}
		}
	}
	b.done, b.req = true, nil
	s.processed = append(s.processed, b.id)
	if len(s.processed) > keptRequests {
		delete(s.batches, s.processed[0])
		s.processed = s.processed[1:]
	}
}

func (e *eventSent) aimsAt(t *target) bool {
	return len(e.DestinationReferences) == 0 || slices.Contains(e.DestinationReferences, t.sent.Reference)
}

// processing is one event on its way to one destination.
type processing struct {
	server *Server
	batch  *batch
	target *target
	event  *eventSent
	id     clickID // the click id that decides; zero when there is none
	found  *Click
	order  orderKey
	click  clickKey
}

// run takes the event, or gives the reason why not.
func (p *processing) run(index int) string {
	if reason := p.forced(index); reason != "" {
		return reason
	}
	p.keys()
	if i, taken := p.server.book.orders[p.order]; taken {
		return p.repeat(&p.server.book.held[i])
	}
	for _, check := range []func() string{p.checkConsent, p.checkAction, p.find, p.checkTime, p.checkClickRepeat} {
		if reason := check(); reason != "" {
			return reason
		}
	}
	if !p.dropped() {
		p.server.book.add(p.order, p.click, p.conversion())
	}
	return ""
}

// forced is the reason the sandbox was asked for, "" for none.
func (p *processing) forced(index int) string {
	switch f := &p.batch.fault; {
	case f.befalls(index) && f.Kind == FaultRowInternal:
		return reasonInternal
	case f.befalls(index) && awaitsProcessing(f.Reason):
		return f.Reason
	}
	if reason := p.server.rejected[p.event.TransactionID]; awaitsProcessing(reason) {
		return reason
	}
	return ""
}

// keys fills what repeats are recognised by.
func (p *processing) keys() {
	var names space
	if p.server.cfg.Unproven.DataManager.SeparateTransactionIDs {
		names = space(APIDataManager)
	}
	customer, action := p.target.customer.ID, p.target.action.ID
	if id := p.event.TransactionID; id != "" {
		p.order = orderKey{names, customer, action, id}
	}
	if ids := p.event.clicks(); len(ids) > 0 {
		p.id = ids[0]
		p.click = clickKey{names, customer, action, p.id, p.event.EventTimestamp.Unix()}
	}
}

// repeat handles a transaction id that is held already. All else the event says is ignored. A retracted conversion stays so.
func (p *processing) repeat(held *Conversion) string {
	value, defaulted, currency := p.amount()
	same := value == held.Value && currency == held.Currency
	switch p.server.cfg.Unproven.DataManager.Repeated {
	case RepeatedRefuse:
		return reasonRepeated
	case RepeatedRefuseSame:
		if same {
			return reasonRepeated
		}
	case RepeatedOverwrite:
	}
	if held.Retracted || same {
		return ""
	}
	if len(held.Adjustments) == 0 {
		held.OriginalValue = held.Value
	}
	held.Value, held.ValueDefaulted, held.Currency, held.AdjustedAt = value, defaulted, currency, p.batch.arrived
	held.Adjustments = append(held.Adjustments, Adjustment{
		Type: Restatement, Time: p.batch.arrived, Value: value, Currency: currency,
		RequestID: p.batch.id, Uploaded: p.batch.arrived,
	})
	return ""
}

// amount is the value and the currency that count, and whether the value is the action's default.
func (p *processing) amount() (value float64, defaulted bool, currency string) {
	a := p.target.action
	currency = p.event.Currency
	if currency == "" || a.AlwaysUseDefault {
		currency = a.currency(p.target.customer)
	}
	if p.event.ConversionValue == nil || a.AlwaysUseDefault {
		return a.DefaultValue, true, currency
	}
	return *p.event.ConversionValue, false, currency
}

// consent is what the event says about ad user data, else the request, in the words of the Google Ads API.
func (p *processing) consent() string {
	c := cmp.Or(p.event.Consent, p.batch.req.Consent)
	if c == nil || c.AdUserData == "" || c.AdUserData == "CONSENT_STATUS_UNSPECIFIED" {
		return "UNSPECIFIED"
	}
	return strings.TrimPrefix(string(c.AdUserData), "CONSENT_")
}

func (p *processing) checkConsent() string {
	switch said := p.consent(); {
	case said == "DENIED":
		return reasonDenied
	case said == "UNSPECIFIED" && p.server.cfg.Unproven.ConsentUnset == ConsentRefuse:
		return reasonUnknownConsent
	}
	return ""
}

// dropped says that the event is taken and not counted.
func (p *processing) dropped() bool {
	return p.consent() == "UNSPECIFIED" && p.server.cfg.Unproven.ConsentUnset == ConsentDrop
}

func (p *processing) checkAction() string {
	switch a := p.target.action; {
	case p.batch.arrived.Sub(a.Created) < freshness:
		return reasonNewAction
	case a.OnePerClick && (p.id.kind == GBRAID || p.id.kind == WBRAID):
		return reasonBraid
	}
	return ""
}

// find finds the click and checks whose it is.
func (p *processing) find() string {
	reason := ""
	if p.id.id == "" {
		reason = p.findByHash()
	} else {
		reason = p.findByID()
	}
	if reason != "" {
		return reason
	}
	if clicked := p.server.customers[p.found.Customer]; clicked != nil && clicked.owner() == p.target.customer.ID {
		return ""
	}
	if p.server.cfg.Unproven.DataManager.ForeignIsMismatch {
		return reasonMismatch
	}
	return reasonForeign
}

func (p *processing) findByID() string {
	clicks, cfg := &p.server.clicks, &p.server.cfg
	if p.found = clicks.byID[p.id]; p.found != nil {
		return ""
	}
	switch {
	case !wellFormed(p.id.id), clicks.damaged(p.id) && !cfg.Unproven.DamagedIsNotFound:
		return "PROCESSING_ERROR_REASON_INVALID_" + strings.ToUpper(string(p.id.kind))
	case cfg.AnyClick && len(p.id.id) >= shortestClickID:
		p.found = &Click{
			Kind: p.id.kind, ID: p.id.id, Customer: p.target.customer.ID, Time: p.event.EventTimestamp.Add(-cfg.AnyClickAge),
		}
		return ""
	}
	return reasonNotFound
}

// findByHash matches an event without click id to the newest click of one of its user identifiers.
func (p *processing) findByHash() string {
	for _, hash := range p.event.hashes(p.batch.req.Encoding) {
		click := p.server.clicks.byHash[hash]
		if click != nil && p.event.EventTimestamp.Sub(click.Time) <= oldestHash {
			p.found = click
			return ""
		}
	}
	return reasonNotFound
}

// checkTime judges by the time of arrival, as the Google Ads API does, not by that of the processing.
func (p *processing) checkTime() string {
	arrived, when, clicked := p.batch.arrived, *p.event.EventTimestamp, p.found.Time
	switch {
	case arrived.Sub(when) > oldest:
		return reasonTooOld
	case arrived.Sub(clicked) < freshness:
		return reasonRecent
	case !when.After(clicked):
		return reasonPrecedes
	case when.Sub(clicked) > p.target.action.lookback(), arrived.Sub(clicked) > oldest:
		if p.server.cfg.Unproven.DataManager.ExpiredIsTooOld {
			return reasonTooOld
		}
		return reasonExpired
	}
	return ""
}

func (p *processing) checkClickRepeat() string {
	if _, taken := p.server.book.clicks[p.click]; taken && p.click.click.id != "" {
		return reasonRepeatedClick
	}
	return ""
}

func (p *processing) conversion() *Conversion {
	out := &Conversion{
		API:       APIDataManager,
		Customer:  p.target.customer.ID,
		Action:    p.target.action.ID,
		Kind:      p.id.kind,
		ClickID:   p.id.id,
		Time:      *p.event.EventTimestamp,
		DateTime:  p.event.EventTimestamp.Format(time.RFC3339),
		OrderID:   p.event.TransactionID,
		Consent:   p.consent(),
		RequestID: p.batch.id,
		Uploaded:  p.batch.arrived,
	}
	out.Value, out.ValueDefaulted, out.Currency = p.amount()
	if p.event.UserData != nil {
		out.Identifiers = len(p.event.UserData.UserIdentifiers)
	}
	return out
}
