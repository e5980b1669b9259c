import CLinux

/// The accounts of one partition: keys, window cells and marks, in paged memory.
///
/// One owner, one thread. Records never move; those without anything live are swept out a few at a time.
struct AccountTable: ~Copyable {
    let arena: PageArena
    private var index = AccountIndex()
    private var records: PagedPool
    private var cells: PagedPool
    private var hits: PagedPool
    /// Longer keys, by size: up to 32, 64, 128 and 256 bytes.
    private var keys32: PagedPool
    private var keys64: PagedPool
    private var keys128: PagedPool
    private var keys256: PagedPool
    /// Places accounts in the index; of this process, so that nobody can craft ids that collide.
    private let seed: UInt64
    private var sweepAt: UInt32 = 1

    init(arena: PageArena, seed: UInt64) {
        self.arena = arena
        self.seed = seed
        records = PagedPool(stride: AccountRecord.stride, pageShift: 8, arena: arena)
        cells = PagedPool(stride: Cell.stride, pageShift: 8, arena: arena)
        hits = PagedPool(stride: HitEntry.stride, pageShift: 8, arena: arena)
        keys32 = PagedPool(stride: 32, pageShift: 8, arena: arena)
        keys64 = PagedPool(stride: 64, pageShift: 7, arena: arena)
        keys128 = PagedPool(stride: 128, pageShift: 6, arena: arena)
        keys256 = PagedPool(stride: 256, pageShift: 5, arena: arena)
    }

    var count: Int { records.liveCount }
    var byteCount: Int { arena.byteCount + index.byteCount }
    /// One past the highest record number.
    var end: UInt32 { records.end }

    // MARK: Finding

    @inline(__always)
    func placement(_ account: ByteSlice) -> UInt64 { Hashing.hash(account, seed: seed) }

    @inline(__always)
    func prefetchIndex(_ placement: UInt64) { index.prefetch(placement) }

    @inline(__always)
    func prefetchRecord(_ placement: UInt64) {
        let record = index.first(placement)
        if record != 0 {
            let address = records.read(record)
            tripline_prefetch(address)
            tripline_prefetch(address + 64)
        }
    }

    @inline(__always)
    func find(_ account: ByteSlice, placement: UInt64) -> UInt32 {
        index.find(placement) { record in key(of: record).isEqual(to: account) }
    }

    /// A new record for an account that has none; `account` holds 1 to 256 bytes.
    mutating func insert(_ account: ByteSlice, placement: UInt64) -> UInt32 {
        precondition(account.count > 0 && account.count <= 256)
        let number = records.allocate()
        let record = records.write(number).assumingMemoryBound(to: AccountRecord.self)
        record.pointee.hash = Hashing.hash(account)
        record.pointee.keyCount = UInt32(account.count)
        if account.count <= AccountRecord.inlineKeyCount {
            withUnsafeMutableBytes(of: &record.pointee.key) { $0.copyMemory(from: account.buffer) }
        } else {
            record.pointee.key.0 = UInt64(storeKey(account))
        }
        index.insert(placement, record: number)
        return number
    }

    private mutating func storeKey(_ account: ByteSlice) -> UInt32 {
        func store(_ pool: inout PagedPool) -> UInt32 {
            let number = pool.allocate()
            pool.write(number).copyMemory(from: account.start, byteCount: account.count)
            return number
        }
        switch account.count {
        case ...32: return store(&keys32)
        case ...64: return store(&keys64)
        case ...128: return store(&keys128)
        case _: return store(&keys256)
        }
    }

    /// The account's bytes, valid until the next change of the table.
    @inline(__always)
    func key(of record: UInt32) -> ByteSlice {
        let head = records.read(record)
        let count = Int(head.load(fromByteOffset: 24, as: UInt32.self))
        if count <= AccountRecord.inlineKeyCount { return ByteSlice(start: head + 8, count: count) }
        return longKey(head.load(fromByteOffset: 8, as: UInt32.self), count: count)
    }

    private func longKey(_ number: UInt32, count: Int) -> ByteSlice {
        switch count {
        case ...32: ByteSlice(start: keys32.read(number), count: count)
        case ...64: ByteSlice(start: keys64.read(number), count: count)
        case ...128: ByteSlice(start: keys128.read(number), count: count)
        case _: ByteSlice(start: keys256.read(number), count: count)
        }
    }

    @inline(__always)
    func head(_ record: UInt32) -> UnsafeMutablePointer<AccountRecord> { records.read(record).assumingMemoryBound(to: AccountRecord.self) }

    func isUsed(_ record: UInt32) -> Bool { head(record).pointee.keyCount != 0 }

    // MARK: Cells

