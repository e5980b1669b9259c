import FraudEngine

/// `tripline state list`: the checkpoints of the group and topic, newest first. Asks no broker.
enum StateList {
    /// A checkpoint as its name, its header and its file say; the content is not read.
    struct Row {
        var partition: Int32
        var entry: StoredCheckpoint
        var byteCount: Int
        /// Milliseconds.
        var age: Int64
        var header: Result<CheckpointHeader, CheckpointFile.Problem>
    }

    static func run(_ partitions: [Int32], _ settings: Settings, _ output: Invocation.OutputFormat) throws(StartFailure) {
        let store = CheckpointStore(settings)
        let rows: [Row]
        do throws(StoreProblem) { rows = try self.rows(store.open(), partitions) } catch { throw StartFailure(error, store) }
        switch output {
        case .json: Terminal.data("{\"checkpoints\":[\(rows.map(json).joined(separator: ","))]}\n")
        case .text:
            for row in rows { Terminal.data(text(row)) }
            if rows.isEmpty { Terminal.note("no checkpoints of group \(settings.group), topic \(settings.input.topic) in \(store.place)\n") }
        }
    }

    private static func rows(_ store: any CheckpointAccess, _ partitions: [Int32]) throws(StoreProblem) -> [Row] {
        var rows: [Row] = []
        for partition in partitions.isEmpty ? try store.partitions() : partitions {
            for entry in try store.list(partition).reversed() {
                do throws(StoreProblem) {
                    let (byteCount, writtenAt, start) = try store.look(at: entry, limit: CheckpointFile.longestHeader)
                    rows.append(
                        Row(
                            partition: partition, entry: entry, byteCount: byteCount, age: max(0, Clock.wallMilliseconds() - writtenAt),
                            header: start.withUnsafeBytes { bytes in
                                Result { () throws(CheckpointFile.Problem) in try CheckpointFile.uncheckedHeader(bytes) }
                            }))
                } catch {
                    // A service that runs removes the oldest.
                    guard error.isMissing else { throw error }
                }
            }
        }
        return rows
    }

    private static func text(_ row: Row) -> String {
        let place = "partition \(row.partition)  offset \(row.entry.kept.offset)  lineage \(row.entry.epoch)  switches \(row.entry.kept.sequence)"
        let size = "\(row.byteCount) bytes  \(row.age / 1_000) s old"
        switch row.header {
        case .success(let header): return "\(place)  digest \(hexadecimal(header.digest))  fold \(header.foldHash)  \(size)\n"
        case .failure(let problem): return "\(place)  unreadable: \(problem)  \(size)\n"
        }
    }

    private static func json(_ row: Row) -> String {
        var header = "\"digest\":null,\"fold\":null"
        var problem = "null"
        switch row.header {
        case .success(let good): header = "\"digest\":\"\(hexadecimal(good.digest))\",\"fold\":\(jsonQuoted(good.foldHash))"
        case .failure(let why): problem = jsonQuoted("\(why)")
        }
        return "{\"partition\":\(row.partition),\"epoch\":\(row.entry.epoch),\"offset\":\(row.entry.kept.offset),\"switches\":\(row.entry.kept.sequence),"
            + "\(header),\"bytes\":\(row.byteCount),\"age_ms\":\(row.age),\"path\":\(jsonQuoted(row.entry.place)),\"problem\":\(problem)}"
    }
}
