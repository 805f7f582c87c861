package millrace;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.producer.ProducerInterceptor;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** What the clients have done, in the words of the Go sides. Times are Unix nanoseconds, 0 for never. */
final class Seen {
    static volatile String input;
    static volatile String output;

    private static volatile long firstFetch;
    private static volatile long lastAck;
    private static volatile long lastCommit; // behind which something was produced
    private static volatile boolean produced; // since the last commit
    private static final LongAdder FETCHED = new LongAdder();
    private static final LongAdder FETCHED_ALL = new LongAdder();
    private static final LongAdder PRODUCED = new LongAdder();
    private static final LongAdder OUTPUT = new LongAdder();

    private Seen() {}

    static void fetched(ConsumerRecords<?, ?> records) {
        if (records.isEmpty()) {
            return;
        }
        FETCHED_ALL.add(records.count());
        for (var partition : records.partitions()) {
            if (partition.topic().equals(input)) {
                first();
                FETCHED.add(records.records(partition).size());
            }
        }
    }

    private static synchronized void first() {
        if (firstFetch == 0) {
            firstFetch = now();
        }
    }

    static void committed() {
        if (produced) {
            produced = false;
            lastCommit = now();
        }
    }

    static String json() {
        return String.format(
            "{\"FirstFetch\":%d,\"LastAck\":%d,\"LastCommit\":%d,\"Fetched\":%d,\"FetchedAll\":%d,\"Produced\":%d,\"Output\":%d}",
            firstFetch, lastAck, lastCommit, FETCHED.sum(), FETCHED_ALL.sum(), PRODUCED.sum(), OUTPUT.sum());
    }

    private static long now() {
        return TimeUnit.MILLISECONDS.toNanos(System.currentTimeMillis());
    }

    /** Hears of each acknowledged record. The producer makes it by its name. */
    public static final class Acknowledged implements ProducerInterceptor<byte[], byte[]> {
        @Override
        public void onAcknowledgement(RecordMetadata metadata, Exception exception) {
            if (exception != null) {
                return;
            }
            PRODUCED.increment();
            produced = true;
            if (metadata.topic().equals(output)) {
                OUTPUT.increment();
                lastAck = now();
            }
        }

        @Override
        public ProducerRecord<byte[], byte[]> onSend(ProducerRecord<byte[], byte[]> record) {
            return record;
        }

        @Override
        public void configure(Map<String, ?> configs) {}

        @Override
        public void close() {}
    }
}
