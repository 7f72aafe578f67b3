package conversions

import "slices"

// Merge returns the answer of a row that was given two: the more blocking one,
// which lists the other's code among Others. Equally blocking, a stays.
func (a Answer) Merge(b Answer) Answer {
	if b.severity() > a.severity() {
		a, b = b, a
	}
	others := slices.Clone(a.Others)
	for _, code := range append([]string{b.Code}, b.Others...) {
		if code != a.Code && !slices.Contains(others, code) {
			others = append(others, code)
		}
	}
	a.Others = others
	return a
}

// severity orders answers by how much they block.
func (a Answer) severity() int {
	switch a.Verdict {
	case Pause:
		if a.Scope == ScopeAccount {
			return 12
		}
		return 11
	case FixBatch:
		return 10
	case Refused:
		return 9
	case Later:
		return 8
	case Retry:
		return 7
	case AlreadyThere:
		return a.By.weight()
	case Done, Submitted, Unclear:
		return 0
	default:
		return 0
	}
}

// weight orders ways of being there by how much they say: an order id is ours
// for certain, a click and time need not be; a retraction is final, a newer
// correction outdates ours.
func (id Identity) weight() int {
	switch id {
	case ByRetraction:
		return 5
	case ByNewerAdjustment:
		return 4
	case ByAdjustment:
		return 3
	case ByOrderID:
		return 2
	case ByClickTime:
		return 1
	default:
		return 1
	}
}
