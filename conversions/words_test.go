package conversions_test

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
)

func TestJobIDIsWithinTheDocumentedRange(t *testing.T) {
	t.Parallel()
	for id, want := range map[conversions.BatchID]int32{"": 18652613, "b1": 204219581, "01JABCDEF": 949881639} {
		if got := id.JobID(); got != want {
			t.Errorf("BatchID(%q).JobID() = %d, want %d", id, got, want)
		}
	}
	for i := range 100_000 {
		if got := conversions.BatchID("batch-" + strconv.Itoa(i)).JobID(); got < 1 {
			t.Fatalf("JobID of batch-%d = %d, want 1 to 2147483647", i, got)
		}
	}
}

func TestResent(t *testing.T) {
	t.Parallel()
	for attempts, want := range map[int]bool{0: false, 1: false, 2: true, 9: true} {
		if got := (conversions.Batch{Attempts: attempts}).Resent(); got != want {
			t.Errorf("%d attempts: Resent() = %t, want %t", attempts, got, want)
		}
	}
}

func TestNoCallOutlivesItsLease(t *testing.T) {
	t.Parallel()
	if conversions.CallMargin <= conversions.CallTimeout || conversions.LeaseTTL-conversions.LeaseRenew < conversions.CallMargin {
		t.Errorf("call %v, margin %v, lease %v renewed every %v: a call could outlive its lease",
			conversions.CallTimeout, conversions.CallMargin, conversions.LeaseTTL, conversions.LeaseRenew)
	}
}

func TestCommit(t *testing.T) {
	t.Parallel()
	salt := conversions.Salt("salt")
	id := conversions.Click{Kind: conversions.GCLID, ID: "Cj0KCQ"}
	// HMAC-SHA256 with key "salt" over "gclid", NUL and the id, by another program.
	const want = "e2e187f3a9f8203acf3667fd864eb6e27d4a9f7671bf6364124646de6154a688"
	if got := conversions.Commit(salt, id); got != want {
		t.Errorf("Commit = %q, want %q", got, want)
	}
	if got := conversions.Commit(salt, conversions.Click{Kind: conversions.GCLID}); got != "" {
		t.Errorf("Commit of no click = %q, want none", got)
	}
	for _, other := range []conversions.Click{
		{Kind: conversions.GBRAID, ID: "Cj0KCQ"},
		{Kind: conversions.GCLID, ID: "cj0KCQ"},
		{Kind: "gclid\x00C", ID: "j0KCQ"},
	} {
		if conversions.Commit(salt, other) == want {
			t.Errorf("%+v has the same commitment", other)
		}
	}
	if conversions.Commit(conversions.Salt("tlas"), id) == want {
		t.Error("the commitment ignores the salt")
	}
}

func TestZeroValues(t *testing.T) {
	t.Parallel()
	var (
		person conversions.Person
		ref    conversions.ClickRef
		id     conversions.Click
		v      conversions.Verdict
	)
	if !person.IsZero() || !ref.IsZero() || !id.IsZero() || v != conversions.Retry {
		t.Error("a zero value is not what its comment says")
	}
	for _, p := range []conversions.Person{
		{Clicks: []conversions.FoundClick{{Unusable: true}}},
		{Contact: "c1"},
		{EmailHash: "e"},
		{PhoneHash: "p"},
	} {
		if p.IsZero() {
			t.Errorf("%+v holds nothing, says IsZero", p)
		}
	}
	if p := (conversions.Person{Salt: conversions.Salt("s")}); !p.IsZero() {
		t.Error("a salt alone identifies somebody, says IsZero")
	}
}

func TestVerdictString(t *testing.T) {
	t.Parallel()
	for v, want := range map[conversions.Verdict]string{
		conversions.Retry: "retry", conversions.Done: "done", conversions.AlreadyThere: "already there",
		conversions.Later: "later", conversions.Refused: "refused", conversions.FixBatch: "fix the batch",
		conversions.Pause: "pause", 99: "verdict 99", -1: "verdict -1",
	} {
		if got := v.String(); got != want {
			t.Errorf("Verdict(%d).String() = %q, want %q", int(v), got, want)
		}
	}
}

func TestEveryReasonHasASentence(t *testing.T) {
	t.Parallel()
	seen := map[string]conversions.Reason{}
	for _, r := range []conversions.Reason{
		conversions.ReasonWaitingForClick, conversions.ReasonNoClick, conversions.ReasonPlaceholder,
		conversions.ReasonNoValue, conversions.ReasonBelowMinimum, conversions.ReasonConsentDenied,
		conversions.ReasonBeforeUploadFrom, conversions.ReasonAfterLookBack, conversions.ReasonWithdrawn,
		conversions.ReasonNoAction, conversions.ReasonExpired, conversions.ReasonRefused,
		conversions.ReasonUnmatched, conversions.ReasonForeign, conversions.ReasonNeedsPerson,
		conversions.ReasonUnanswered, conversions.ReasonTooLateToAdjust, conversions.ReasonNotAdjustable,
		conversions.ReasonAdjustRefused, conversions.ReasonAdjustNotFound, conversions.ReasonWithdrawalsHeld,
		conversions.ReasonGivenUp, conversions.ReasonTestMode, conversions.ReasonRetractedElsewhere,
		conversions.ReasonErased,
	} {
		s := r.Sentence()
		if len(s) < 20 || !strings.HasSuffix(s, ".") {
			t.Errorf("%s: sentence %q", r, s)
		}
		if other, ok := seen[s]; ok {
			t.Errorf("%s and %s have the same sentence", r, other)
		}
		seen[s] = r
	}
	if got := conversions.Reason("").Sentence(); got != "" {
		t.Errorf("no reason: sentence %q, want none", got)
	}
}

