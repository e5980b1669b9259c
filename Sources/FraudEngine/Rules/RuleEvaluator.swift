import CEL

/// Judges up to 64 folded payments by all rules of a set, in columns. One per worker and rule set; nothing is allocated between evaluations.
///
/// Not thread-safe: one owner. What `evaluate` found stands until the next call.
package final class RuleEvaluator {
    private let set: RuleSet
    private let program: RuleProgram
    private let steps: UnsafeMutablePointer<RuleStep>
    private let constants: UnsafeMutablePointer<StringConstant>
    private let constantBytes: UnsafeMutableRawPointer
    private let sets: [ByteSet]
    /// The letters of each row's currency, four bytes a row.
    private let letters: UnsafeMutableRawPointer
    private let matching: UnsafeMutablePointer<UInt64>
    private let failing: UnsafeMutablePointer<UInt64>
    private var registers: RegisterFile
    private let explanation: RuleExplanation

    package init(_ set: RuleSet) {
        self.set = set
        program = RuleCompiler.compile(set)
        steps = .allocate(capacity: max(1, program.steps.count))
        for (index, step) in program.steps.enumerated() { (steps + index).initialize(to: step) }
        sets = program.sets.map { ByteSet($0) }
        letters = .allocate(byteCount: PaymentBatch.capacity * 4, alignment: 4)
        matching = .allocate(capacity: max(1, set.rules.count))
        matching.initialize(repeating: 0, count: max(1, set.rules.count))
        failing = .allocate(capacity: max(1, set.rules.count))
        failing.initialize(repeating: 0, count: max(1, set.rules.count))
        constants = .allocate(capacity: max(1, program.strings.count))
        constantBytes = .allocate(byteCount: max(1, program.strings.reduce(0) { $0 + $1.utf8.count }), alignment: 1)
        registers = RegisterFile(program.counts)
        explanation = RuleExplanation(set)
        storeConstants()
    }

    deinit {
        steps.deallocate()
        constants.deallocate()
        constantBytes.deallocate()
        letters.deallocate()
        matching.deallocate()
        failing.deallocate()
    }

    private func storeConstants() {
        var used = 0
        for (index, text) in program.strings.enumerated() {
            let bytes = Array(text.utf8)
            bytes.withUnsafeBytes { (constantBytes + used).copyMemory(from: ByteSlice($0).start, byteCount: bytes.count) }
            let slice = ByteSlice(start: constantBytes + used, count: bytes.count)
            (constants + index).initialize(to: StringConstant(packed: PackedString.pack(slice), slice: slice))
            used += bytes.count
        }
        for (value, register) in program.integerConstants { registers.integers(register).update(repeating: value, count: RegisterFile.rows) }
        for (value, register) in program.doubleConstants { registers.doubles(register).update(repeating: value, count: RegisterFile.rows) }
        for (constant, register) in program.stringConstantRegisters {
            registers.packed(register).update(repeating: constants[constant].packed, count: RegisterFile.rows)
            registers.slices(register).update(repeating: constants[constant].slice, count: RegisterFile.rows)
        }
    }

    /// Evaluates every active and shadow rule on rows `0 ..< columns.count`, at most 64.
    package func evaluate(_ columns: borrowing FoldedColumns, _ batch: borrowing PaymentBatch) {
        let rows: UInt64 = columns.count >= 64 ? ~0 : (1 &<< UInt64(truncatingIfNeeded: columns.count)) &- 1
        registers.arena.removeAll()
        for load in program.loads { registers.load(load, columns, batch, letters: letters) }
        for index in program.rules.indices {
            let live = rows & liveRows(index)
            guard live != 0 else {
                matching[index] = 0
                failing[index] = 0
                continue
            }
            registers.lives[0] = live
            run(program.rules[index].steps)
            let result = program.rules[index].result
            matching[index] = registers.truths[result] & live
            failing[index] = registers.errors[result] & live
        }
    }

    /// The rows in whose time the rule is in effect.
    @inline(__always)
    private func liveRows(_ index: Int) -> UInt64 {
        guard program.rules[index].isEnabled else { return 0 }
        guard let register = program.rules[index].occurredAt else { return ~0 }
        let times = UnsafePointer(registers.integers(register))
        return ColumnKernels.compare(.greaterOrEqual, times, program.rules[index].effectiveFrom)
            & ColumnKernels.compare(.less, times, program.rules[index].effectiveUntil)
    }

    private func run(_ range: Range<Int>) {
        var at = range.lowerBound
        while at < range.upperBound {
            switch steps[at] {
            case .integer(let step): registers.run(step)
            case .double(let step): registers.run(step)
            case .string(let step): registers.run(step, constants: constants, sets: sets)
            case .mask(let step): registers.run(step)
            case .flow(let step):
                if let next = registers.run(step) {
                    at = next
                    continue
                }
            }
            at += 1
        }
    }

    /// Bit r: rule `rule` (its index in `RuleSet.rules`) is true on row r; disabled rules never are, nor rules out of effect or in error.
    package func matches(_ rule: Int) -> UInt64 { matching[rule] }

    /// Bit r: the rule is in error on row r.
    package func errors(_ rule: Int) -> UInt64 { failing[rule] }

    /// The JSON array of the alert's member `evidence`.
    package func appendEvidence(rule: Int, row: Int, columns: borrowing FoldedColumns, batch: borrowing PaymentBatch, to writer: inout ByteWriter) {
        explanation.appendEvidence(set.rules[rule].condition, explanation.evaluation(of: row, columns, batch), to: &writer)
    }

    /// The JSON string of the alert's member `reason`.
    package func appendReason(rule: Int, row: Int, columns: borrowing FoldedColumns, batch: borrowing PaymentBatch, to writer: inout ByteWriter) {
        explanation.appendReason(set.rules[rule].reason, explanation.evaluation(of: row, columns, batch), to: &writer)
    }

    /// The `&&` terms of the rule's condition with their values.
    func terms(rule: Int, row: Int, columns: borrowing FoldedColumns, batch: borrowing PaymentBatch) -> [RuleTerm] {
        explanation.terms(set.rules[rule].condition, explanation.evaluation(of: row, columns, batch))
    }
}