    /// What a payment sees in its window after it was added.
    struct Folded {
        /// Payments of the account in the window, all currencies.
        var count: Int64
        /// Sum in the payment's currency, minor units.
        var sum: Int64
        var isOverflowed: Bool
        /// To be added to the digest of the window.
        var digestChange: UInt64
    }

    /// Adds a payment to the account's cell of (window, currency).
    @inline(__always)
    mutating func fold(_ record: UInt32, window: Int64, currency: UInt32, amount: Int64, closedThrough: Int64) -> Folded {
        let base = records.write(record)
        let account = base.load(as: UInt64.self)
        let inline = (base + AccountRecord.cellsOffset).assumingMemoryBound(to: Cell.self)
        var total: Int64 = 0
        var found: UnsafeMutablePointer<Cell>?
        var free: UnsafeMutablePointer<Cell>?
        for index in 0..<AccountRecord.inlineCells {
            let cell = inline + index
            if cell.pointee.tag != 0, cell.pointee.window == window {
                total &+= cell.pointee.count
                if cell.pointee.currency == currency { found = cell }
            } else if free == nil, cell.pointee.tag == 0 || cell.pointee.window <= closedThrough {
                free = cell
            }
        }
        if inline[2].next != 0 {
            searchOverflow(of: record, window: window, currency: currency, closedThrough: closedThrough, total: &total, found: &found)
        }
        let cell = found ?? free.map { Self.reuse($0, window: window, currency: currency) } ?? addOverflowCell(record, window: window, currency: currency)
        return Self.add(amount, to: cell, account: account, countBefore: total)
    }

    @inline(__always)
    private static func reuse(_ cell: UnsafeMutablePointer<Cell>, window: Int64, currency: UInt32) -> UnsafeMutablePointer<Cell> {
        cell.pointee = Cell(window: window, sum: 0, count: 0, tag: currency, next: cell.pointee.next)
        return cell
    }

    @inline(__always)
    private static func add(_ amount: Int64, to cell: UnsafeMutablePointer<Cell>, account: UInt64, countBefore: Int64) -> Folded {
        let before = cell.pointee.count == 0 ? 0 : cell.pointee.digest(account: account)
        cell.pointee.count &+= 1
        if !cell.pointee.isOverflowed {
            let (sum, overflow) = cell.pointee.sum.addingReportingOverflow(amount)
            cell.pointee.sum = overflow ? 0 : sum
            if overflow { cell.pointee.tag |= Cell.overflowed }
        }
        return Folded(
            count: countBefore &+ 1, sum: cell.pointee.sum, isOverflowed: cell.pointee.isOverflowed,
            digestChange: cell.pointee.digest(account: account) &- before)
    }

    /// Looks through the account's overflow cells, giving back those whose window is closed.
    @inline(never)
    private mutating func searchOverflow(
        of record: UInt32, window: Int64, currency: UInt32, closedThrough: Int64, total: inout Int64, found: inout UnsafeMutablePointer<Cell>?
    ) {
        let third = (records.write(record) + AccountRecord.cellsOffset).assumingMemoryBound(to: Cell.self) + 2
        var kept: UInt32 = 0
        var number = third.pointee.next
        while number != 0 {
            let cell = cells.write(number).assumingMemoryBound(to: Cell.self)
            let next = cell.pointee.next
            if cell.pointee.window <= closedThrough {
                cells.free(number)
            } else {
                cell.pointee.next = kept
                kept = number
                if cell.pointee.window == window {
                    total &+= cell.pointee.count
                    if cell.pointee.currency == currency { found = cell }
                }
            }
            number = next
        }
        third.pointee.next = kept
    }

    @inline(never)
    private mutating func addOverflowCell(_ record: UInt32, window: Int64, currency: UInt32) -> UnsafeMutablePointer<Cell> {
        let number = cells.allocate()
        let third = (records.write(record) + AccountRecord.cellsOffset).assumingMemoryBound(to: Cell.self) + 2
        let cell = cells.write(number).assumingMemoryBound(to: Cell.self)
        cell.pointee = Cell(window: window, sum: 0, count: 0, tag: currency, next: third.pointee.next)
        third.pointee.next = number
        return cell
    }

    /// Puts back a cell of a checkpoint.
    mutating func restore(_ cell: Cell, to record: UInt32) -> UInt64 {
        let inline = (records.write(record) + AccountRecord.cellsOffset).assumingMemoryBound(to: Cell.self)
        let free = (0..<AccountRecord.inlineCells).first { inline[$0].tag == 0 }
        let target = free.map { inline + $0 } ?? addOverflowCell(record, window: cell.window, currency: cell.currency)
        let next = target.pointee.next
        target.pointee = cell
        target.pointee.next = next
        return cell.digest(account: head(record).pointee.hash)
    }

    // MARK: Hits

    @inline(__always)
    func hit(_ number: UInt32) -> HitEntry { hits.read(number).load(as: HitEntry.self) }

