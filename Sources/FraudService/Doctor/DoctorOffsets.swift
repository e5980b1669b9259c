import FraudEngine
import Kafka

/// What the group has committed, and whether a start could go on from it.
struct DoctorOffsets {
    let settings: Settings
    let consumer: Consumer
    let partitionCount: Int
    private static let timeout: Int32 = 15_000

    /// Whether there are any.
    func look(_ report: inout DoctorReport) -> Bool {
        do throws(KafkaError) {
            let partitions = (0..<Int32(clamping: partitionCount)).map { $0 }
            var committedCount = 0
            var refusedCount = 0
            let access = CheckpointStore(settings).open()
            // A coordinator may only just be made.
            let patience = StartPatience(log: Log(level: .error, format: .text), limit: Int64(Self.timeout))
            let found = try patience.ask { () throws(KafkaError) in
                try consumer.committed(partitions, topic: settings.input.topic, timeoutMilliseconds: Self.timeout)
            }
            for committed in found {
                if committed.offset != nil { committedCount += 1 }
                guard let refusal = try refusal(committed, access) else { continue }
                refusedCount += 1
                report.add(.fail("partition \(committed.partition)", .refused, refusal.message, refusal.cure(CureContext(settings), committed.partition)))
            }
            lookAtTimestamps(partitions, &report)
            if refusedCount == 0 {
                report.add(
                    .ok(
                        "offsets", committedCount == 0 ? "none are committed: the group begins at input.start" : "\(committedCount) are committed, all readable"
                    ))
            }
            return committedCount > 0
        } catch {
            report.add(
                .fail(
                    "offsets", error.isUnauthorized ? .refused : .unreachable, error.message,
                    error.isUnauthorized ? DoctorKafka.rightsCure : "see the brokers' logs"))
            return false
        }
    }

    /// As a worker judges a partition it is given, before it reads a checkpoint.
    private func refusal(_ committed: CommittedOffset, _ access: any CheckpointAccess) throws(KafkaError) -> Refusal? {
        var newest: Int64?
        // A store that cannot be read has its own finding.
        do throws(StoreProblem) { newest = try access.list(committed.partition).last?.kept.offset } catch { newest = nil }
        let marks = try consumer.watermarks(partition: committed.partition, topic: settings.input.topic, timeoutMilliseconds: DoctorKafka.timeout)
        guard let offset = committed.offset else { return newest.map { .checkpointWithoutOffset(checkpoint: $0, logEnd: marks.high) } }
        let claim = Claim(
            partition: committed.partition, committed: nil, logStart: marks.low, logEnd: marks.high, birthOffset: marks.low, newestCheckpoint: newest,
            partitionCount: partitionCount)
        let fold = FoldHash.text(windows: settings.windows, mapping: settings.input.mapping)
        let position = CommittedPosition(offset: offset, metadata: committed.metadata ?? "")
        switch WorkerMachine.check(claim, position, partitionCount: partitionCount, foldHash: fold) {
        case .failure(let why): return why
        case .success: return nil
        }
    }

    /// A record from the future tells of a clock that is wrong, the producer's or ours.
    private func lookAtTimestamps(_ partitions: [Int32], _ report: inout DoctorReport) {
        let limit: Int64 = 5_000
        do throws(KafkaError) {
            let times = partitions.map { (partition: $0, timestamp: Clock.wallMilliseconds() + limit) }
            let found = try consumer.offsets(forTimes: times, topic: settings.input.topic, timeoutMilliseconds: DoctorKafka.timeout)
            guard let ahead = found.first(where: { $0.offset != nil }) else { return }
            report.add(
                .warn(
                    "payment times",
                    "the record at offset \(ahead.offset ?? 0) of partition \(ahead.partition) is more than \(limit) ms ahead of this machine's clock",
                    "compare the clocks of this machine, the brokers and the producers with NTP"))
        } catch {
            report.add(.warn("payment times", "they cannot be compared with this machine's clock: \(error.message)", "see the brokers' logs"))
        }
    }
}
