import CAllocationCounter
import Testing

@testable import FraudEngine

@Suite struct AllocationTests {
    /// Payments of known accounts in an open window, in runs of 64, with rules that often match in part and never as a whole.
    @Test func `a payment that is folded and judged allocates nothing`() {
        let rules = TestRules.set([
            (id: "busy", condition: "account.count_5m > 1000000", more: ""),
            (id: "rich", condition: #"payment.amount > 1 && payment.currency in ["EUR","USD"] && account.sum_5m > 1000000000"#, more: ""),
        ])
        var run = EngineRun(rules, PartitionPropertyTests.windows)
        let accounts = 500
        func payments(_ round: Int) -> [TestPayment] {
            (0..<64 * 20).map { TestPayment(account: "account-\($0 * 7 % accounts)", time: 1_000, id: "p\(round)-\($0)") }
        }
        // The sets of fingerprints have 256 parts that double at 192 and at 384 ids: at 260 to 300 ids a part none of them grows.
        let (warm, measured) = (52, 8)
        var counted = 0
        for round in 0..<warm + measured {
            let batch = payments(round)
            TestRecords.with(batch, from: Int64(round * batch.count)) { records in
                for start in stride(from: 0, to: records.count, by: 64) {
                    let part = UnsafeBufferPointer(rebasing: records[start..<start + 64])
                    let before = tripline_allocation_count()
                    run.machine.fold(part, kit: &run.kit, outbox: &run.outbox, context: run.context, emits: true) { _, _, _ in }
                    if round >= warm { counted += tripline_allocation_count() - before }
                }
            }
        }
        #expect(run.machine.state.totals.records[Int(Outcome.folded.rawValue)] == UInt64((warm + measured) * 64 * 20))
        // One allocation a payment would be 64 in each of the runs. Without optimisation the standard library's iterators make a few for each run.
        #expect(counted <= measured * 20 * 8, "over \(measured * 20) runs of 64 payments")
        // The count counts (where a sanitizer does not forbid it).
        let before = tripline_allocation_count()
        let text = [UInt8](repeating: 0, count: 4_096)
        #expect(tripline_allocation_count() > before || tripline_allocation_count() == -1)
        #expect(text.count == 4_096)
    }
}
