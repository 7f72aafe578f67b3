package conversions_test

import (
	"time"

	"closeloop/conversions"
)

// google is an independent, short model of what Google holds: it applies
// exactly the items that reach it, and knows nothing of rows.
type google map[string]*held

type held struct {
	item      conversions.Item // as uploaded
	value     conversions.Amount
	retracted bool
	adjusted  time.Time // the latest adjustment's time
}

// takes applies an item and says what Google would.
func (g google) takes(it conversions.Item) conversions.Answer {
	h, ok := g[it.OrderID]
	if it.Op == conversions.OpUpload {
		return g.uploads(it, ok)
	}
	switch {
	case !ok:
		return conversions.Answer{Verdict: conversions.Later, Wait: day, NotFound: true}
	case h.retracted:
		return there(conversions.ByRetraction)
	case it.AdjustAt.Equal(h.adjusted):
		return there(conversions.ByAdjustment)
	case it.AdjustAt.Before(h.adjusted):
		return there(conversions.ByNewerAdjustment)
	case h.item.Click.Kind == conversions.WBRAID || it.Action != h.item.Action || !it.AdjustAt.After(h.item.At):
		return conversions.Answer{Verdict: conversions.Refused, Code: "a bug"}
	}
	h.adjusted = it.AdjustAt
	if it.Op == conversions.OpRetract {
		h.retracted, h.value = true, conversions.Amount{}
	} else {
		h.value = it.Value
	}
	return conversions.Answer{Verdict: conversions.Done}
}

func (g google) uploads(it conversions.Item, known bool) conversions.Answer {
	if known {
		return there(conversions.ByOrderID)
	}
	for _, h := range g {
		if h.item.Click.Commitment == it.Click.Commitment && h.item.Action == it.Action && h.item.At.Equal(it.At) {
			return there(conversions.ByClickTime)
		}
	}
	g[it.OrderID] = &held{item: it, value: it.Value}
	return conversions.Answer{Verdict: conversions.Done}
}

func there(by conversions.Identity) conversions.Answer {
	return conversions.Answer{Verdict: conversions.AlreadyThere, By: by}
}

// living are the conversions of an action that count.
func (g google) living(action string) int {
	n := 0
	for id, h := range g {
		if h.item.Action == action && !h.retracted && id != foreign {
			n++
		}
	}
	return n
}

// foreign is the order id of a conversion that another tool uploaded.
const foreign = "another tool's"
