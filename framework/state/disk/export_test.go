package disk

// SetFormat writes down that a folder is of a format.
func SetFormat(d *DB, n int) error { return d.set([]byte{ofFolder}, folder{Format: n, App: "app"}) }

// Held returns how many bytes are committed and not written.
func Held(s *Store) int {
	if s.held.batch == nil {
		return 0
	}
	return s.held.batch.Len()
}
