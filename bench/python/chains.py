"""Runs map.filter.sink over numbers in one Python library and says how long it took.

python chains.py LIBRARY FORM COUNT

Prints the nanoseconds, the number of results and their sum. The numbers are there before the clock starts.
"""

import sys
import time

BATCH = 1000


def inc(x):
    return x + 1


def even(x):
    return x % 2 == 0


def inc_all(batch):
    return [inc(x) for x in batch]


def even_only(batch):
    return [x for x in batch if even(x)]


def streamz_elements(numbers, results):
    from streamz import Stream

    source = Stream()
    source.map(inc).filter(even).sink(results.append)

    def run():
        for x in numbers:
            source.emit(x)

    return run


def streamz_batches(batches, results):
    from streamz import Stream

    source = Stream()
    source.flatten().map(inc).filter(even).sink(results.append)

    def run():
        for batch in batches:
            source.emit(batch)

    return run


def streamz_sequences(batches, results):
    from streamz import Stream

    source = Stream()
    source.map(inc_all).map(even_only).sink(results.extend)

    def run():
        for batch in batches:
            source.emit(batch)

    return run


def reactivex_elements(numbers, results):
    from reactivex import operators as ops
    from reactivex.subject import Subject

    source = Subject()
    source.pipe(ops.map(inc), ops.filter(even)).subscribe(results.append)

    def run():
        for x in numbers:
            source.on_next(x)

    return run


def reactivex_batches(batches, results):
    # An observable a batch: a subject with a flat_map, and one that gets the elements, are slower.
    import reactivex
    from reactivex import operators as ops

    def run():
        for batch in batches:
            reactivex.from_iterable(batch).pipe(ops.map(inc), ops.filter(even)).subscribe(results.append)

    return run


def reactivex_sequences(batches, results):
    from reactivex import operators as ops
    from reactivex.subject import Subject

    source = Subject()
    source.pipe(ops.map(inc_all), ops.map(even_only)).subscribe(results.extend)

    def run():
        for batch in batches:
            source.on_next(batch)

    return run


def bytewax_flow(batches, keep, connect):
    """A flow whose source hands on a batch at a time, and whose sink gives batches to keep."""
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.inputs import DynamicSource, StatelessSourcePartition
    from bytewax.outputs import DynamicSink, StatelessSinkPartition
    from bytewax.testing import run_main

    class Numbers(StatelessSourcePartition):
        def __init__(self):
            self.batches = iter(batches)

        def next_batch(self):
            return next(self.batches)  # ends by StopIteration

    class Source(DynamicSource):
        def build(self, step_id, worker_index, worker_count):
            return Numbers()

    class Results(StatelessSinkPartition):
        def write_batch(self, items):
            keep(items)

    class Sink(DynamicSink):
        def build(self, step_id, worker_index, worker_count):
            return Results()

    flow = Dataflow("chain")
    op.output("out", connect(op, op.input("in", flow, Source())), Sink())
    return lambda: run_main(flow)


def bytewax_elements(numbers, results):
    return bytewax_batches([[x] for x in numbers], results)


def bytewax_batches(batches, results):
    return bytewax_flow(batches, results.extend, lambda op, s: op.filter("even", op.map("inc", s, inc), even))


def bytewax_sequences(batches, results):
    def keep(items):
        for batch in items:
            results.extend(batch)

    return bytewax_flow([[b] for b in batches], keep, lambda op, s: op.map("even", op.map("inc", s, inc_all), even_only))


def main():
    library, form, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    numbers = list(range(count))
    if form != "elements":
        numbers = [numbers[i : i + BATCH] for i in range(0, count, BATCH)]
    results = []
    run = globals()[f"{library}_{form}"](numbers, results)
    start = time.perf_counter_ns()
    run()
    print(time.perf_counter_ns() - start, len(results), sum(results))


main()
