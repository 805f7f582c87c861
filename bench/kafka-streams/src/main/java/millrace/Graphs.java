package millrace;

import java.util.Arrays;
import java.util.Locale;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** The graphs, written as a user writes them. */
final class Graphs {
    private Graphs() {}

    static Topology of(String what, String in, String out, boolean memory) {
        var builder = new StreamsBuilder();
        switch (what) {
            case "passthrough" -> builder
                .stream(in, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .to(out, Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
            case "uppercase" -> builder
                .stream(in, Consumed.with(Serdes.ByteArray(), Serdes.String()))
                .mapValues(value -> value.toUpperCase(Locale.ROOT))
                .to(out, Produced.with(Serdes.ByteArray(), Serdes.String()));
            case "wordcount" -> count(
                builder.stream(in, Consumed.with(Serdes.ByteArray(), Serdes.String()))
                    .flatMapValues(line -> Arrays.asList(line.toLowerCase(Locale.ROOT).split("\\s+"))),
                out, memory);
            case "unique" -> count(builder.stream(in, Consumed.with(Serdes.ByteArray(), Serdes.String())), out, memory);
            default -> throw new IllegalArgumentException("no workload \"" + what + "\"");
        }
        return builder.build();
    }

    private static void count(KStream<byte[], String> words, String out, boolean memory) {
        Materialized<String, Long, KeyValueStore<Bytes, byte[]>> store = memory
            ? Materialized.as(Stores.inMemoryKeyValueStore("counts"))
            : Materialized.as("counts");
        words.groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
            .count(store.withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
            .toStream()
            .to(out, Produced.with(Serdes.String(), Serdes.Long()));
    }
}