func TestStagesAndStatesAreListedOnce(t *testing.T) {
	t.Parallel()
	for i, s := range conversions.Stages() {
		if s.Rank() != i {
			t.Errorf("stage %s: Rank() = %d, want its place %d", s, s.Rank(), i)
		}
	}
	if got := conversions.Stages(); !slices.Equal(got, []conversions.Stage{conversions.StageBooked, conversions.StageQuoted}) {
		t.Errorf("Stages() = %v, want booked before quoted", got)
	}
	states := conversions.States()
	for _, s := range []conversions.State{
		conversions.StateWaiting, conversions.StateQueued, conversions.StateSending, conversions.StateDone,
		conversions.StateChangeDue, conversions.StateSkipped, conversions.StateRefused, conversions.StateExpired,
		conversions.StatePerson, conversions.StateTested, conversions.StateRetracted,
		conversions.StateStuck, conversions.StateSubmitted, conversions.StateUnclear, conversions.StateZeroed,
	} {
		if n := len(slices.DeleteFunc(slices.Clone(states), func(o conversions.State) bool { return o != s })); n != 1 {
			t.Errorf("state %s is listed %d times, want once", s, n)
		}
	}
	if len(states) != 15 {
		t.Errorf("%d states, want 15", len(states))
	}
}

func TestFingerprintTellsEveryRuleApart(t *testing.T) {
	t.Parallel()
	first, second := rules().Fingerprint(), rules().Fingerprint()
	if first != second || len(first) != 64 {
		t.Fatalf("Fingerprint() = %q, then %q", first, second)
	}
	changes := map[string]func(*conversions.Rules){
		"Account":        func(r *conversions.Rules) { r.Account = "other" },
		"Target":         func(r *conversions.Rules) { r.Target.Customer = "9999999999" },
		"Mode":           func(r *conversions.Rules) { r.Mode = conversions.ModeTest },
		"Currency":       func(r *conversions.Rules) { r.Currency = "USD" },
		"Consent":        func(r *conversions.Rules) { r.Consent = conversions.ConsentRuleEvent },
		"OnBooked":       func(r *conversions.Rules) { r.OnBooked = conversions.RetractQuote },
		"Hold":           func(r *conversions.Rules) { r.Hold++ },
		"Settle":         func(r *conversions.Rules) { r.Settle++ },
		"ClickWait":      func(r *conversions.Rules) { r.ClickWait++ },
		"WithdrawWait":   func(r *conversions.Rules) { r.WithdrawWait++ },
		"WithdrawDenied": func(r *conversions.Rules) { r.WithdrawDenied = true },
		"KeepValue":      func(r *conversions.Rules) { r.KeepValue = true },
		"MatchContact":   func(r *conversions.Rules) { r.MatchContact = true },
		"UploadFrom":     func(r *conversions.Rules) { r.UploadFrom = at(time.Hour) },
		"Stages":         func(r *conversions.Rules) { delete(r.Stages, conversions.StageQuoted) },
	}
	stage := map[string]func(*conversions.StageRules){
		"Action":      func(s *conversions.StageRules) { s.Action = "333" },
		"ValueOrder":  func(s *conversions.StageRules) { s.ValueOrder = []conversions.ValueField{conversions.FieldRevenue} },
		"Share":       func(s *conversions.StageRules) { s.Share-- },
		"Minimum":     func(s *conversions.StageRules) { s.Minimum = 1 },
		"Missing":     func(s *conversions.StageRules) { s.Missing = conversions.MissingDefault },
		"WithdrawnBy": func(s *conversions.StageRules) { s.WithdrawnBy = []conversions.Outcome{} },
		"LookBack":    func(s *conversions.StageRules) { s.LookBack = day },
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[conversions.Rules]()) {
		change, ok := changes[f.Name]
		if !ok {
			t.Errorf("rule %s is new: add it here", f.Name)
			continue
		}
		r := rules()
		change(&r)
		if r.Fingerprint() == first {
			t.Errorf("a change of %s leaves the fingerprint", f.Name)
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[conversions.StageRules]()) {
		change, ok := stage[f.Name]
		if !ok {
			t.Errorf("stage rule %s is new: add it here", f.Name)
			continue
		}
		if booked(change).Fingerprint() == first {
			t.Errorf("a change of the stage's %s leaves the fingerprint", f.Name)
		}
	}
}
