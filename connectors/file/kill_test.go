package file

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// childVariable makes this test binary run a trial job in the folder that it names, and nothing else.
const childVariable = "MILLRACE_FILE_TRIAL"

func TestMain(m *testing.M) {
	folder := os.Getenv(childVariable)
	if folder == "" {
		os.Exit(m.Run())
	}
	j := &trialJob{folder: folder, config: Config{PartBytes: 20_000, PartInterval: time.Millisecond}}
	if strings.HasSuffix(folder, "gzip") {
		j.options, j.rewrites = []Option{Compress("gzip")}, true
	}
	if err := j.run(system{}); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Exit(0)
}

func TestAJobThatIsKilledFiftyTimesWritesEachLineOnce(t *testing.T) {
	const wanted = 50
	moments := rand.New(rand.NewPCG(1, 2))
	kills, jobs, late := 0, 0, 0
	for kills < wanted {
		folder := t.TempDir()
		var options []Option
		if jobs%3 == 2 {
			folder += "/gzip"
			options = []Option{Compress("gzip")}
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		j := newTrialJob(t, folder, 4, 15_000, options...)
		for done := false; !done; {
			limit := time.Duration(10+moments.IntN(150)) * time.Millisecond
			if kills == wanted {
				limit = time.Minute
			}
			killed, err := runChild(folder, limit)
			if err != nil {
				t.Fatalf("after %d kills: %v", kills, err)
			}
			if killed {
				if kills++; len(partsOf(t, folder)) > 0 {
					late++
				}
				if _, err := written(folder + "/out"); len(partsOf(t, folder)) > 0 && err != nil {
					t.Fatalf("after %d kills: %v", kills, err)
				}
			}
			done = !killed
		}
		if err := j.check(); err != nil {
			t.Fatalf("after %d kills: %v", kills, err)
		}
		jobs++
	}
	t.Logf("%d kills of %d jobs, %d of them when parts were there already", kills, jobs, late)
}

// runChild runs the job in another process, which is killed after a while.
func runChild(folder string, limit time.Duration) (killed bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+folder)
	var said strings.Builder
	child.Stderr = &said
	err = child.Run()
	switch {
	case err == nil:
		return false, nil
	case said.Len() == 0 && ctx.Err() != nil:
		return true, nil
	}
	return false, errors.New(err.Error() + ": " + said.String())
}

func partsOf(t *testing.T, folder string) []foundPart {
	t.Helper()
	parts, err := partsIn(system{}, folder+"/out")
	if err != nil {
		return nil // the folder was not made yet
	}
	var whole []foundPart
	for _, p := range parts {
		if !p.open {
			whole = append(whole, p)
		}
	}
	return whole
}
