// Package bench measures the framework inside one process: its benchmarks print two sides and their ratio from one run.
//
//	go test -run '^$' -bench . ./bench
//	go test -run Allocations -v ./bench
//
// What needs a broker is the command in bench/kafka.
package bench
