@testable import FraudEngine
import Testing

/// The strict reader against RFC 8259, and the scanner against the reader.
@Suite struct PaymentJSONTests {

    /// Either way's answer: the tokens as text, or nil.
    private struct Ways: ~Copyable {
        var table = MemberTable(names: PaymentTexts.names.map { Array($0.utf8) })
        var scratch = PaymentScratch()

        func tokens() -> [String] {
            (0..<table.count).map { index in
                let token = table.tokens[index]
                return token.kind == .absent ? "absent" : "\(token.kind) \(token.slice.array)"
            }
        }

        mutating func scanned(_ bytes: [UInt8]) -> [String]? {
            let start = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
            defer { start.deallocate() }
            bytes.withUnsafeBytes { if let from = $0.baseAddress { start.copyMemory(from: from, byteCount: bytes.count) } }
            return table.scan(ByteSlice(start: UnsafeRawPointer(start), count: bytes.count)) ? tokens() : nil
        }

        mutating func read(_ bytes: [UInt8]) -> Result<[String], JSONFault> {
            scratch.removeAll()
            let start = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
            defer { start.deallocate() }
            bytes.withUnsafeBytes { if let from = $0.baseAddress { start.copyMemory(from: from, byteCount: bytes.count) } }
            do throws(JSONFault) {
                try table.read(ByteSlice(start: UnsafeRawPointer(start), count: bytes.count), scratch: &scratch)
                return .success(tokens())
            } catch {
                return .failure(error)
            }
        }

        mutating func cause(_ bytes: [UInt8]) -> JSONFault.Cause? {
            switch read(bytes) {
            case .success: nil
            case .failure(let fault): fault.cause
            }
        }
    }

    @Test(arguments: [
        "{}", " { } ", #"{"a":1}"#, #"{"a":{}}"#, #"{"a":[]}"#, #"{"a":[1,2,{"b":[true,false,null]}],"c":-1.5e+10}"#, #"{"a":"\u0000\ud83d\ude00\/"}"#,
        "{\"a\":\"\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}\"}", #"{"a":1,"a":2}"#, #"{"a":0}"#, #"{"a":-0.0e-0}"#, #"{"":1}"#,
        "\n{\t\"a\"\r:\n[ 1 , 2 ]\t}\n", #"{"payment_id":[[["{"]]]}"#, #"{"a":"\uD834\uDd1e"}"#,
    ])
    func `an object of RFC 8259 is accepted`(_ text: String) {
        var ways = Ways()
        #expect(ways.cause(Array(text.utf8)) == nil)
    }

