package job

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// brief has sessions and transactions that end soon.
var brief = []kgo.Opt{kgo.SessionTimeout(time.Second), kgo.TransactionTimeout(2 * time.Second)}
