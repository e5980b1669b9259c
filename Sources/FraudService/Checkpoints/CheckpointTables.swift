import FraudEngine
import Postgres

/// Checkpoints and rule sets in PostgreSQL's schema `tripline`: whose, and where.
struct CheckpointTables: Sendable {
    let address: PostgresAddress
    let group: String
    let topic: String
    let instance: String
}

/// One thread's connection to the tables. A connection that broke is opened anew; where that fails, calls fail at once for a moment.
///
/// Everything it writes may be written again: a call whose outcome is unknown is simply repeated.
final class CheckpointTablesAccess {
    /// Bytes of a checkpoint in one row.
    static let chunkSize = 1 << 20
    /// Rows of chunks that are read at once.
    private static let chunksAtOnce = 8
    /// Milliseconds.
    private static let statementTimeout = 15_000
    /// After a failure: so that a queue of jobs does not wait for each one's timeout.
    private static let pauseMilliseconds: Int64 = 1_000

    private let tables: CheckpointTables
    private var connection: PostgresConnection?
    private var failure: (error: PostgresError, at: Int64)?

    init(_ tables: CheckpointTables) { self.tables = tables }

    /// Runs the body on the connection, and once more on a new one where the old one turns out to be broken.
    private func attempt<Value>(_ body: (PostgresConnection) throws(PostgresError) -> Value) throws(StoreProblem) -> Value {
        if let failure, Clock.monotonicMilliseconds() - failure.at < Self.pauseMilliseconds { throw .database(failure.error) }
        do throws(PostgresError) {
            if let connection {
                do throws(PostgresError) { return try body(connection) } catch {
                    guard case .unreachable = error else { throw error }
                    self.connection = nil
                }
            }
            let new = try Database.connect(tables.address, statementMilliseconds: Self.statementTimeout)
            connection = new
            failure = nil
            return try body(new)
        } catch {
            if error.isConnectionDead {
                connection = nil
                failure = (error, Clock.monotonicMilliseconds())
            }
            throw .database(error)
        }
    }
}

extension CheckpointTablesAccess: CheckpointAccess {
    func prepare() throws(StoreProblem) {
        let header = CheckpointHeader(
            group: tables.group, topic: tables.topic, partition: 0, epoch: Int64.random(in: .min..<0), offset: 0, foldHash: "probe", partitionCount: 1,
            anchor: nil, history: [], digest: 0)
        try attempt { (connection) throws(PostgresError) in
            try connection.transaction { () throws(PostgresError) in
                let probe: [UInt8] = [0]
                try probe.withUnsafeBufferPointer { (bytes) throws(PostgresError) in
                    try insert(header, UnsafeRawBufferPointer(bytes), connection)
                }
                try delete(header, connection)
            }
        }
    }

    // MARK: Checkpoints

    func partitions() throws(StoreProblem) -> [Int32] {
        let sql = "select distinct partition from tripline.checkpoint where \"group\" = $1 and topic = $2 and complete order by partition"
        return try attempt { (connection) throws(PostgresError) in
            var found: [Int32] = []
            for row in try connection.query(sql, [.text(tables.group), .text(tables.topic)]).rows { found.append(Int32(clamping: try row.integer(0))) }
            return found
        }
    }

    func list(_ partition: Int32) throws(StoreProblem) -> [StoredCheckpoint] {
        let sql = """
            select epoch, "offset", rules_seq from tripline.checkpoint
            where "group" = $1 and topic = $2 and partition = $3 and complete order by epoch, "offset", rules_seq
            """
        return try attempt { (connection) throws(PostgresError) in
            var found: [StoredCheckpoint] = []
            for row in try connection.query(sql, lineage(partition)).rows {
                let (epoch, offset, sequence) = (try row.integer(0), try row.integer(1), UInt64(clamping: try row.integer(2)))
                found.append(
                    StoredCheckpoint(
                        partition: partition, epoch: epoch, kept: KeptCheckpoint(offset: offset, sequence: sequence),
                        place: "tripline.checkpoint \(tables.group)/\(tables.topic)/\(partition)/\(epoch)-\(offset)-\(sequence)"))
            }
            return found
        }
    }

    func read(_ checkpoint: StoredCheckpoint) throws(StoreProblem) -> [UInt8] {
        let sql = """
            select id, bytes from tripline.checkpoint
            where "group" = $1 and topic = $2 and partition = $3 and epoch = $4 and "offset" = $5 and rules_seq = $6 and complete
            """
        let found: (bytes: [UInt8], isWhole: Bool)? = try attempt { (connection) throws(PostgresError) in
            guard let row = try connection.query(sql, key(checkpoint.partition, checkpoint.epoch, checkpoint.kept)).first else { return nil }
            let (id, count) = (try row.integer(0), try row.integer(1))
            let bytes = try chunks(of: id, count: count, connection)
            if bytes.count == count { return (bytes, true) }
            // Pruned by a service that runs, between two of the queries?
            let isThere = try connection.query("select 1 from tripline.checkpoint where id = $1", [.integer(id)]).first != nil
            return isThere ? (bytes, false) : nil
        }
        guard let found else { throw .missing("it was removed meanwhile") }
        guard found.isWhole else { throw .incomplete("its chunks do not add up to it") }
        return found.bytes
    }

