import Testing

@testable import FraudEngine

/// Rows of window behaviour re-derived from the public test suites of Kafka Streams, ksqlDB, Quix and Flink. Times are milliseconds; rows that
/// need hopping windows or emission at a window's close are not among them: Tripline has neither.
@Suite struct WindowConformanceTests {
    /// Input `k@ts` in order, what every folded payment showed of its window, and what was late.
    struct Row: CustomTestStringConvertible {
        var name: String
        var size: Int64
        var grace: Int64
        var input: [(account: String?, time: Int64)]
        var amounts: [Int64] = []
        /// `account[start)=count/sum` per folded payment.
        var updates: [String]
        var late: [String] = []
        var testDescription: String { name }
    }

    static let rows: [Row] = [
        Row(
            name: "9 and 10: two accounts, W500 G0", size: 500, grace: 0, input: [("1", 10), ("1", 15), ("1", 500), ("2", 550), ("2", 500), ("2", 1000)],
            updates: ["1[0)=1", "1[0)=2", "1[500)=1", "2[500)=1", "2[500)=2", "2[1000)=1"]),
        Row(
            name: "11: sums of the same", size: 500, grace: 0, input: [("1", 10), ("1", 15), ("1", 500), ("2", 550), ("2", 500), ("2", 1000)],
            amounts: [1, 2, 3, 10, 20, 30], updates: ["1[0)=1/1", "1[0)=2/3", "1[500)=1/3", "2[500)=1/10", "2[500)=2/30", "2[1000)=1/30"]),
        Row(name: "14: a missing key moves nothing", size: 500, grace: 0, input: [(nil, 5_000), ("1", 5)], updates: ["1[0)=1"]),
        Row(
            name: "15: missing keys among others, W2 G1", size: 2, grace: 1, input: [("k", 0), (nil, 1), (nil, 2), (nil, 1), (nil, 0), ("k", 5)],
            updates: ["k[0)=1", "k[4)=1"]),
        Row(
            name: "20: W2 G0, the end closes the window", size: 2, grace: 0, input: [("k", 0), ("k", 1), ("k", 2), ("k", 1)],
            updates: ["k[0)=1", "k[0)=2", "k[2)=1"], late: ["k@1"]),
        Row(
            name: "22: W2 G1, late after the grace", size: 2, grace: 1, input: [("k", 0), ("k", 1), ("k", 2), ("k", 1), ("k", 0), ("k", 5), ("k", 0)],
            updates: ["k[0)=1", "k[0)=2", "k[2)=1", "k[0)=3", "k[0)=4", "k[4)=1"], late: ["k@0"]),
        Row(
            name: "24: W2 G1, two accounts share stream time", size: 2, grace: 1,
            input: [("k1", 0), ("k2", 1), ("k1", 2), ("k1", 1), ("k2", 0), ("k1", 5), ("k1", 0), ("k2", 2)],
            updates: ["k1[0)=1", "k2[0)=1", "k1[2)=1", "k1[0)=2", "k2[0)=2", "k1[4)=1"], late: ["k1@0", "k2@2"]),
    ]

    @Test(arguments: rows) func `windows behave as other engines' suites say`(row: Row) throws {
        let windows = try TumblingWindows(size: row.size, grace: row.grace)
        var run = EngineRun(TestRules.always(baseWindow: row.size), windows)
        let payments = row.input.enumerated().map { index, entry in
            TestPayment(account: entry.account, time: entry.time, amount: row.amounts.isEmpty ? 1 : row.amounts[index], id: "p\(index)")
        }
        run.fold(payments[...])
        let updates = run.outputs.filter { $0.kind == .alert }.map { output in
            let time = output.text("start").utf8.map { $0 }.withUnsafeBytes { Timestamp.parse(ByteSlice($0)) } ?? -1
            let sum = row.amounts.isEmpty ? "" : "/\(output.number("sum") ?? -1)"
            return "\(output.text("account_id"))[\(time))=\(output.number("count") ?? -1)\(sum)"
        }
        #expect(updates == row.updates)
        let late = run.outputs.filter { $0.kind == .late }.map { "\(String(decoding: $0.key ?? [], as: UTF8.self))@\($0.number("occurred_at") ?? -1)" }
        #expect(late == row.late)
        #expect(run.machine.state.totals.records.reduce(0, +) == UInt64(row.input.count))
    }

    @Test(arguments: [
        [5_000, 0, 0, 0, 5_000], [5_000, 0, 4_999, 0, 5_000], [5_000, 0, 5_000, 5_000, 10_000], [12, 0, 21, 12, 24], [5_000, 0, -1, -5_000, 0],
        [5_000, 100, 100, 100, 5_100], [5_000, 100, 5_099, 100, 5_100], [5_000, 100, 5_100, 5_100, 10_100],
        [5_000, -100, 0, -100, 4_900], [5_000, -100, 4_899, -100, 4_900], [5_000, -100, 4_900, 4_900, 9_900],
    ]) func `a time belongs to one half-open window, also before the epoch and with an offset`(row: [Int64]) throws {
        let (size, offset, time, start, end) = (row[0], row[1], row[2], row[3], row[4])
        let windows = try TumblingWindows(size: size, grace: 0, offset: offset)
        let number = windows.number(of: time)
        #expect(windows.start(of: number) == start)
        #expect(windows.end(of: number) == end)
    }

    @Test(arguments: [[0, 0, 0], [-1, 0, 0], [300_000, -1, 0], [5_000, 0, 5_000], [5_000, 0, -5_000]])
    func `a window without a length, a negative grace and an offset beyond the size are refused`(row: [Int64]) {
        #expect(throws: TumblingWindows.Refusal.self) { try TumblingWindows(size: row[0], grace: row[1], offset: row[2]) }
    }
}
