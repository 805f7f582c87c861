package framework_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestFilterLetsPassWhatTheConditionIsTrueFor(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Filter(even).To(results) },
		check{"key, value and time stay", "a=1@10 b=2@20 c=4@30", "b=2@20 c=4@30"},
		check{"no key stays no key", "-=2@10", "-=2@10"},
		check{"a tombstone passes without a call", "a=2@10 a=-@20", "a=2@10 a=-@20"},
		check{"a tombstone passes though its value did not", "a=1@10 a=-@20", "a=-@20"},
		check{"nothing may pass", "a=1@10", ""},
	)
}

func ExampleStream_Filter() {
	numbers := frameworktest.Topic("numbers", codec.None, codec.Int)
	large := frameworktest.Topic("large", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(numbers).Filter(func(n int) bool { return n > 9 }).To(large)
	})
	pipe(d, numbers, 5, 10, 15)
	fmt.Println(values(d.Read(large)))
	// Output: [10 15]
}
