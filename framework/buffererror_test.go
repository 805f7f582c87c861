package framework_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
)

func TestAnErrorBehindABufferIsToldOnce(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	stop := start(t, func(t *framework.Topology) {
		t.From(source).Buffer(1).ForEach(func(context.Context, int) error { return errors.New("boom") })
	})
	for source.Emit(t.Context(), 1) == nil {
	}
	if err := stop(); strings.Count(err.Error(), "boom") != 1 {
		t.Errorf("stop says %q", err)
	}
}
