package googleads

import (
	"time"

	"closeloop/conversions"
)

// collectionSize is CollectionSizeError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var collectionSize = table{
	2: fixBatch("A list was shorter than Google takes.", hintBug),
	3: fixBatch("A list was longer than Google takes.", "Nothing to do: it is shortened and sent again."),
}

// distinct is DistinctError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var distinct = table{
	2: fixBatch("The same thing stood twice in one request.", "Nothing to do: the copies are sent apart."),
	3: fixBatch("The same kind of thing stood twice in one request.", "Nothing to do: the copies are sent apart."),
}

// null is NullError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var null = table{2: fixBatch("The request held an empty row.", hintBug)}

// notEmpty is NotEmptyError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var notEmpty = table{2: fixBatch("A list was empty.", hintBug)}

// identifier is IdError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var identifier = table{2: pauseAction("Google does not find the conversion action.", hintAction)}

// date is DateError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var date = table{
	2:  unreadableTime(),
	3:  unreadableTime(),
	4:  unreadableTime(),
	6:  unreadableTime(),
	7:  refuse("The time of the conversion is too long ago for Google.", hintTime),
	8:  later(time.Hour, "The time of the conversion is in the future for Google.", hintTime),
	9:  unreadableTime(),
	10: unreadableTime(),
	11: unreadableTime(),
	12: unreadableTime(),
	13: unreadableTime(),
	14: unreadableTime(),
}

func unreadableTime() conversions.Answer {
	return refuse("Google cannot read the time of the conversion.", hintBug)
}

// dateRange is DateRangeError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var dateRange = table{
	2: unreadableTime(),
	3: unreadableTime(),
	4: refuse("The time of the conversion is too long ago for Google.", hintTime),
	5: later(time.Hour, "The time of the conversion is in the future for Google.", hintTime),
	6: unreadableTime(),
	7: unreadableTime(),
}

// field is FieldError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var field = table{
	2: refuse("The row lacks something Google needs, most likely its click id.",
		"Look at the row with `audit show`. If it has a click id, report it with the code and the request id."),
	3:  refuse("The row would change something that cannot change.", hintBug),
	4:  refuse("A value of the row is not one Google takes.", hintBug),
	5:  refuse("The row holds something that must not be sent together with the rest.", hintBug),
	6:  refuse("The row lacks a list Google needs.", hintBug),
	7:  refuse("The row would clear something that cannot be cleared.", hintBug),
	9:  refuse("Google blocks a value of the row.", "Ask Google's support with the request id which one and why."),
	10: refuse("The row sets something that can only be cleared.", hintBug),
}

// stringFormat is StringFormatError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var stringFormat = table{
	2: refuse("The row holds a character Google does not take, most likely in its click id.", hintClickID),
	3: refuse("A text of the row has not the form Google takes, most likely its click id.", hintClickID),
}

// stringLength is StringLengthError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var stringLength = table{
	2: refuse("A text of the row is too short for Google, most likely its click id.", hintClickID),
	3: refuse("A text of the row is too long for Google, most likely its click id.", hintClickID),
	4: refuse("A text of the row is empty, most likely its click id.", hintClickID),
}

// currencyCode is CurrencyCodeError, Google Ads API v25. The currency is a setting, so the account is at fault and not
// the row.
//
//nolint:gochecknoglobals // a constant table
var currencyCode = table{
	2: pauseAccount("Google does not know the currency of the account.", "Correct `currency` in the account's settings."),
}

// numberRange is RangeError, Google Ads API v25.
//
//nolint:gochecknoglobals // a constant table
var numberRange = table{
	2: refuse("A number of the row is too low for Google, most likely its value.", "Look at the amount in the CRM."),
	3: refuse("A number of the row is too high for Google, most likely its value.", "Look at the amount in the CRM."),
}
