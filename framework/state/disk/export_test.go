package disk

// SetFormat writes down that a folder is of a format.
func SetFormat(d *DB, n int) error { return d.set([]byte{ofFolder}, folder{Format: n, App: "app"}) }
