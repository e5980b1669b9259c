/// The stored form of a partition's state: little-endian, version 1, checked by digest when read back.
///
/// Layout: magic "TLST", version, window size, stream time, totals, digest; rule ids; accounts (key, live cells, live marks); then for each live
/// window its ids. Only what is live is written.
package enum StateCodec {
    package enum Problem: Error, Equatable {
        case notAState
        case version(UInt32)
        case truncated
        case windowSize(stored: Int64, expected: Int64)
        case inconsistent(String)
        /// What was read does not have the digest it was written with.
        case digest(stored: UInt64, read: UInt64)
    }

    private static let magic: UInt32 = 0x5453_4c54
    private static let version: UInt32 = 1

    // MARK: Encoding

    /// - Parameter drain: called every now and then; may take what is there out of the buffer.
    static func encode(_ snapshot: PartitionSnapshot, to out: inout ByteWriter, drain: (inout ByteWriter) -> Void) {
        out.append(little: magic)
        out.append(little: version)
        out.append(little: snapshot.windowSize)
        out.append(little: snapshot.streamTime)
        for outcome in Outcome.allCases {
            out.append(little: snapshot.totals.records[Int(outcome.rawValue)])
            out.append(little: snapshot.totals.amounts[Int(outcome.rawValue)])
        }
        out.append(little: snapshot.digest)
        out.append(little: UInt32(snapshot.ruleIDs.count))
        for id in snapshot.ruleIDs {
            out.append(little: UInt16(id.count))
            out.append(id)
        }
        encodeAccounts(snapshot, to: &out, drain)
        encodeIDs(snapshot, to: &out, drain)
    }

    private static func encodeAccounts(_ snapshot: PartitionSnapshot, to out: inout ByteWriter, _ drain: (inout ByteWriter) -> Void) {
        let table = snapshot.accounts
        for number in 1..<max(1, table.records.end) {
            let record = table.records.read(number)
            let head = record.load(as: AccountRecord.self)
            if head.keyCount == 0 { continue }
            var cells: [Cell] = []
            let inline = (record + AccountRecord.cellsOffset).assumingMemoryBound(to: Cell.self)
            for index in 0..<AccountRecord.inlineCells { cells.append(inline[index]) }
            var next = inline[2].next
            while next != 0 {
                let cell = table.cells.read(next).load(as: Cell.self)
                cells.append(cell)
                next = cell.next
            }
            cells.removeAll { $0.tag == 0 || $0.window <= snapshot.closedThrough }
            var hits: [HitEntry] = []
            var hit = head.hits
            while hit != 0 {
                let entry = table.hits.read(hit).load(as: HitEntry.self)
                if floorDivide(entry.periodEnd - 1, snapshot.windowSize) > snapshot.closedThrough { hits.append(entry) }
                hit = entry.next
            }
            if cells.isEmpty, hits.isEmpty { continue }
            encode(table.key(of: record), cells, hits, to: &out)
            drain(&out)
        }
        out.append(little: UInt16(0))
    }

    private static func encode(_ key: ByteSlice, _ cells: [Cell], _ hits: [HitEntry], to out: inout ByteWriter) {
        out.append(little: UInt16(key.count))
        out.append(key)
        out.append(little: UInt32(cells.count))
        out.append(little: UInt32(hits.count))
        for cell in cells {
            out.append(little: cell.window)
            out.append(little: cell.sum)
            out.append(little: cell.count)
            out.append(little: cell.tag)
        }
        for hit in hits {
            out.append(little: hit.rule)
            out.append(little: hit.periodStart)
            out.append(little: hit.periodEnd)
            out.append(little: hit.hits)
            out.append(hit.score)
            out.append(hit.action)
            out.append(hit.isShadow)
            out.append(hit.isPerPayment)
        }
    }

    private static func encodeIDs(_ snapshot: PartitionSnapshot, to out: inout ByteWriter, _ drain: (inout ByteWriter) -> Void) {
        let live = snapshot.buckets.filter { !$0.ids.isEmpty }
        out.append(little: UInt32(live.count))
        for bucket in live {
            out.append(little: bucket.number)
            out.append(little: bucket.ids.reduce(UInt64(0)) { $0 + UInt64($1.count) })
            for part in bucket.ids {
                for slot in 0..<Int(part.capacity) where part.slots[slot] != 0 { out.append(little: part.slots[slot]) }
                drain(&out)
            }
        }
    }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a / b - (a % b < 0 ? 1 : 0) }

    // MARK: Decoding

    /// The state that `encode` wrote; throws rather than give a state that is not exactly that.
    package static func decode(_ bytes: UnsafeRawBufferPointer, windows: TumblingWindows, seed: UInt64) throws(Problem) -> PartitionState {
        var reader = ByteReader(bytes)
        guard try reader.uint32() == magic else { throw .notAState }
        let version = try reader.uint32()
        guard version == Self.version else { throw .version(version) }
        let size = try reader.int64()
        guard size == windows.size else { throw .windowSize(stored: size, expected: windows.size) }
        var state = PartitionState(windows: windows, seed: seed)
        let streamTime = try reader.int64()
        var records: [UInt64] = []
        var amounts: [UInt64] = []
        for _ in Outcome.allCases {
            records.append(try reader.uint64())
            amounts.append(try reader.uint64())
        }
        state.totals = Totals(records: records, amounts: amounts)
        let digest = try reader.uint64()
        state.restore(streamTime: streamTime)
        for number in 0..<(try reader.uint32()) {
            let id = try reader.slice(Int(try reader.uint16()))
            guard state.ruleNames.number(of: id.array) == number else { throw .inconsistent("a rule stands twice") }
        }
        try decodeAccounts(&reader, into: &state)
        try decodeIDs(&reader, into: &state)
        guard reader.isAtEnd else { throw .inconsistent("bytes behind the end") }
        guard state.digest == digest else { throw .digest(stored: digest, read: state.digest) }
        return state
    }

    private static func decodeAccounts(_ reader: inout ByteReader, into state: inout PartitionState) throws(Problem) {
        while true {
            let count = Int(try reader.uint16())
            if count == 0 { return }
            guard count <= 256 else { throw .inconsistent("an account of \(count) bytes") }
            let key = try reader.slice(count)
            let placement = state.accounts.placement(key)
            guard state.accounts.find(key, placement: placement) == 0 else { throw .inconsistent("an account stands twice") }
            let record = state.accounts.insert(key, placement: placement)
            let cellCount = try reader.uint32()
            let hitCount = try reader.uint32()
            for _ in 0..<cellCount {
                let cell = Cell(window: try reader.int64(), sum: try reader.int64(), count: try reader.int64(), tag: try reader.uint32(), next: 0)
                guard cell.tag != 0 else { throw .inconsistent("a cell of no currency") }
                state.buckets.add(state.accounts.restore(cell, to: record), to: cell.window)
            }
            for _ in 0..<hitCount {
                let entry = HitEntry(
                    next: 0, rule: try reader.uint32(), periodStart: try reader.int64(), periodEnd: try reader.int64(), hits: try reader.int64(),
                    score: try reader.uint8(), action: try reader.uint8(), isShadow: try reader.uint8(), isPerPayment: try reader.uint8(), reserved: 0)
                guard Int(entry.rule) < state.ruleNames.ids.count, entry.action <= 2 else { throw .inconsistent("a mark of no rule") }
                guard entry.periodStart < entry.periodEnd else { throw .inconsistent("a mark of no period") }
                state.addHit(entry, to: record)
            }
        }
    }

    private static func decodeIDs(_ reader: inout ByteReader, into state: inout PartitionState) throws(Problem) {
        for _ in 0..<(try reader.uint32()) {
            let number = try reader.int64()
            for _ in 0..<(try reader.uint64()) {
                let fingerprint = try reader.uint64()
                guard fingerprint != 0, state.buckets.insert(fingerprint, into: number) else { throw .inconsistent("an id stands twice") }
            }
        }
    }
}

