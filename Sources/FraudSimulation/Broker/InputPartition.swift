import FraudEngine
import ReferenceFold

/// A record of the input; its bytes stay where they are.
final class InputRecord {
    let offset: Int64
    let timestamp: Int64
    private let key: UnsafeRawBufferPointer?
    private let value: UnsafeRawBufferPointer?

    init(_ draft: Draft, offset: Int64) {
        self.offset = offset
        timestamp = draft.timestamp
        key = draft.key.map(Self.copy)
        value = draft.value.map(Self.copy)
    }

    deinit {
        key?.deallocate()
        value?.deallocate()
    }

    var plain: PlainRecord {
        PlainRecord(offset: offset, timestamp: timestamp, key: key.map { Array($0) }, value: value.map { Array($0) })
    }

    private static func copy(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
        buffer.copyBytes(from: bytes)
        return UnsafeRawBufferPointer(buffer)
    }

    /// Valid while this object lives.
    var raw: RawRecord {
        RawRecord(
            value: value?.baseAddress, valueCount: value?.count ?? 0, key: key?.baseAddress, keyCount: key?.count ?? 0, offset: offset,
            timestamp: timestamp)
    }
}

/// A partition of the payments topic: a log of records and control records; `read_committed` readers see what lies below the last stable offset, less
/// what was aborted.
final class InputPartition {
    private enum Item {
        case record(InputRecord, transaction: Int?)
        case control
    }

    private var items: [Item] = []
    /// By transaction: its first offset while it is open.
    private var open: [Int: Int64] = [:]
    private var aborted: Set<Int> = []
    private var waiting: [() -> Void] = []

    var end: Int64 { Int64(items.count) }

    /// The last stable offset: everything below it is decided.
    var stable: Int64 { open.values.min() ?? end }

    func append(_ drafts: [Draft], transaction: Int?) {
        if let transaction, open[transaction] == nil { open[transaction] = end }
        for draft in drafts { items.append(.record(InputRecord(draft, offset: end), transaction: transaction)) }
        wake()
    }

    func finish(transaction: Int, commits: Bool) {
        open[transaction] = nil
        if !commits { aborted.insert(transaction) }
        items.append(.control)
        wake()
    }

    /// What a reader sees from `offset` on, at most `count` records, and where it reads on.
    func read(from offset: Int64, count: Int) -> (records: [InputRecord], next: Int64) {
        var found: [InputRecord] = []
        var at = offset
        while at < stable, found.count < count {
            if case .record(let record, let transaction) = items[Int(at)], transaction.map({ !aborted.contains($0) }) ?? true { found.append(record) }
            at += 1
        }
        return (found, at)
    }

    var visible: [InputRecord] { read(from: 0, count: .max).records }

    /// The first record with this timestamp or a later one, as `ListOffsets` finds it.
    func offset(at time: Int64) -> Int64? {
        for item in items { if case .record(let record, _) = item, record.timestamp >= time { return record.offset } }
        return nil
    }

    /// Calls back once when something was appended or decided.
    func wait(_ body: @escaping () -> Void) { waiting.append(body) }

    private func wake() {
        let bodies = waiting
        waiting.removeAll()
        for body in bodies { body() }
    }
}
