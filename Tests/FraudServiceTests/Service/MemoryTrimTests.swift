import Testing

@testable import FraudService

struct MemoryTrimTests {
    @Test func `memory is given back once after each backlog, when it is over for a while`() {
        var trim = MemoryTrim()
        let lags: [Int64] = [900_000, 400_000, 0, 200_000] + [Int64](repeating: 300, count: 20) + [7_000, 0, 60_000] + [Int64](repeating: 10, count: 9)
        let due = lags.indices.filter { trim.isDue(lag: lags[$0]) }
        #expect(due == [8, 31])
    }

    @Test func `a wave that is no backlog changes nothing`() {
        var trim = MemoryTrim()
        let lags: [Int64] = [Int64](repeating: 0, count: 10) + [20_000, 40_000] + [Int64](repeating: 0, count: 10)
        #expect(lags.indices.filter { trim.isDue(lag: lags[$0]) } == [4])
    }
}
