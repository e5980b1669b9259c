/// An ISO 4217 currency as its three letters in one number (`"EUR"` is 0x455552); `none` is 0.
package struct Currency: Hashable, Sendable {
    package var code: UInt32

    package init(code: UInt32) { self.code = code }

    package static let none = Currency(code: 0)

    /// The three letters.
    package var text: String {
        String(decoding: [UInt8(truncatingIfNeeded: code >> 16), UInt8(truncatingIfNeeded: code >> 8), UInt8(truncatingIfNeeded: code)], as: UTF8.self)
    }
}
