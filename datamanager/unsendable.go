package datamanager

import (
	"unicode/utf8"

	"closeloop/conversions"
)

// maxDestinations is the most a request may name (TOO_MANY_DESTINATIONS, Data Manager API v1).
const maxDestinations = 10

// Codes of answers that are ours, not Google's.
const (
	codeTooMany        = "Closeloop.TOO_MANY_ROWS"
	codeTooManyActions = "Closeloop.TOO_MANY_ACTIONS"
	codeTarget         = "Closeloop.WRONG_TARGET"
	codeNoClickID      = "Closeloop.NO_CLICK_ID"
	codeText           = "Closeloop.UNSENDABLE_TEXT"
	codeIncomplete     = "Closeloop.INCOMPLETE_ROW"
	codeShare          = "Closeloop.QUOTA_SHARE"
	codeNoRequestID    = "Closeloop.NO_REQUEST_ID"
	codeOthers         = "Closeloop.OTHER_ROWS"
)

// unsendable finds what makes a batch impossible to send as it is, before anything is sent. A batch that was sent therefore
// always held all its items, and the place of an item in the request follows from the batch alone.
func unsendable(b *conversions.Batch) (conversions.Reply, bool) {
	if a, found := unsendableBatch(b); found {
		return failed(len(b.Items), a), true
	}
	own := map[int]conversions.Answer{}
	for i := range b.Items {
		if a, found := unsendableRow(&b.Items[i]); found {
			own[i] = a
		}
	}
	if len(own) == 0 {
		return conversions.Reply{}, false
	}
	return named(len(b.Items), own, "Other rows of the batch could not be sent, so nothing was."), true
}

func unsendableBatch(b *conversions.Batch) (conversions.Answer, bool) {
	if b.Target.API != conversions.APIDataManager {
		return withCode(codeTarget, fixBatch("The batch is meant for another of Google's upload APIs.", hintBug)), true
	}
	if id, err := customerID(b.Target.Customer); err != nil || id != b.Target.Customer {
		return withCode(codeTarget, pauseAccount("The customer id of the account is not one.", hintCustomer)), true
	}
	if len(b.Items) > conversions.MaxItems {
		return withCode(codeTooMany, fixBatch("The batch holds more rows than one request may carry.", hintSplit)), true
	}
	if len(layOut(b.Items).actions) > maxDestinations {
		return withCode(codeTooManyActions, fixBatch("The batch names more conversion actions than one request may.", hintSplit)), true
	}
	return conversions.Answer{}, false
}

// unsendableRow finds what makes one row impossible to send. A text that is not UTF-8 would be changed on its way out, and
// an order id that is all digits is refused only when it is not a test (Data Manager API v1, observed in 2026).
func unsendableRow(it *conversions.Item) (conversions.Answer, bool) {
	switch {
	case it.ClickID == "":
		return withCode(codeNoClickID, refuse("The row has no click id, so Google could not tell which ad it belongs to.",
			"Nothing to do if the click id was erased; else look at the row with `audit show` and report it.")), true
	case !utf8.ValidString(it.ClickID), !utf8.ValidString(it.OrderID), !utf8.ValidString(it.Currency):
		return withCode(codeText, refuse("The row holds a text that cannot be sent.", hintClickID)), true
	case it.OrderID == "", digits(it.OrderID), !digits(it.Action), it.At.IsZero(), !clickKind(it.Click.Kind), !operation(it.Op):
		return withCode(codeIncomplete, retry("The row lacks something that every conversion must have.", hintBug)), true
	default:
		return conversions.Answer{}, false
	}
}

func clickKind(k conversions.ClickKind) bool {
	return k == conversions.GCLID || k == conversions.GBRAID || k == conversions.WBRAID
}

func operation(op conversions.Operation) bool {
	return op == conversions.OpUpload || op == conversions.OpRestate || op == conversions.OpRetract
}
