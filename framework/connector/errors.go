package connector

import "errors"

// ErrTemporary is wrapped by errors of what may go well if it is tried again, for example while brokers are away.
var ErrTemporary = errors.New("the brokers cannot do it for now")

// ErrAborted is wrapped by errors of an atomic worker after which nothing is there of what was written since its last Commit: the worker
// goes on with Abort.
var ErrAborted = errors.New("the transaction is given up")

// ErrGap is wrapped by errors about a position that is no longer in its log, or not yet.
var ErrGap = errors.New("records were deleted before they were read, or the topic was made anew")

// Has says whether the partition's position was refused. A nil error has refused none.
func (e *CommitError) Has(p Partition) bool {
	if e != nil {
		for _, refused := range e.Refused {
			if refused == p {
				return true
			}
		}
	}
	return false
}
