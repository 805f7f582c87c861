package millrace;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * One side of a benchmark: a graph of Kafka Streams that serves until SIGTERM, then prints what it has seen as a line of JSON.
 * Flags are those of the Go sides, {@code -name value}. What is not set by them is as Kafka Streams has it by default.
 */
public final class Bench {
    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(20);

    public static void main(String[] args) {
        Map<String, String> flags = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            flags.put(args[i].substring(1), args[i + 1]);
        }
        Seen.input = flags.get("in");
        Seen.output = flags.get("out");
        var streams = new KafkaStreams(
            Graphs.of(flags.get("what"), flags.get("in"), flags.get("out"), flags.get("store").equals("memory")),
            properties(flags), new WatchedClients());
        streams.setUncaughtExceptionHandler(e -> {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            boolean closed = streams.close(STOP_TIMEOUT);
            System.out.println(Seen.json());
            System.out.flush();
            Runtime.getRuntime().halt(closed ? 0 : 1); // a signal would else be the exit code
        }));
        streams.start();
    }

    private static Properties properties(Map<String, String> flags) {
        var p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, flags.get("group"));
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, flags.get("brokers"));
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
            flags.get("guarantee").equals("exactly-once") ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, flags.get("clients"));
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, flags.get("commit"));
        p.put(StreamsConfig.STATE_DIR_CONFIG, flags.get("state"));
        if (flags.get("cache").equals("off")) {
            p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        }
        p.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        p.put(StreamsConfig.producerPrefix(ProducerConfig.INTERCEPTOR_CLASSES_CONFIG), Seen.Acknowledged.class.getName());
        return p;
    }
}
