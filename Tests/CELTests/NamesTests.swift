import CEL
import Testing

@Suite struct `Suggestions` {
    @Test(
        arguments: [
            ("contry", "country"), ("cuontry", "country"), ("amout", "amount"), ("amuonts", "amount"), ("Country", "country"), ("AMOUNT", "amount"),
            ("xyz", nil), ("country", nil), ("", nil),
        ] as [(String, String?)])
    func `name the closest within two edits`(name: String, expected: String?) {
        #expect(Names.closest(to: name, among: ["amount", "country", "currency"]) == expected)
    }

    @Test func `name the first of equally close ones`() {
        #expect(Names.closest(to: "sum_6m", among: ["sum_5m", "sum_7m"]) == "sum_5m")
    }

    @Test func `list at most twelve names in byte order`() {
        let names = (0..<14).map { "n\(String(UnicodeScalar(UInt8(110 - $0))))" }
        #expect(Names.hint(for: "qqqqqq", among: names, label: "fields") == "fields: na, nb, nc, nd, ne, nf, ng, nh, ni, nj, nk, nl, ...")
        #expect(Names.hint(for: "q", among: [], label: "lists") == "lists: none")
    }
}
