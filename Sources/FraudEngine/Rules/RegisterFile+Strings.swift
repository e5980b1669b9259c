import CEL
#if canImport(Glibc)
import Glibc
#endif

extension RegisterFile {
    mutating func run(_ step: StringStep, constants: UnsafePointer<StringConstant>, sets: borrowing [ByteSet]) {
        switch step {
        case .compareConstant(let comparison, let column, let constant, let live, let target):
            compare(comparison, column, constants[constant], live: lives[live], to: target)
        case .compare(let comparison, let a, let b, let live, let target):
            compare(comparison, a, b, live: lives[live], to: target)
        case .inSet(let column, let set, let live, let target):
            let (packed, slices) = (packed(column), slices(column))
            let members = sets[set]
            let truth = rows(live, stringErrors[column]) { members.contains(slices[$0], packed: packed[$0]) }
            self.set(target, truth: truth, error: stringErrors[column])
        case .startsWith(let a, let b, let live, let target):
            pairs(a, b, live: live, to: target) { $0.count >= $1.count && memcmp($0.start, $1.start, $1.count) == 0 }
        case .endsWith(let a, let b, let live, let target):
            pairs(a, b, live: live, to: target) { $0.count >= $1.count && memcmp($0.start + ($0.count - $1.count), $1.start, $1.count) == 0 }
        case .contains(let a, let b, let live, let target):
            pairs(a, b, live: live, to: target) { Self.contains($0, $1) }
        case .size(let a, let live, let target):
            let (slices, sizes) = (slices(a), integers(target))
            ColumnKernels.each(lives[live] & ~stringErrors[a]) { sizes[$0] = Self.codePoints(slices[$0]) }
            integerErrors[target] = stringErrors[a]
        case .concatenate(let a, let b, let live, let target):
            concatenate(a, b, live: lives[live], to: target)
        case .select(let test, let a, let b, let target):
            ColumnKernels.select(truths[test], UnsafePointer(packed(a)), UnsafePointer(packed(b)), to: packed(target))
            ColumnKernels.select(truths[test], UnsafePointer(slices(a)), UnsafePointer(slices(b)), to: slices(target))
            stringErrors[target] = ColumnKernels.selectError(truth: truths[test], error: errors[test], stringErrors[a], stringErrors[b])
        }
    }

    /// The live rows, not in error, on which the test holds.
    @inline(__always)
    private func rows(_ live: Int, _ error: UInt64, _ test: (Int) -> Bool) -> UInt64 {
        var truth: UInt64 = 0
        ColumnKernels.each(lives[live] & ~error) { row in
            if test(row) { truth |= 1 &<< UInt64(truncatingIfNeeded: row) }
        }
        return truth
    }

    @inline(__always)
    private func pairs(_ a: Int, _ b: Int, live: Int, to target: Int, _ test: (ByteSlice, ByteSlice) -> Bool) {
        let (left, right) = (slices(a), slices(b))
        let error = stringErrors[a] | stringErrors[b]
        set(target, truth: rows(live, error) { test(left[$0], right[$0]) }, error: error)
    }

    /// Bytes that do not continue a sequence: code points, if the text is well-formed.
    static func codePoints(_ slice: ByteSlice) -> Int64 {
        var count: Int64 = 0
        for byte in slice.buffer { count &+= byte & 0xC0 == 0x80 ? 0 : 1 }
        return count
    }

    private static func contains(_ slice: ByteSlice, _ part: ByteSlice) -> Bool {
        guard part.count > 0 else { return true }
        let first = Int32(part.start.load(as: UInt8.self))
        var at = slice.start
        var rest = slice.count
        while rest >= part.count, let found = memchr(at, first, rest - part.count + 1) {
            let start = UnsafeRawPointer(found)
            if memcmp(start, part.start, part.count) == 0 { return true }
            rest -= (start - at) + 1
            at = start + 1
        }
        return false
    }

    private func compare(_ comparison: Comparison, _ column: Int, _ constant: StringConstant, live: UInt64, to target: Int) {
        let packed = UnsafePointer(packed(column))
        let error = stringErrors[column]
        if !PackedString.isLong(constant.packed) {
            set(target, truth: ColumnKernels.compare(comparison, packed, constant.packed), error: error)
            return
        }
        let bytes = slices(column)
        var equal = ColumnKernels.mask { packed[$0] == constant.packed }
        if comparison == .equal || comparison == .notEqual {
            ColumnKernels.each(equal & live & ~error) { row in
                if !bytes[row].isEqual(to: constant.slice) { equal &= ~(1 &<< UInt64(truncatingIfNeeded: row)) }
            }
            set(target, truth: comparison == .equal ? equal : ~equal, error: error)
            return
        }
        var less = ColumnKernels.mask { packed[$0] < constant.packed }
        ColumnKernels.each(equal & live & ~error) { row in
            Self.refine(PackedString.order(bytes[row], constant.slice), row, less: &less, equal: &equal)
        }
        set(target, truth: ColumnKernels.compare(comparison, less: less, equal: equal), error: error)
    }

    private func compare(_ comparison: Comparison, _ a: Int, _ b: Int, live: UInt64, to target: Int) {
        let (left, right) = (UnsafePointer(packed(a)), UnsafePointer(packed(b)))
        let (leftBytes, rightBytes) = (slices(a), slices(b))
        let error = stringErrors[a] | stringErrors[b]
        var equal = ColumnKernels.mask { left[$0] == right[$0] }
        var less = ColumnKernels.mask { left[$0] < right[$0] }
        ColumnKernels.each(equal & live & ~error) { row in
            guard PackedString.isLong(left[row]) else { return }
            Self.refine(PackedString.order(leftBytes[row], rightBytes[row]), row, less: &less, equal: &equal)
        }
        set(target, truth: ColumnKernels.compare(comparison, less: less, equal: equal), error: error)
    }

    @inline(__always)
    private static func refine(_ order: Int, _ row: Int, less: inout UInt64, equal: inout UInt64) {
        let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: row)
        if order != 0 { equal &= ~bit }
        if order < 0 { less |= bit }
    }

    private mutating func concatenate(_ a: Int, _ b: Int, live: UInt64, to target: Int) {
        let error = stringErrors[a] | stringErrors[b]
        let (left, right, results, numbers) = (slices(a), slices(b), slices(target), packed(target))
        var rest = live & ~error
        while rest != 0 {
            let row = rest.trailingZeroBitCount
            rest &= rest &- 1
            let (head, tail) = (left[row], right[row])
            let memory = arena.take(head.count + tail.count)
            memory.copyMemory(from: head.start, byteCount: head.count)
            (memory + head.count).copyMemory(from: tail.start, byteCount: tail.count)
            results[row] = ByteSlice(start: memory, count: head.count + tail.count)
            numbers[row] = PackedString.pack(results[row])
        }
        stringErrors[target] = error
    }
}

/// A string constant of a program; its bytes belong to the evaluator.
struct StringConstant {
    var packed: UInt64
    var slice: ByteSlice
}
