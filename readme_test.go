package millrace_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestProgramsOfTheREADMECompile(t *testing.T) {
	programs := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindAllStringSubmatch(readme(t), -1)
	if len(programs) == 0 {
		t.Fatal("the README shows no program")
	}
	for _, p := range programs {
		dir, err := os.MkdirTemp(".", "readme-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(p[1]), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("go", "vet", "./"+dir).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

func TestTheREADMEHasExactlyTwoSetUpCommands(t *testing.T) {
	found := regexp.MustCompile(`(?m)^GOTOOLCHAIN=auto go .*$`).FindAllString(readme(t), -1)
	want := "GOTOOLCHAIN=auto go run ./apps/wordcount\nGOTOOLCHAIN=auto go test ./..."
	if got := strings.Join(found, "\n"); got != want {
		t.Errorf("set-up commands of the README:\n%s\nwant:\n%s", got, want)
	}
}
