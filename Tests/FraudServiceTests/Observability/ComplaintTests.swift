import Testing

@testable import FraudService

struct ComplaintTests {
    @Test func `the same is said once and then every half a minute, another at once, and two that take turns too`() {
        var complaint = Complaint()
        let seconds = (0...65).filter { complaint.isDue("away", now: Int64($0) * 1_000) }
        #expect(seconds == [0, 30, 60])
        let later = [("refused", 65_001), ("refused", 65_002), ("away", 65_003), ("refused", 65_004), ("away", 90_000)].filter {
            complaint.isDue($0.0, now: Int64($0.1))
        }
        #expect(later.map(\.1) == [65_001, 90_000])
    }
}
