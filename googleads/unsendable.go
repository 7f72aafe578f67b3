package googleads

import (
	"unicode/utf8"

	"closeloop/conversions"
)

// Codes of answers that are ours, not Google's.
const (
	codeTooMany   = "Closeloop.TOO_MANY_ROWS"
	codeTarget    = "Closeloop.WRONG_TARGET"
	codeOperation = "Closeloop.WRONG_OPERATION"
	codeText      = "Closeloop.UNSENDABLE_TEXT"
	codeAdjust    = "Closeloop.INCOMPLETE_ADJUSTMENT"
	codeNoAnswer  = "Closeloop.NO_ANSWER"
)

// unsendable finds what makes a batch impossible to send, before anything is sent.
func unsendable(b *conversions.Batch) (conversions.Answer, bool) {
	if b.Target.API != conversions.APIGoogleAds {
		return local(codeTarget, "The batch is meant for another of Google's upload APIs."), true
	}
	if id, err := customerID(b.Target.Customer); err != nil || id != b.Target.Customer {
		a := pauseAccount("The customer id of the account is not one.", hintCustomer)
		a.Code = codeTarget
		return a, true
	}
	if len(b.Items) > conversions.MaxItems {
		return local(codeTooMany, "The batch holds more rows than one request may carry."), true
	}
	for i := range b.Items {
		if a, found := unsendableRow(&b.Items[i], b.Items[0].Op == conversions.OpUpload); found {
			return a, true
		}
	}
	return conversions.Answer{}, false
}

// unsendableRow finds what makes a batch of uploads, or else of adjustments, impossible to send because of one row.
func unsendableRow(it *conversions.Item, uploads bool) (conversions.Answer, bool) {
	switch it.Op {
	case conversions.OpUpload:
		if !uploads {
			return local(codeOperation, "The batch holds an upload among corrections."), true
		}
	case conversions.OpRestate, conversions.OpRetract:
		switch {
		case uploads:
			return local(codeOperation, "The batch holds a correction among uploads."), true
		case it.OrderID == "", it.AdjustAt.IsZero():
			return local(codeAdjust, "A correction lacks its order id or its time."), true
		case it.Op == conversions.OpRestate && !it.Value.Known:
			return local(codeAdjust, "A correction lacks the value to correct to."), true
		}
	default:
		return local(codeOperation, "The batch holds a row with nothing to do."), true
	}
	// One such text would fail the whole request on its way out.
	if !utf8.ValidString(it.ClickID) || !utf8.ValidString(it.OrderID) ||
		!utf8.ValidString(it.Currency) || !utf8.ValidString(it.Action) {
		return local(codeText, "A row holds a text that cannot be sent."), true
	}
	return conversions.Answer{}, false
}

func local(code, sentence string) conversions.Answer {
	a := fixBatch(sentence, hintBug)
	a.Code = code
	return a
}
