/// Numbers for rule ids in stored state: they outlive the rule set that named them.
struct RuleNames {
    private(set) var ids: [[UInt8]] = []
    private(set) var hashes: [UInt64] = []

    /// The id's number, given at its first use.
    mutating func number(of id: [UInt8]) -> UInt32 {
        if let known = ids.firstIndex(of: id) { return UInt32(known) }
        ids.append(id)
        hashes.append(id.withUnsafeBytes { Hashing.hash(ByteSlice($0)) })
        return UInt32(ids.count - 1)
    }
}
