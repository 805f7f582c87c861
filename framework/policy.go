package framework

// Policy says what happens to a record that cannot go on. Fail, Skip and Clamp are policies, DeadLetter makes one.
type Policy struct {
	kind  policyKind
	topic string // of dead letters
}

type policyKind int8

const (
	policyFail policyKind = iota
	policySkip
	policyClamp
	policyDeadLetter
)

var (
	// Fail stops the application with an error that names the record. Nothing acknowledged is lost: the record is
	// read again at the next start.
	Fail = Policy{kind: policyFail}
	// Skip drops the record, counts it under its reason, and goes on.
	Skip = Policy{kind: policySkip}
	// Clamp goes on with the nearest event time that is good: see Topic.OnBadTime, the only place for it.
	Clamp = Policy{kind: policyClamp}
)
