import CRdKafka
import Testing

@testable import Kafka

@Suite struct `An error's class` {
    /// The flags that librdkafka gives, and what follows. Being fenced counts first, an error without flags is fatal.
    @Test(
        arguments: [
            ("plain", false, false, false, .replaceClient), ("retriable", false, true, false, .retry), ("abortable", false, false, true, .abort),
            ("abortable, though retriable", false, true, true, .abort), ("fatal", true, false, false, .replaceClient),
            ("fatal, though abortable", true, false, true, .replaceClient), ("fatal, though retriable", true, true, false, .replaceClient),
        ] as [(String, Bool, Bool, Bool, KafkaError.Reaction)])
    func `librdkafka's flags count in their order`(
        name: String, isFatal: Bool, isRetriable: Bool, requiresAbort: Bool, reaction: KafkaError.Reaction
    ) {
        func error(_ code: Int32) -> KafkaError {
            KafkaError(.init(rawValue: code), isFatal: isFatal, isRetriable: isRetriable, requiresAbort: requiresAbort)
        }
        #expect(error(-185).reaction == reaction)
        for fenced in [-144, 47, 82, 90] as [Int32] { #expect(error(fenced).reaction == .leave) }
    }

    @Test func `codes are classed by what may be done about them`() {
        func codes(_ isOfClass: (KafkaError) -> Bool) -> [Int32] {
            (-200...120).filter { $0 != 0 && isOfClass(KafkaError(.init(rawValue: $0))) }
        }
        #expect(codes(\.isFenced) == [-144, 47, 82, 90])
        #expect(codes(\.isTimedOut) == [-185, -166, 7])
        #expect(codes(\.isOffsetOutOfRange) == [-168, -140, 1])
        #expect(codes(\.isUnsupported) == [-165, 35])
        #expect(
            codes(\.isTransient) == [-195, -192, -187, -185, -166, -152, -151, 5, 6, 7, 14, 15, 16, 19, 20, 22, 25, 27, 45, 47, 48, 49, 51, 59, 88])
        #expect(codes(\.isUnauthorized) == [-169, 29, 30, 31, 53, 58])
    }

    @Test func `unread errors are kept up to a number, the ends of partitions all`() {
        let events = ClientEvents(log: nil)
        for partition in 0..<200 as Range<Int32> {
            events.append(KafkaError(RD_KAFKA_RESP_ERR__PARTITION_EOF, partition: partition))
            events.append(KafkaError(RD_KAFKA_RESP_ERR__TRANSPORT))
        }
        var ends: Set<Int32> = []
        var otherCount = 0
        while let error = events.removeFirstError() {
            if error.isPartitionEnd, let partition = error.partition { ends.insert(partition) } else { otherCount += 1 }
        }
        #expect(ends.count == 200)
        #expect(otherCount == 64)
    }

    @Test func `an error is told by name and text`() {
        let error = KafkaError(.init(rawValue: 3), partition: 4)
        #expect(error.description == "UNKNOWN_TOPIC_OR_PART: Broker: Unknown topic or partition")
        #expect(error.partition == 4)
        #expect(KafkaError(.init(rawValue: 3), message: "ours").description == "UNKNOWN_TOPIC_OR_PART: ours")
        #expect(KafkaError.invalid("ours").description == "_INVALID_ARG: ours")
    }
}

@Suite struct `The librdkafka of this process` {
    @Test func `tells its version and what it was built with`() throws {
        #expect(ClientLibrary.version.hasPrefix("2."))
        #expect(try ClientLibrary.features().split(separator: ",").contains("ssl"))
    }

    @Test(
        arguments: [
            (0x0200_02ff, "older than 2.10.1"), (0x0201_00ff, "records twice"), (0x0201_01ff, "records twice"), (0x0202_00ff, "older than 2.10.1"),
            (0x0203_00ff, "metadata requests"), (0x0205_00ff, "telemetry"), (0x0206_00ff, "slowly"), (0x020a_00ff, "looks for brokers"),
            (0x020a_01ff, nil), (0x020f_00ff, nil),
        ] as [(Int32, String?)])
    func `a version with known faults deserves a warning that names the cure`(version: Int32, text: String?) {
        let advisory = ClientLibrary.advisory(for: version)
        #expect((advisory == nil) == (text == nil))
        if let text, let advisory {
            #expect(advisory.contains(text))
            #expect(advisory.hasSuffix("; use 2.10.1 or later"))
        }
    }
}
