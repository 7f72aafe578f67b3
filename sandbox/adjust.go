package sandbox

import (
	"context"

	"github.com/shenzhencenter/google-ads-pb/enums"
	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
)

type adjustService struct {
	services.UnimplementedConversionAdjustmentUploadServiceServer
	server *Server
}

// UploadConversionAdjustments implements the method of the Google Ads API v25.
func (u *adjustService) UploadConversionAdjustments(
	ctx context.Context, req *services.UploadConversionAdjustmentsRequest,
) (*services.UploadConversionAdjustmentsResponse, error) {
	method := services.ConversionAdjustmentUploadService_UploadConversionAdjustments_FullMethodName
	c := u.server.newCall(method, OnAdjust, req.GetCustomerId())
	c.record.Rows, c.record.ValidateOnly = len(req.GetConversionAdjustments()), req.GetValidateOnly()
	return serve(ctx, c, func() (*services.UploadConversionAdjustmentsResponse, error) { return c.adjust(req) })
}

func (c *call) adjust(req *services.UploadConversionAdjustmentsRequest) (*services.UploadConversionAdjustmentsResponse, error) {
	if err := c.checkAdjustRequest(req); err != nil {
		return nil, err
	}
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	c.record.JobID = c.jobID(req.JobId)
	draft := newDraft(&s.book, s.cfg.Unproven.DataManager.AdjustAcross)
	rows := c.adjustAll(req.GetConversionAdjustments(), draft)
	for i := range rows {
		if err := rows[i].wholeRequest(s.cfg.Unproven.WholeAdjustRequest, adjustNumber); err != nil {
			return nil, err
		}
	}
	if !req.GetValidateOnly() {
		draft.commit()
	}
	return c.answerAdjust(rows, req.GetValidateOnly())
}

// checkAdjustRequest checks the request apart from its rows. What it finds refuses the whole call.
func (c *call) checkAdjustRequest(req *services.UploadConversionAdjustmentsRequest) error {
	if c.adjustBlocked() && !c.server.cfg.Unproven.OCIBlockPerRow {
		return refuse(notAllowlistedCode(), notAllowlistedText)
	}
	return c.checkRequest(&outline{
		rows: len(req.GetConversionAdjustments()), list: "conversion_adjustments",
		partialFailure: req.GetPartialFailure(), jobID: req.JobId,
		tooMany:  adjustCode(adserrors.ConversionAdjustmentUploadErrorEnum_TOO_MANY_ADJUSTMENTS_IN_REQUEST),
		badJobID: adjustCode(adserrors.ConversionAdjustmentUploadErrorEnum_INVALID_JOB_ID),
	})
}

func (c *call) adjustBlocked() bool {
	return !c.customer.Allowlisted && c.server.cfg.Unproven.OCIBlockAdjustments
}

// adjustAll checks every row by itself, then against the others, then in its turn against what is held; what passes goes
// into the draft, so that a later row of the request meets what an earlier one left.
func (c *call) adjustAll(sent []*services.ConversionAdjustment, d *draft) []adjustment {
	rows := make([]adjustment, len(sent))
	for i := range sent {
		rows[i] = adjustment{findings: findings{list: "conversion_adjustments", index: i}, sent: sent[i]}
		c.checkAdjustment(&rows[i])
	}
	checkAdjustRepeats(rows)
	for i := range rows {
		r := &rows[i]
		if len(r.errs) > 0 {
			continue
		}
		held := d.find(r)
		if c.checkReach(r, held) && c.checkHistory(r, held) {
			c.apply(r, held)
		}
	}
	return rows
}

// answerAdjust makes the answer: one result per row, an empty one for each that failed.
func (c *call) answerAdjust(rows []adjustment, validateOnly bool) (*services.UploadConversionAdjustmentsResponse, error) {
	var errs []*adserrors.GoogleAdsError
	results := make([]*services.ConversionAdjustmentResult, len(rows))
	for i := range rows {
		if results[i] = new(services.ConversionAdjustmentResult); len(rows[i].errs) > 0 {
			errs = append(errs, rows[i].errs...)
			c.record.Refused++
			continue
		}
		c.record.Accepted++
		results[i] = rows[i].result()
	}
	failure, err := partialFailure(errs, c.record.ID, c.fault)
	if err != nil {
		return nil, err
	}
	if validateOnly {
		results = nil
	}
	return &services.UploadConversionAdjustmentsResponse{
		PartialFailureError: failure,
		Results:             results,
		JobId:               c.record.JobID,
	}, nil
}

func (r *adjustment) result() *services.ConversionAdjustmentResult {
	return &services.ConversionAdjustmentResult{
		GclidDateTimePair:  r.sent.GetGclidDateTimePair(),
		OrderId:            r.sent.GetOrderId(),
		ConversionAction:   r.sent.ConversionAction,
		AdjustmentDateTime: r.sent.AdjustmentDateTime,
		AdjustmentType:     r.sent.GetAdjustmentType(),
	}
}

// apply makes the adjustment count.
func (c *call) apply(r *adjustment, held *Conversion) {
	if len(held.Adjustments) == 0 {
		held.OriginalValue = held.Value
	}
	a := Adjustment{Type: Retraction, Time: r.when, RequestID: c.record.ID, Uploaded: c.record.Time}
	if r.sent.GetAdjustmentType() == enums.ConversionAdjustmentTypeEnum_RESTATEMENT {
		v := r.sent.GetRestatementValue()
		a.Type, a.Value, a.Currency = Restatement, v.GetAdjustedValue(), v.GetCurrencyCode()
		if v.CurrencyCode == nil {
			a.Currency = r.action.currency(c.customer)
		}
		held.Currency, held.ValueDefaulted = a.Currency, false
	}
	held.Value, held.Retracted, held.AdjustedAt = a.Value, a.Type == Retraction, a.Time
	held.Adjustments = append(held.Adjustments, a)
}

// draft holds conversions as they will be once the request is carried out.
type draft struct {
	book    *book
	across  bool                // finds conversions of the other API too
	touched map[int]*Conversion // by place in book.held
}

func newDraft(b *book, across bool) *draft {
	return &draft{book: b, across: across, touched: map[int]*Conversion{}}
}

// find is the conversion r names, nil for none. One that came with an order id is found by that alone
// (ConversionAdjustment.order_id, Google Ads API v25).
func (d *draft) find(r *adjustment) *Conversion {
	i, ok := d.book.orders[r.order]
	if r.order.order == "" {
		i, ok = d.book.clicks[r.click]
		ok = ok && d.book.held[i].OrderID == ""
	}
	if !ok || d.book.held[i].API != APIGoogleAds && !d.across {
		return nil
	}
	if d.touched[i] == nil {
		held := d.book.held[i]
		d.touched[i] = &held
	}
	return d.touched[i]
}

func (d *draft) commit() {
	for i, held := range d.touched {
		d.book.held[i] = *held
	}
}