/// Reads little-endian numbers and slices, never past the end.
struct ByteReader {
    private let bytes: UnsafeRawBufferPointer
    private var at = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { at == bytes.count }

    mutating func slice(_ count: Int) throws(StateCodec.Problem) -> ByteSlice {
        guard count >= 0, bytes.count - at >= count else { throw .truncated }
        defer { at += count }
        return ByteSlice(UnsafeRawBufferPointer(rebasing: bytes[at..<at + count]))
    }

    private mutating func load<T: FixedWidthInteger>(_ type: T.Type) throws(StateCodec.Problem) -> T {
        let size = MemoryLayout<T>.size
        guard bytes.count - at >= size else { throw .truncated }
        defer { at += size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: T.self))
    }

    mutating func uint8() throws(StateCodec.Problem) -> UInt8 { try load(UInt8.self) }
    mutating func uint16() throws(StateCodec.Problem) -> UInt16 { try load(UInt16.self) }
    mutating func uint32() throws(StateCodec.Problem) -> UInt32 { try load(UInt32.self) }
    mutating func uint64() throws(StateCodec.Problem) -> UInt64 { try load(UInt64.self) }
    mutating func int64() throws(StateCodec.Problem) -> Int64 { try load(Int64.self) }
}

extension ByteWriter {
    /// The integer's bytes, lowest first.
    mutating func append<T: FixedWidthInteger>(little value: T) {
        withUnsafeBytes(of: value.littleEndian) { append($0) }
    }
}
