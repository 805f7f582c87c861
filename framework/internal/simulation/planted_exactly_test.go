package simulation_test

const (
	onKafka     = "../../../connectors/kafka@"
	everyCode   = onKafka + "TestEveryErrorCodeToEveryRequestLeavesTheCountsExact -tags=synctests -codes.only="
	kafkaFaults = onKafka + "TestExactlyOnceWordCountSurvivesFaultsOfTheBrokers -tags=synctests -faults.seeds=20"
	driverSeeds = "../driver@TestExactlyOnceSurvivesWhateverASeedDoesToIt"
)

// plantsOfExactlyOnce are bugs of transactions.
var plantsOfExactlyOnce = []plant{
	{"a worker that starts again does not fence what it was", onKafka + "TestAWorkerThatStartsAgainEndsWhatItLeftOpen", []edit{
		{"../connectors/kafka/transactional.go", "if _, _, err := w.client.ProducerID(ctx); err != nil {", "if err := error(nil); err != nil {"},
	}},
	{"restoring ends before what the last owner has open is fenced or committed", onKafka + "TestARestorationWaitsForWhatTheLastOwnerHasOpen", []edit{
		{"../connectors/kafka/restore.go", "if r.worker.tx != nil {", "if false {"},
	}},
	{"restoring reads what is not committed", onKafka + "TestARestoration(ReadsBehindMarkersAndAbortedRecords|WaitsForWhatTheLastOwnerHasOpen)", []edit{
		{"../connectors/kafka/worker.go", "kgo.FetchIsolationLevel(kgo.ReadCommitted()),", "kgo.FetchIsolationLevel(kgo.ReadUncommitted()),"},
	}},
	{"offsets are committed outside the transaction", kafkaFaults, []edit{
		{"../connectors/kafka/transaction.go", "if err := w.offsetsIntoTransaction(ctx, positions); err != nil {", "if err := w.commitOffsets(ctx, positions); err != nil {"},
	}},
	{"the answer to the offsets of a transaction is not looked at", everyCode + "TxnOffsetCommit", []edit{
		{"../connectors/kafka/transaction.go", "return refusedOffsets(fmt.Errorf(\"add the offset of topic %s, partition %d, to the transaction: %w\", t.Topic, p.Partition, err))", "continue"},
	}},
	{"after a refused commit another one takes along what was written", onKafka + "TestAfterACommitThatWasRefusedNothingIsCommitted", []edit{
		{"../connectors/kafka/transaction.go", "	if w.tx.refused {", "	if false {"},
	}},
	{"what the end of a transaction came to is not looked at", everyCode + "EndTxn", []edit{
		{"../connectors/kafka/transaction.go", "return aborted(fmt.Errorf(\"end the transaction: %w\", err))", "w.log.Warn(\"not looked at\", \"error\", err)"},
	}},
	{"a commit takes positions of partitions that were revoked", onKafka + "TestATransactionIsNotCommittedForARevokedPartition", []edit{
		{"../connectors/kafka/transaction.go", "held, others := w.member.divide(positions)", "held, others := positions, positions[:0]"},
		{"../connectors/kafka/transaction.go", "if _, others := w.member.divide(positions); len(others) > 0 {", "if false {"},
	}},
	{"a partition that comes again stays paused", driverSeeds, []edit{
		{"internal/driver/rebalance.go", "told: true", "told: a.Offset == 0"},
	}},
	{"a partition whose offset is refused is left out", onKafka + "TestAPartitionWhoseOffsetIsRefusedIsAskedForAgain", []edit{
		{"../connectors/kafka/group.go", "	return again\n", "	return nil\n"},
	}},
	{"a folder that is older than deletions are kept for is trusted", "../driver@TestAFolderThatIsTooOldIsMadeAnew", []edit{
		{"internal/driver/durable.go", "c.Offset > 0 && age > trusted", "c.Offset > 0 && age > 1000*trusted"},
	}},
	{"a folder gets what is not committed", "../driver@TestStoresOnDiskSurviveWhateverASeedDoesToThem", []edit{
		{"internal/driver/durable.go", "if w.shared.atomic && len(r.applying) > 0 {", "if false {"},
	}},
	{"windows are not loaded from their folder", "../driver@TestWindowsOnDiskSurviveCrashes", []edit{
		{"../framework/state/mirror.go", "		failed = restore(key, value, time)", "		failed = nil"},
	}},
	{"a partition that nobody has is at its end", "../driver@TestABoundedRunThatLosesItsTasksClosesTheirWindows", []edit{
		{"internal/driver/ending.go", " || !mine && !e.others[p]", ""},
	}},
	{"windows that are aside are not looked for when they are due", "@TestWindowsDoNotDependOnLuck", []edit{
		{"../framework/windowresults.go", "return min(r.store.Due.Next(), r.store.NextAside())", "return r.store.Due.Next()"},
	}},
	{"what is in memory comes before what is aside", "@TestAStopWhileAGreatManyWindowsCloseLosesNoneAndRepeatsNone -seeds=32", []edit{
		{"../framework/windowresults.go", "!ok || aside && key > r.store.LastBack(at)", "!ok"},
	}},
	{"windows that are aside are made anew", "../../state@TestAWindowStoreIsTheSameWithWindowsAside", []edit{
		{"../framework/state/windows.go", "if ok, err := s.ask(encoded, 0, 0); !ok {", "if ok, err := false, error(nil); !ok {"},
	}},
	{"what operators hold back is committed", driverSeeds, []edit{
		{"internal/driver/atomic.go", "func (w *worker) holding() bool {\n	for _, t := range w.tasks {", "func (w *worker) holding() bool {\n	for _, t := range w.tasks[:0] {"},
	}},
	{"tasks keep state and combiner over an abort", kafkaFaults, []edit{
		{"internal/driver/abort.go", "	w.drop(all)\n", ""},
		{"internal/driver/rebalance.go", "			w.drop([]connector.Assignment{a})\n		}\n", `			times, err := engine.DecodeTimes(a.Metadata)
			if err != nil {
				return err
			}
			old.task.Seek(old.input, a.Offset, times)
			for _, run := range old.queue {
				w.client.Recycle(run.Records)
			}
			w.shared.budget.fetched.Add(-old.bytes)
			w.queued -= old.bytes
			old.queue, old.bytes, old.flushed, old.committed, old.end = nil, 0, a.Offset, a.Offset, a.End
			old.task.Begin(w.open.arena)
			w.client.Resume([]connector.Partition{a.Partition})
			continue
		}
`},
	}},
}
