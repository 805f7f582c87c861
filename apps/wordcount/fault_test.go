package main

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/apps/internal/apptest"
	"github.com/millrace/millrace/apps/internal/command"
	"github.com/millrace/millrace/connectors/kafka/embedded"
)

func TestEachFaultIsOneLineAndANonZeroExit(t *testing.T) {
	folder := t.TempDir()
	inUse := t.TempDir()
	b, err := embedded.Start(embedded.Config{Dir: inUse})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	brokers := b.Addrs()[0]
	tests := map[string]struct {
		args string
		code int
		want string
	}{
		"an input that does not exist":     {"-input " + folder + "/absent", command.Fault, "absent: no such file"},
		"an input that is a folder":        {"-input " + folder, command.Fault, "is a folder: name a file"},
		"an output that cannot be written": {"-output " + folder + "/absent/x", command.Fault, "-output: open "},
		"an output that is a folder":       {"-output " + folder, command.Fault, "is a folder: name a file"},
		"no broker, serving":               {"-brokers 127.0.0.1:1", command.Fault, "no broker answers at 127.0.0.1:1"},
		"no broker, with input":            {"-brokers 127.0.0.1:1 -input -", command.Fault, "no broker answers at 127.0.0.1:1"},
		"a topic that does not exist":      {"-brokers " + brokers + " -from typo", command.Fault, "topic typo does not exist: create it"},
		"a folder that is in use":          {"-data " + inUse, command.Fault, inUse + " is in use by another broker"},
		"a name that is none":              {"-name a/b", command.Fault, `application name "a/b"`},
		"partitions that are none":         {"-partitions 0", command.Usage, "-partitions 0: from 1 to 512 are possible"},
		"too many partitions":              {"-partitions 513", command.Usage, "-partitions 513: from 1 to 512 are possible"},
		"partitions that are no number":    {"-partitions four", command.Usage, `invalid value "four" for flag -partitions`},
		"a negative top":                   {"-top -1", command.Usage, "-top -1: "},
		"no brokers in the list":           {"-brokers ,", command.Usage, "-brokers is empty"},
		"no input named":                   {"-input=", command.Usage, "-input is empty"},
		"brokers and a folder":             {"-brokers a:1 -data d", command.Usage, "leave out -data or -brokers"},
		"one topic for both":               {"-from a -to a", command.Usage, "must be two topics"},
		"an unknown flag":                  {"-unknown", command.Usage, "-unknown"},
		"an argument":                      {"file.txt", command.Usage, `unexpected argument "file.txt"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := runs(t, "a line", strings.Fields(test.args)...)
			if r.code != test.code || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, test.want) || r.stdout != "" {
				t.Errorf("got %+v, want exit %d and one line with %q", r, test.code, test.want)
			}
		})
	}
}

func TestALineLongerThanARecordMayBeIsNamed(t *testing.T) {
	for name, end := range map[string]string{"with an end": "\nmore", "without": ""} {
		t.Run(name, func(t *testing.T) {
			r := runs(t, "short\n"+strings.Repeat("x", maxLineBytes+1)+end, "-input", "-")
			if want := "standard input: line 2 has more than 655360 bytes"; r.code != command.Fault || !strings.Contains(r.stderr, want) {
				t.Errorf("got %+v, want %q", r, want)
			}
		})
	}
	longest := strings.Repeat("x", maxLineBytes)
	lines, _ := succeeds(t, longest+"\n"+longest, "-input", "-")
	apptest.Same(t, lines, batchCounts(t, longest+" "+longest))
}

func TestALineThatTheTopicRefusesIsNamed(t *testing.T) {
	brokers := apptest.StartBroker(t)
	createTopicOf(t, brokers, "small", map[string]string{"max.message.bytes": "1000"})
	r := runs(t, "short\nshort\n"+strings.ReplaceAll(text(5000), "\n", " "), "-brokers", brokers, "-from", "small", "-input", "-")
	if want := "of the input to topic small: MESSAGE_TOO_LARGE"; r.code != command.Fault || !strings.Contains(r.stderr, want) {
		t.Errorf("got %+v, want %q", r, want)
	}
}

func TestATopicOfSomethingElseIsNotReadAsCounts(t *testing.T) {
	brokers := apptest.StartBroker(t)
	createTopicOf(t, brokers, "other", nil)
	produce(t, brokers, "other", "key", "value that is no count")
	r := runs(t, "a", "-brokers", brokers, "-to", "other", "-input", "-")
	if want := "topic other, partition 0, offset 0 is not a count of a word: int64"; r.code != command.Fault || !strings.Contains(r.stderr, want) {
		t.Errorf("got %+v, want %q", r, want)
	}
}
