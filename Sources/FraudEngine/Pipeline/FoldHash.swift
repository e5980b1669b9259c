import CCrypto

/// What the fold of a partition depends on besides its input and rules: a state goes on only under the same.
package enum FoldHash {
    /// Rises when the same input would give another state.
    static let codeVersion = 2

    /// The first 16 hexadecimal digits of the SHA-256 over window, grace, mapping, exponents and the code's version.
    package static func text(windows: TumblingWindows, mapping: InputMapping) -> String {
        let parts = [
            "fold \(codeVersion)", "window \(windows.size)", "grace \(windows.grace)", mapping.paymentID, mapping.accountID, mapping.amount,
            mapping.currency, mapping.occurredAt, mapping.amountStyle.rawValue, mapping.timeStyle.rawValue, mapping.keyStyle.rawValue,
            "max_bytes \(mapping.maxBytes)", "max_ahead \(mapping.maxAheadMilliseconds)", Currency.tableText,
        ]
        let bytes = Array(parts.map { "\($0.utf8.count):\($0)" }.joined(separator: "\n").utf8)
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        _ = SHA256(bytes, bytes.count, &digest)
        return hexadecimal(digest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}
