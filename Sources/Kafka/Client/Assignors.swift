internal import CRdKafka

/// The assignors of `partition.assignment.strategy`, of which the group picks one.
struct Assignors {
    static let property = "partition.assignment.strategy"
    private let names: [String]

    init(_ value: String) {
        names = value.split(separator: ",").map { name in String(name.filter { !$0.isWhitespace }) }
    }

    /// Partitions are handed over one by one (KIP-429).
    var isCooperative: Bool { names.contains("cooperative-sticky") }

    private var isMixed: Bool { isCooperative && names.contains { $0 != "cooperative-sticky" && !$0.isEmpty } }

    /// Why they are refused and what to use instead; nil where they are not.
    /// - Parameter version: of librdkafka, as it counts it: 0xMMmmrrxx.
    func violation(librdkafka version: Int32) -> String? {
        if isMixed { return "a group hands partitions over one by one or all at once, not both; use cooperative-sticky alone, or roundrobin and range" }
        guard isCooperative, !ClientLibrary.isCooperationSound(in: version) else { return nil }
        return "it takes librdkafka 2.10.1 or later, and this one is \(ClientLibrary.release(version)); install a later one, or use roundrobin or range"
    }
}
