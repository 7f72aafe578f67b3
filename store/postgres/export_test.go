package postgres

// Statements, for tests of their plans.
func Statements() map[string]string {
	return map[string]string{
		"selectDue": selectDue, "selectRows": selectRows, "selectPeople": selectPeople, "selectSlots": selectSlots, "insertSlots": insertSlots,
		"updateRows": updateRows, "deletePending": deletePending, "insertEntries": insertEntries, "insertEvents": insertEvents,
	}
}
