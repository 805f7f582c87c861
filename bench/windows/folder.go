package main

import (
	"os"

	"github.com/millrace/millrace/framework/state/disk"
)

// folders are those that were made.
var folders []string

// openFolder makes a folder for windows that there is no memory for: so many bytes are for all that it has in memory.
func openFolder(memory int64) *disk.DB {
	name, err := os.MkdirTemp("", "windows-")
	if err != nil {
		panic(err)
	}
	folders = append(folders, name)
	db, err := disk.Open(name, disk.Options{App: "bench", MemoryBytes: memory})
	if err != nil {
		panic(err)
	}
	return db
}

func removeFolders() {
	for _, name := range folders {
		_ = os.RemoveAll(name) // what is left is in the folder of what is temporary
	}
}
