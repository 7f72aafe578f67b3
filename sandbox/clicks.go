package sandbox

import (
	"slices"
	"strings"
)

// clickID names a click.
type clickID struct {
	kind ClickKind
	id   string
}

// clickIndex finds clicks by id and by hash, and recognises damaged forms of their ids.
type clickIndex struct {
	byID    map[clickID]*Click
	byLower map[clickID]string // lower-cased id to the true one
	byHash  map[string]*Click  // the newest click of a person
	sorted  []string           // ids, for finding cut ones
	dirty   bool               // sorted lacks order
}

func (x *clickIndex) add(clicks ...Click) {
	if x.byID == nil {
		x.byID, x.byLower, x.byHash = map[clickID]*Click{}, map[clickID]string{}, map[string]*Click{}
	}
	for _, c := range clicks {
		x.byID[clickID{c.Kind, c.ID}] = &c
		x.byLower[clickID{c.Kind, strings.ToLower(c.ID)}] = c.ID
		for _, h := range c.Hashes {
			if old := x.byHash[h]; old == nil || old.Time.Before(c.Time) {
				x.byHash[h] = &c
			}
		}
		x.sorted = append(x.sorted, c.ID)
		x.dirty = true
	}
}

// damaged says whether an unknown id is a known one lower-cased or cut at its end, or looks lower-cased: no real id of
// this length is without a capital.
func (x *clickIndex) damaged(id clickID) bool {
	lower := strings.ToLower(id.id)
	if original, ok := x.byLower[clickID{id.kind, lower}]; ok && original != id.id {
		return true
	}
	if len(id.id) >= 40 && lower == id.id {
		return true
	}
	if x.dirty {
		slices.Sort(x.sorted)
		x.dirty = false
	}
	i, _ := slices.BinarySearch(x.sorted, id.id)
	return i < len(x.sorted) && len(x.sorted[i]) > len(id.id) && strings.HasPrefix(x.sorted[i], id.id)
}

// wellFormed says whether id has the alphabet of click ids, base64url without padding.
func wellFormed(id string) bool {
	for i := range len(id) {
		c := id[i]
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return id != ""
}
