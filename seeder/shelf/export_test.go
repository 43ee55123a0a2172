package shelf

// WithStep returns the shelf with what is called before each step of a move: when it
// returns an error, the move ends there, as by a power cut.
func (s Shelf) WithStep(step func(string) error) Shelf {
	s.step = step
	return s
}
