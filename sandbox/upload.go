package sandbox

import (
	"context"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
)

type uploadService struct {
	services.UnimplementedConversionUploadServiceServer
	server *Server
}

// UploadClickConversions implements the method of the Google Ads API v25.
func (u *uploadService) UploadClickConversions(
	ctx context.Context, req *services.UploadClickConversionsRequest,
) (*services.UploadClickConversionsResponse, error) {
	c := u.server.newCall(services.ConversionUploadService_UploadClickConversions_FullMethodName, OnUpload, req.GetCustomerId())
	c.record.Rows, c.record.ValidateOnly = len(req.GetConversions()), req.GetValidateOnly()
	return serve(ctx, c, func() (*services.UploadClickConversionsResponse, error) { return c.upload(req) })
}

func (c *call) upload(req *services.UploadClickConversionsRequest) (*services.UploadClickConversionsResponse, error) {
	if err := c.checkUpload(req); err != nil {
		return nil, err
	}
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	s.catchUp()
	c.record.JobID = c.jobID(req.JobId)
	rows := c.checkRows(req.GetConversions())
	for i := range rows {
		if err := rows[i].wholeRequest(s.cfg.Unproven.WholeRequest, uploadNumber); err != nil {
			return nil, err
		}
	}
	return c.settle(rows, req.GetValidateOnly())
}

// checkUpload checks the request apart from its rows. What it finds refuses the whole call.
func (c *call) checkUpload(req *services.UploadClickConversionsRequest) error {
	if !c.customer.Allowlisted && !c.server.cfg.Unproven.OCIBlockPerRow {
		return refuse(notAllowlistedCode(), notAllowlistedText)
	}
	return c.checkRequest(&outline{
		rows: len(req.GetConversions()), list: "conversions", partialFailure: req.GetPartialFailure(), jobID: req.JobId,
		tooMany:  uploadCode(adserrors.ConversionUploadErrorEnum_TOO_MANY_CONVERSIONS_IN_REQUEST),
		badJobID: uploadCode(adserrors.ConversionUploadErrorEnum_INVALID_JOB_ID),
	})
}

const notAllowlistedText = "Customer is not allowlisted for accessing this feature. New integrations should use the Data Manager API."

// settle books the good rows and makes the answer: one result per row, an empty one for each that failed.
func (c *call) settle(rows []row, validateOnly bool) (*services.UploadClickConversionsResponse, error) {
	var errs []*adserrors.GoogleAdsError
	results := make([]*services.ClickConversionResult, len(rows))
	for i := range rows {
		if results[i] = new(services.ClickConversionResult); len(rows[i].errs) > 0 {
			errs = append(errs, rows[i].errs...)
			c.record.Refused++
			continue
		}
		c.record.Accepted++
		results[i] = rows[i].result()
		if !validateOnly && !rows[i].dropped {
			c.server.book.add(rows[i].order, rows[i].click, c.conversion(&rows[i]))
		}
	}
	failure, err := partialFailure(errs, c.record.ID, c.fault)
	if err != nil {
		return nil, err
	}
	if validateOnly {
		results = nil
	}
	return &services.UploadClickConversionsResponse{
		PartialFailureError: failure,
		Results:             results,
		JobId:               c.record.JobID,
	}, nil
}

func (c *call) conversion(r *row) *Conversion {
	conv := r.conv
	out := &Conversion{
		API:         APIGoogleAds,
		Customer:    c.customer.ID,
		Action:      r.action.ID,
		Kind:        r.id.kind,
		ClickID:     r.id.id,
		Time:        r.when,
		DateTime:    conv.GetConversionDateTime(),
		Value:       conv.GetConversionValue(),
		Currency:    conv.GetCurrencyCode(),
		OrderID:     conv.GetOrderId(),
		Consent:     conv.GetConsent().GetAdUserData().String(),
		Identifiers: len(conv.GetUserIdentifiers()),
		JobID:       c.record.JobID,
		RequestID:   c.record.ID,
		Uploaded:    c.record.Time,
	}
	if r.id.kind == GCLID {
		out.GBRAID = conv.GetGbraid()
	}
	if conv.ConversionValue == nil || r.action.AlwaysUseDefault {
		out.Value, out.ValueDefaulted = r.action.DefaultValue, true
	}
	if conv.CurrencyCode == nil || r.action.AlwaysUseDefault {
		out.Currency = r.action.currency(c.customer)
	}
	return out
}

func (r *row) result() *services.ClickConversionResult {
	return &services.ClickConversionResult{
		Gclid:              r.conv.Gclid,
		Gbraid:             r.conv.GetGbraid(),
		Wbraid:             r.conv.GetWbraid(),
		ConversionAction:   r.conv.ConversionAction,
		ConversionDateTime: r.conv.ConversionDateTime,
		UserIdentifiers:    r.conv.GetUserIdentifiers(),
	}
}