    /// The chunks of a checkpoint one after the other, as far as they are there and in order.
    private func chunks(of id: Int64, count: Int64, _ connection: PostgresConnection) throws(PostgresError) -> [UInt8] {
        let sql = "select number, data from tripline.checkpoint_chunk where checkpoint_id = $1 and number >= $2 and number < $3 order by number"
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(clamping: min(count, 1 << 30)))
        var next: Int64 = 0
        while bytes.count < count {
            let rows = try connection.query(sql, [.integer(id), .integer(next), .integer(next + Int64(Self.chunksAtOnce))]).rows
            if rows.isEmpty { return bytes }
            for row in rows {
                guard try row.integer(0) == next else { return bytes }
                bytes += try row.bytes(1)
                next += 1
            }
        }
        return bytes
    }

    func look(at checkpoint: StoredCheckpoint, limit: Int) throws(StoreProblem) -> (byteCount: Int, writtenAt: Int64, start: [UInt8]) {
        let sql = """
            select bytes, (extract(epoch from created_at) * 1000)::bigint, substring(data from 1 for $7::bigint::integer)
            from tripline.checkpoint join tripline.checkpoint_chunk on checkpoint_id = id and number = 0
            where "group" = $1 and topic = $2 and partition = $3 and epoch = $4 and "offset" = $5 and rules_seq = $6 and complete
            """
        let values = key(checkpoint.partition, checkpoint.epoch, checkpoint.kept) + [.integer(Int64(limit))]
        let found: (Int, Int64, [UInt8])? = try attempt { (connection) throws(PostgresError) in
            guard let row = try connection.query(sql, values).first else { return nil }
            return (Int(clamping: try row.integer(0)), try row.integer(1), try row.bytes(2))
        }
        guard let found else { throw .missing("it was removed meanwhile") }
        return found
    }

    func write(_ header: CheckpointHeader, _ bytes: UnsafeRawBufferPointer) throws(StoreProblem) {
        let prune = """
            delete from tripline.checkpoint where id in (
                select id from tripline.checkpoint where "group" = $1 and topic = $2 and partition = $3
                order by epoch desc, "offset" desc, rules_seq desc offset \(CheckpointStore.keptCount))
            """
        try attempt { (connection) throws(PostgresError) in
            try connection.transaction { () throws(PostgresError) in
                try delete(header, connection)
                try insert(header, bytes, connection)
                _ = try connection.query(prune, lineage(header.partition))
            }
        }
    }

    /// Removes all that is the group's.
    func removeGroup() throws(StoreProblem) {
        try attempt { (connection) throws(PostgresError) in
            _ = try connection.query("delete from tripline.checkpoint where \"group\" = $1", [.text(tables.group)])
        }
    }

    /// Chunks first, then `complete`.
    private func insert(_ header: CheckpointHeader, _ bytes: UnsafeRawBufferPointer, _ connection: PostgresConnection) throws(PostgresError) {
        let sql = """
            insert into tripline.checkpoint ("group", topic, partition, epoch, "offset", rules_seq, fold, digest, metadata, bytes, instance)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) returning id
            """
        let digest = withUnsafeBytes(of: header.digest.bigEndian) { Array($0) }
        let values: [PostgresValue] = [
            .text(header.foldHash), .bytes(digest), .text(CheckpointFile.text(header)), .integer(Int64(bytes.count)), .text(tables.instance),
        ]
        guard let id = try connection.query(sql, key(header.partition, header.epoch, header.kept) + values).first?.integer(0) else {
            throw .protocolViolation("an insert gave no row")
        }
        for (number, start) in stride(from: 0, to: bytes.count, by: Self.chunkSize).enumerated() {
            let chunk = Array(bytes[start..<min(start + Self.chunkSize, bytes.count)])
            _ = try connection.query(
                "insert into tripline.checkpoint_chunk (checkpoint_id, number, data) values ($1, $2, $3)",
                [.integer(id), .integer(Int64(number)), .bytes(chunk)])
        }
        _ = try connection.query("update tripline.checkpoint set complete = true where id = $1", [.integer(id)])
    }

    private func delete(_ header: CheckpointHeader, _ connection: PostgresConnection) throws(PostgresError) {
        let sql = """
            delete from tripline.checkpoint
            where "group" = $1 and topic = $2 and partition = $3 and epoch = $4 and "offset" = $5 and rules_seq = $6
            """
        _ = try connection.query(sql, key(header.partition, header.epoch, header.kept))
    }

    private func lineage(_ partition: Int32) -> [PostgresValue] { [.text(tables.group), .text(tables.topic), .integer(Int64(partition))] }

    private func key(_ partition: Int32, _ epoch: Int64, _ kept: KeptCheckpoint) -> [PostgresValue] {
        lineage(partition) + [.integer(epoch), .integer(kept.offset), .integer(Int64(clamping: kept.sequence))]
    }

    // MARK: Rule sets

    func store(ruleSet hash: RuleSetHash, bundle: [UInt8]) throws(StoreProblem) {
        try attempt { (connection) throws(PostgresError) in
            guard try connection.query("select 1 from tripline.rule_set where sha256 = $1", [.bytes(hash.bytes)]).rows.isEmpty else { return }
            _ = try connection.query(
                "insert into tripline.rule_set (sha256, bundle) values ($1, $2) on conflict do nothing", [.bytes(hash.bytes), .bytes(bundle)])
        }
    }

    func bundle(of hash: RuleSetHash) throws(StoreProblem) -> [UInt8] {
        let found: [UInt8]? = try attempt { (connection) throws(PostgresError) in
            try connection.query("select bundle from tripline.rule_set where sha256 = $1", [.bytes(hash.bytes)]).first?.bytes(0)
        }
        guard let found else { throw .missing("there is none in tripline.rule_set") }
        return found
    }
}

extension RuleSetHash {
    /// What the hexadecimal digits stand for.
    fileprivate var bytes: [UInt8] {
        let digits = hexadecimal.utf8.map { $0 < UInt8(ascii: "a") ? $0 &- UInt8(ascii: "0") : $0 &- UInt8(ascii: "a") &+ 10 }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
