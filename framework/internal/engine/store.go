package engine

import "fmt"

// Store is what a task keeps between records, as the task sees it: something that writes and reads a changelog.
type Store interface {
	Name() string
	// Flush hands out what changed since the last call, one call a key, in the order of the first change. The key's
	// bytes are never changed; the value is valid only during the call, nil is a deletion.
	Flush(record func(key, value []byte, time int64) error) error
	// Restore applies one changelog record. It keeps no reference to its arguments.
	Restore(key, value []byte, time int64) error
	// Bytes returns about how much memory the content takes.
	Bytes() int64
	// Len returns the number of keys.
	Len() int
}

// formKey is the key under which a changelog says what it is of: else windows of an hour would be read as windows of a day where a
// graph was changed. It is no key of a user's: it is too long to come by chance.
const formKey = "\x00millrace: what this changelog is of\x00"

// IsForm says that a record of a changelog is none of a store's: it tells what the changelog is of.
func IsForm(key []byte) bool { return string(key) == formKey }

type boundStore struct {
	store Store
	topic int32
	form  string
	said  bool                                      // the changelog has the form
	log   func(key, value []byte, time int64) error // writes a change to the changelog; made once, since it is called at each flush
}

// AddStore gives the task a store whose changes go to the changelog topic with this index. form says what its changelog has, as long as
// that is read as something else under another form.
func (t *Task) AddStore(s Store, form string, topic int32) {
	b := &boundStore{store: s, topic: topic, form: form}
	b.log = func(key, value []byte, time int64) error {
		if !b.said {
			b.said = true
			t.changelog = append(t.changelog, t.change(topic, []byte(formKey), []byte(form), 0))
		}
		t.changelog = append(t.changelog, t.change(topic, key, value, time))
		return nil
	}
	t.stores = append(t.stores, b)
}

// Stores calls f for each store, those of stages too, with the index of its changelog topic; for those behind first.
func (t *Task) Stores(f func(s Store, topic int32)) {
	for _, s := range t.stages {
		s.Stores(f)
	}
	for _, b := range t.stores {
		f(b.store, b.topic)
	}
}

// Restore applies a record of a changelog topic to its store.
func (t *Task) Restore(topic int32, key, value []byte, time int64) error {
	for _, b := range t.stores {
		if b.topic == topic {
			return b.restore(key, value, time)
		}
	}
	for _, s := range t.stages {
		if err := s.Restore(topic, key, value, time); err != nil {
			return err
		}
	}
	return nil
}

func (b *boundStore) restore(key, value []byte, time int64) error {
	if !IsForm(key) {
		return b.store.Restore(key, value, time)
	}
	if b.said = true; string(value) != b.form {
		return fmt.Errorf("its changelog is of %s, and the graph has %s under this name now", value, b.form)
	}
	return nil
}

// Stored returns about how many bytes the stores of the task take in memory, without those of its stages.
func (t *Task) Stored() (bytes int64) {
	for _, b := range t.stores {
		bytes += b.store.Bytes()
	}
	return bytes
}

// log writes what changed in the stores to their changelogs.
func (t *Task) log() error {
	for _, b := range t.stores {
		if err := b.store.Flush(b.log); err != nil {
			return fmt.Errorf("store %s: %w", b.store.Name(), err)
		}
	}
	return nil
}
