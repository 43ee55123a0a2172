package seeder

// epoch returns which ownership of the box this is, from 1; 0 when no authority
// has said.
func (a *access) epoch() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.table == nil {
		return 0
	}
	return a.table.Head.Epoch
}
