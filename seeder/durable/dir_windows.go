package durable

// SyncDir does nothing: Windows syncs no folders.
func SyncDir(dir string) error { return nil }
