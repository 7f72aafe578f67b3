package googleads_test

import (
	"errors"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/sandbox"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	got, err := connect(t, start(t, sandboxConfig())).Inspect(t.Context(), "123-456-7890")
	if err != nil {
		t.Fatal(err)
	}
	actions := got.Actions
	got.Actions = nil
	diff(t, got, googleads.Inspection{
		Customer: customer, Name: "Kitchens", Currency: "USD", Zone: "America/New_York", AutoTagging: true,
		ConversionCustomer: customer, Tracking: "CONVERSION_TRACKING_MANAGED_BY_SELF",
	})
	got.Actions = actions
	if a, ok := got.Action(booked); !ok || a.Type != "UPLOAD_CLICKS" || a.Status != "ENABLED" || a.LookBack != 90*24*time.Hour || a.Owner != customer {
		t.Errorf("booked = %+v, %t", a, ok)
	}
	if a, ok := got.Action("12"); !ok || a.DefaultValue != 7 || a.DefaultCurrency != "CAD" || a.OnePerClick {
		t.Errorf("quoted = %+v, %t", a, ok)
	}
	if a, ok := got.Action("13"); !ok || a.Type != "WEBPAGE" {
		t.Errorf("page = %+v, %t", a, ok)
	}
	if a, ok := got.Action("16"); !ok || !a.OnePerClick {
		t.Errorf("once = %+v, %t", a, ok)
	}
	if _, ok := got.Action("404"); ok {
		t.Error("an action that does not exist was found")
	}
}

func TestInspectFails(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	c := connect(t, s)
	if _, err := c.Inspect(t.Context(), "123"); !errors.Is(err, googleads.ErrConfig) {
		t.Errorf("error = %v", err)
	}
	fault(t, s, sandbox.Fault{Kind: sandbox.FaultError, On: sandbox.OnSearch, Family: "authorization_error", Number: 2})
	_, err := c.Inspect(t.Context(), customer)
	var failed *googleads.CallError
	if !errors.As(err, &failed) || failed.Unknown || failed.RequestID == "" || failed.Answer.Verdict != conversions.Pause {
		t.Errorf("error = %v: %+v", err, failed)
	}
	want := "call the Google Ads API: AuthorizationError.USER_PERMISSION_DENIED: The credentials have no access to this Google Ads account"
	if err == nil || err.Error() != want {
		t.Errorf("error = %q, want %q", err, want)
	}
}
