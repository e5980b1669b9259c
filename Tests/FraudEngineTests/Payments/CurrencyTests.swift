import FraudEngine
import Testing

@Suite struct CurrencyTests {
    private func currency(_ text: String) -> Currency? {
        Array(text.utf8).withUnsafeBytes { Currency(letters: ByteSlice($0)) }
    }

    @Test(arguments: [
        ("EUR", 2), ("USD", 2), ("MRU", 2), ("MGA", 2), ("HUF", 2), ("CHE", 2), ("JPY", 0), ("VND", 0), ("KRW", 0), ("CLP", 0), ("ISK", 0),
        ("UGX", 0), ("XAF", 0), ("XOF", 0), ("XPF", 0), ("PYG", 0), ("RWF", 0), ("KMF", 0), ("GNF", 0), ("DJF", 0), ("BIF", 0), ("VUV", 0),
        ("UYI", 0), ("BHD", 3), ("IQD", 3), ("JOD", 3), ("KWD", 3), ("LYD", 3), ("OMR", 3), ("TND", 3), ("CLF", 4), ("UYW", 4),
    ])
    func `a currency has the minor digits ISO 4217 gives it`(_ letters: String, _ exponent: Int) throws {
        let found = try #require(currency(letters))
        #expect(found.exponent == exponent)
        #expect(found.text == letters)
    }

    @Test(arguments: ["", "E", "EU", "EURO", "eur", "EUr", "XXX", "XTS", "XAU", "XDR", "AAA", "ZZZ", "E R", "[\\]", "@@@", "HRK", "DEM"])
    func `anything but three capitals of the table is no currency`(_ text: String) {
        #expect(currency(text) == nil)
    }

    @Test func `every entry of the table can be looked up, and the table is sorted and without repetition`() throws {
        let entries = Currency.tableText.split(separator: ",").map(String.init)
        #expect(entries.count == 165)
        #expect(entries == Array(Set(entries)).sorted())
        for entry in entries {
            let found = try #require(currency(String(entry.prefix(3))))
            #expect(found.exponent == Int(entry.suffix(1)))
        }
    }

    @Test func `no currency has no digits`() {
        #expect(Currency.none.exponent == 0)
        #expect(Currency(code: .max).exponent == 0)
    }
}
