package store

// WithFault returns cfg with a function that is called before each step that
// changes the disk, and may fail it.
func WithFault(cfg Config, fault func(step string) error) Config {
	cfg.fault = fault
	return cfg
}
