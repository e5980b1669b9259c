/// Virtual time on one thread: what is to happen, in order of its time, then of its planning. Microseconds.
final class Timeline {
    private struct Entry {
        var time: Int64
        var number: Int64
        /// Where its body is kept.
        var slot: Int

        func isBefore(_ other: Entry) -> Bool { time != other.time ? time < other.time : number < other.number }
    }

    private(set) var now: Int64 = 0
    /// A binary heap.
    private var entries: [Entry] = []
    private var bodies: [(() -> Void)?] = []
    private var freeSlots: [Int] = []
    private var planned: Int64 = 0

    var milliseconds: Int64 { now / 1_000 }

    func after(_ delay: Int64, _ body: @escaping () -> Void) {
        planned += 1
        let slot = freeSlots.popLast() ?? bodies.count
        if slot == bodies.count { bodies.append(body) } else { bodies[slot] = body }
        let new = Entry(time: now + max(0, delay), number: planned, slot: slot)
        entries.append(new)
        var child = entries.count - 1
        while child > 0, new.isBefore(entries[(child - 1) / 2]) {
            entries[child] = entries[(child - 1) / 2]
            child = (child - 1) / 2
        }
        entries[child] = new
    }

    /// Lets the next thing happen; false: nothing is left before `limit`.
    func step(until limit: Int64) -> Bool {
        guard let first = entries.first, first.time <= limit, let last = entries.popLast() else { return false }
        if !entries.isEmpty { sink(last) }
        now = first.time
        let body = bodies[first.slot]
        bodies[first.slot] = nil
        freeSlots.append(first.slot)
        body?()
        return true
    }

    /// Forgets what was to happen.
    func clear() {
        entries = []
        bodies = []
        freeSlots = []
    }

    /// Puts an entry in the place of the first.
    private func sink(_ entry: Entry) {
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].isBefore(entries[child]) { child += 1 }
            guard entries[child].isBefore(entry) else { break }
            entries[parent] = entries[child]
            parent = child
        }
        entries[parent] = entry
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SimulationRandom: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 ..< count
    mutating func below(_ count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }

    mutating func among(_ range: ClosedRange<Int64>) -> Int64 { range.lowerBound + Int64(below(Int(range.upperBound - range.lowerBound) + 1)) }

    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
}

extension Int64 {
    /// Microseconds of virtual time.
    static func milliseconds(_ count: Int64) -> Int64 { count * 1_000 }
    static func seconds(_ count: Int64) -> Int64 { count * 1_000_000 }
}