    @Test(
        arguments: [
            ("", .tooShort), (" ", .tooShort), ("{", .tooShort), ("[]", .noObject), ("1", .noObject), ("null", .noObject), ("\"a\"", .noObject),
            ("\u{feff}{}", .byteOrderMark),
            ("{}}", .trailing), ("{}{}", .trailing), ("{} x", .trailing), ("{}\0", .trailing), ("{,}", .noName), (#"{"a":1,}"#, .noName), ("{a:1}", .noName),
            ("{'a':1}", .noName), (#"{"a"}"#, .noColon), (#"{"a"=1}"#, .noColon), (#"{"a":}"#, .noValue), (#"{"a":,}"#, .noValue),
            (#"{"a":1 "b":2}"#, .noCommaOrBrace),
            (#"{"a":1;}"#, .noCommaOrBrace), (#"{"a":[1,]}"#, .noValue), (#"{"a":[1 2]}"#, .noCommaOrBracket), (#"{"a":[1}"#, .noCommaOrBracket),
            (#"{"a":{"b":1]}"#, .noCommaOrBrace), (#"{"a":[}"#, .noValue), (#"{"a":{]}"#, .noName), (#"{"a":01}"#, .badNumber), (#"{"a":-}"#, .badNumber),
            (#"{"a":1.}"#, .badNumber), (#"{"a":1.e1}"#, .badNumber), (#"{"a":1e}"#, .badNumber), (#"{"a":1e+}"#, .badNumber), (#"{"a":+1}"#, .noValue),
            (#"{"a":.5}"#, .noValue), (#"{"a":1x}"#, .noCommaOrBrace), (#"{"a":-x}"#, .badNumber), (#"{"a":True}"#, .noValue), (#"{"a":nul}"#, .noValue),
            (#"{"a":nulll}"#, .noCommaOrBrace), (#"{"a":tru"#, .noValue), (#"{"a":NaN}"#, .noValue), (#"{"a":"\x"}"#, .badEscape),
            (#"{"a":"\u12G4"}"#, .badEscape),
            (#"{"a":"\u12"}"#, .badEscape), (#"{"a":"\ud800"}"#, .loneSurrogate), (#"{"a":"\ud800\u0041"}"#, .loneSurrogate),
            (#"{"a":"\udc00"}"#, .loneSurrogate),
            (#"{"a":"\ud800\n     "}"#, .loneSurrogate), (#"{"a":"\ud83d\ud83d\ude00"}"#, .loneSurrogate), ("{\"a\":\"\n\"}", .controlCharacter),
            ("{\"a\":\"12345678\t\"}", .controlCharacter), ("{\"a\u{1}\":1}", .controlCharacter), (#"{"a":"b}"#, .tooShort), (#"{"a":"b\"#, .tooShort),
            (#"{"a":1"#, .tooShort), (#"{"a":[1"#, .tooShort), (#"{"a":1/**/}"#, .noCommaOrBrace), ("{\"a\":1,\u{a0}\"b\":2}", .noName), ("{\u{c}}", .noName),
            (#"{"amount":1,"amount":1}"#, .repeated), (#"{"amount":null,"am\u006funt":1}"#, .repeated), (#"{"x":1,"amount":1,"x":{}}"#, .repeated),
        ] as [(String, JSONFault.Cause)])
    func `anything else is malformed, with its cause`(_ text: String, _ cause: JSONFault.Cause) {
        var ways = Ways()
        #expect(ways.cause(Array(text.utf8)) == cause)
        #expect(ways.scanned(Array(text.utf8)) == nil)
    }

    @Test(
        arguments: [
            [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc2], [0xc2, 0x41], [0xe0, 0x9f, 0xbf], [0xe2, 0x82], [0xe2, 0x82, 0x41], [0xed, 0xa0, 0x80],
            [0xed, 0xbf, 0xbf],
            [0xf0, 0x8f, 0xbf, 0xbf], [0xf0, 0x9f, 0x98], [0xf0, 0x9f, 0x98, 0xc0], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff], [0xfe],
        ] as [[UInt8]])
    func `strings must be UTF-8`(_ bytes: [UInt8]) {
        var ways = Ways()
        for padding in 0..<9 {
            let text = Array("{\"a\":\"".utf8) + [UInt8](repeating: 0x20, count: padding) + bytes + Array("\"}".utf8)
            #expect(ways.cause(text) == .badUTF8)
            #expect(ways.cause(text.dropLast(2)) != nil)
        }
    }

    @Test func `sixty-four objects and arrays may be open, not one more`() {
        var ways = Ways()
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            func nested(_ depth: Int) -> [UInt8] {
                Array(("{\"x\":" + String(repeating: open, count: depth - 1) + "1" + String(repeating: close, count: depth - 1) + "}").utf8)
            }
            #expect(ways.cause(nested(64)) == nil)
            #expect(ways.cause(nested(65)) == .tooDeep)
            #expect(ways.cause(nested(100_000)) == .tooDeep)
        }
    }

    @Test func `a text cut off anywhere is malformed`() {
        var ways = Ways()
        let text = Array(
            #"{"payment_id":"p\u00e9\ud83d\ude00","account_id":"é😀","amount":-12.5e+3,"currency":"EUR","x":[{"a":true},null,[false,"z"]],"occurred_at":"2026"}"#
                .utf8)
        #expect(ways.cause(text) == nil)
        for count in 0..<text.count {
            #expect(ways.cause(Array(text[..<count])) != nil, "\(count) bytes")
            #expect(ways.scanned(Array(text[..<count])) == nil, "\(count) bytes")
        }
        let simple = Array(#"{"payment_id":"p-1","account_id":"a","amount":125,"currency":"EUR","occurred_at":"2026-11-23T10:00:00Z"}"#.utf8)
        #expect(ways.scanned(simple) != nil)
        for count in 0..<simple.count {
            #expect(ways.cause(Array(simple[..<count])) != nil, "\(count) bytes")
            #expect(ways.scanned(Array(simple[..<count])) == nil, "\(count) bytes")
        }
    }

    @Test func `a name is compared after its escapes and as bytes`() throws {
        var ways = Ways()
        let tokens = try ways.read(Array(#"{"\u0061mount":1,"CURRENCY":"EUR","":true,"account\u005fid":"\t"}"#.utf8)).get()
        #expect(tokens[2] == "number [49]")
        #expect(tokens[1] == "string [9]")
        #expect(tokens[3] == "absent")
        #expect(tokens[7] == "yes []" || tokens[7].hasPrefix("yes"))
    }

    @Test(arguments: [
        #"{"amount":1.5}"#, #"{"amount":1e2}"#, #"{"amount":true}"#, #"{"amount":null}"#, #"{"amount":[]}"#, #"{"amount":{}}"#, #"{"currency":"é"}"#,
        #"{"currency":"\u0045"}"#, #"{"amount":1234567890123456789}"#, #"{"unknown":false}"#, #"{"amount":01}"#, #"{"amount":-}"#, #"{"amount":1,"amount":1}"#,
    ])
    func `the scanner leaves what is not simple to the reader`(_ text: String) {
        var ways = Ways()
        #expect(ways.scanned(Array(text.utf8)) == nil)
    }

    @Test func `scanner and reader find the same wherever both find something, over twenty thousand broken texts`() {
        let seed = UInt64.random(in: .min ... .max)
        print("scanner seed \(seed)")
        var random = PaymentRandom(state: seed)
        var ways = Ways()
        var both = 0
        for round in 0..<20_000 {
            var text = PaymentTexts.object(&random)
            for _ in 0..<Int(random.next() % 4) where !text.isEmpty { PaymentTexts.damage(&text, &random) }
            let scanned = ways.scanned(text)
            let read = ways.read(text)
            guard let scanned else { continue }
            both += 1
            guard case .success(scanned) = read else {
                Issue.record("seed \(seed), round \(round): \(String(decoding: text, as: UTF8.self)): scanned \(scanned), read \(read)")
                return
            }
        }
        #expect(both > 2000)
    }
}