    func firstHit(of record: UInt32) -> UInt32 { head(record).pointee.hits }

    mutating func update(hit number: UInt32, _ entry: HitEntry) {
        hits.write(number).storeBytes(of: entry, as: HitEntry.self)
    }

    mutating func addHit(_ entry: HitEntry, to record: UInt32) {
        let number = hits.allocate()
        var entry = entry
        let head = records.write(record).assumingMemoryBound(to: AccountRecord.self)
        entry.next = head.pointee.hits
        hits.write(number).storeBytes(of: entry, as: HitEntry.self)
        head.pointee.hits = number
    }

    /// Gives back the account's entries for which `isDead` holds.
    mutating func removeHits(of record: UInt32, where isDead: (HitEntry) -> Bool) {
        var number = head(record).pointee.hits
        var previous: UInt32 = 0
        while number != 0 {
            let entry = hit(number)
            if isDead(entry) {
                if previous == 0 {
                    records.write(record).assumingMemoryBound(to: AccountRecord.self).pointee.hits = entry.next
                } else {
                    hits.write(previous).storeBytes(of: entry.next, as: UInt32.self)
                }
                hits.free(number)
            } else {
                previous = number
            }
            number = entry.next
        }
    }

    // MARK: Sweeping

    /// Looks at the next `budget` records and frees those with nothing live; true when it came to the end and starts anew.
    ///
    /// What it frees is not part of the logical state, so when it runs changes no output.
    mutating func sweep(budget: Int, closedThrough: Int64, isDead: (HitEntry) -> Bool) -> Bool {
        var left = budget
        while left > 0 {
            guard sweepAt < records.end else {
                sweepAt = 1
                return true
            }
            sweepRecord(sweepAt, closedThrough: closedThrough, isDead: isDead)
            sweepAt += 1
            left -= 1
        }
        return false
    }

    private mutating func sweepRecord(_ record: UInt32, closedThrough: Int64, isDead: (HitEntry) -> Bool) {
        guard isUsed(record) else { return }
        let inline = (records.read(record) + AccountRecord.cellsOffset).assumingMemoryBound(to: Cell.self)
        for index in 0..<AccountRecord.inlineCells where inline[index].tag != 0 && inline[index].window > closedThrough { return }
        if inline[2].next != 0 {
            var total: Int64 = 0
            var found: UnsafeMutablePointer<Cell>?
            searchOverflow(of: record, window: closedThrough, currency: 0, closedThrough: closedThrough, total: &total, found: &found)
            let third = (records.read(record) + AccountRecord.cellsOffset).assumingMemoryBound(to: Cell.self) + 2
            if third.pointee.next != 0 { return }
        }
        if head(record).pointee.hits != 0 {
            removeHits(of: record, where: isDead)
            if head(record).pointee.hits != 0 { return }
        }
        remove(record)
    }

    private mutating func remove(_ record: UInt32) {
        let account = key(of: record)
        index.remove(placement(account), record: record)
        if account.count > AccountRecord.inlineKeyCount {
            let number = records.read(record).load(fromByteOffset: 8, as: UInt32.self)
            switch account.count {
            case ...32: keys32.free(number)
            case ...64: keys64.free(number)
            case ...128: keys128.free(number)
            case _: keys256.free(number)
            }
        }
        records.free(record)
    }

    // MARK: Snapshots

    mutating func share() -> AccountTableSnapshot {
        AccountTableSnapshot(
            records: records.shareWithSnapshot(), cells: cells.shareWithSnapshot(), hits: hits.shareWithSnapshot(),
            keys: [keys32.shareWithSnapshot(), keys64.shareWithSnapshot(), keys128.shareWithSnapshot(), keys256.shareWithSnapshot()])
    }

    mutating func snapshotEnded() {
        records.snapshotEnded()
        cells.snapshotEnded()
        hits.snapshotEnded()
        keys32.snapshotEnded()
        keys64.snapshotEnded()
        keys128.snapshotEnded()
        keys256.snapshotEnded()
    }
}

/// The table at the moment of a snapshot; read-only, valid while the arena lives.
struct AccountTableSnapshot {
    let records: PoolSnapshot
    let cells: PoolSnapshot
    let hits: PoolSnapshot
    let keys: [PoolSnapshot]

    func key(of record: UnsafeMutableRawPointer) -> ByteSlice {
        let count = Int(record.load(fromByteOffset: 24, as: UInt32.self))
        if count <= AccountRecord.inlineKeyCount { return ByteSlice(start: record + 8, count: count) }
        let number = record.load(fromByteOffset: 8, as: UInt32.self)
        let size = count <= 32 ? 0 : count <= 64 ? 1 : count <= 128 ? 2 : 3
        return ByteSlice(start: keys[size].read(number), count: count)
    }
}
