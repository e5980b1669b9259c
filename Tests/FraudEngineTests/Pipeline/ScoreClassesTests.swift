import Testing

@testable import FraudEngine

@Suite struct `Classes of accounts` {
    private func of(_ account: String) -> ScoreClasses { Array(account.utf8).withUnsafeBytes { ScoreClasses(of: ByteSlice($0)) } }

    @Test func `every account is in one class, and the classes are of about the same size`() {
        var sizes: [Int] = []
        var rest = ScoreClasses.all
        while !rest.isEmpty {
            let one = rest.removeFirst(1)
            sizes.append((0..<6_400).count { of("acc-\($0)").intersects(one) })
        }
        #expect(sizes.count == 64)
        #expect(sizes.reduce(0, +) == 6_400)
        #expect(sizes.allSatisfy { (50...200).contains($0) }, "\(sizes)")
    }

    @Test func `taking classes in turns takes each once`() {
        var rest = ScoreClasses.all
        var taken = ScoreClasses.none
        for turn in 1...4 {
            let part = rest.removeFirst(16)
            #expect(part.count == 16)
            #expect(!part.intersects(taken))
            taken.insert(part)
            #expect(taken.count == turn * 16)
        }
        #expect(rest == .none)
        #expect(taken == .all)
        #expect(rest.removeFirst(3).isEmpty)
    }
}
