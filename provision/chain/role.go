package chain

// A Role says what a key may do on a box.
type Role string

// The roles. The first three are operators' roles, each with what is below it.
const (
	Owner    Role = "owner"    // everything
	Operator Role = "operator" // partners, their names and pins; observers; the box's name
	Observer Role = "observer" // reads status and metrics; signs nothing in the chain
	Partner  Role = "partner"  // pins within a grant; signs nothing in the chain
)

// rank orders the operators' roles; 0 for what is none of them.
func (r Role) rank() int {
	switch r {
	case Owner:
		return 3
	case Operator:
		return 2
	case Observer:
		return 1
	}
	return 0
}

// AtLeast reports whether r is an operator's role and includes what low may do.
// It is the role check of everything that operators ask of the box.
func (r Role) AtLeast(low Role) bool { return low.rank() > 0 && r.rank() >= low.rank() }

// governs reports whether one whose role is r decides on who has role other:
// owners on all, operators on observers and partners, the rest on nobody.
func (r Role) governs(other Role) bool {
	return r == Owner || r == Operator && (other == Observer || other == Partner)
}
