import CEL
import Testing

@Suite struct `The parser` {
    @Test(arguments: [
        ("a || b && c == d + e * f", "(|| a (&& b (== c (+ d (* e f)))))"),
        ("a * b + c", "(+ (* a b) c)"),
        ("a - b - c", "(- (- a b) c)"),
        ("a / b % c", "(% (/ a b) c)"),
        ("a && b || c && d", "(|| (&& a b) (&& c d))"),
        ("a ? b : c ? d : e", "(? a b (? c d e))"),
        ("a ? b ? c : d : e", "(? a (? b c d) e)"),
        ("a || b ? c : d", "(? (|| a b) c d)"),
        ("(a || b) && c", "(&& (|| a b) c)"),
        ("!a == b", "(== (! a) b)"),
        ("!!a", "(! (! a))"),
        ("-a * b", "(* (- a) b)"),
        ("a < b == c", "(== (< a b) c)"),
        ("x in [1, 2,]", "(in x (list 1 2))"),
        ("x in lists.y && z", "(&& (in x (. lists y)) z)"),
        ("a.b.c", "(. (. a b) c)"),
        ("a.b(c, d).e", "(. (.b a c d) e)"),
        ("a[b][c].d", "(. ([] ([] a b) c) d)"),
        ("f()", "(f)"),
        ("-a.b", "(- (. a b))"),
        ("!a.f()", "(! (.f a))"),
        ("{'a': 1, 'b': 2}", "(map 'a' 1 'b' 2)"),
        ("A.B{c: 1}", "(new (. A B) 1)"),
        (".a.b", "(. a b)"),
        ("a.if", "(. a if)"),
        ("a // a comment\n && b", "(&& a b)"),
        ("\t a\r\n\u{0C}&&b", "(&& a b)"),
        ("[]", "(list)"),
        ("{}", "(map)"),
        ("a.`b-c`", "(. a b-c)"),
    ])
    func `follows CEL's precedence`(source: String, expected: String) {
        #expect(parsed(source) == expected)
    }

    @Test(arguments: [
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("0x7fffffffffffffff", "9223372036854775807"),
        ("-0x8000000000000000", "-9223372036854775808"),
        ("0xFFu", "255u"),
        ("18446744073709551615u", "18446744073709551615u"),
        ("1U", "1u"),
        (".5", "0.5"),
        ("1.5e3", "1500.0"),
        ("1e-3", "0.001"),
        ("1E+2", "100.0"),
        ("-.5", "-0.5"),
        ("-0.0", "-0.0"),
        ("007", "7"),
        ("1-1", "(- 1 1)"),
        ("1--1", "(- 1 -1)"),
        ("--1", "(- -1)"),
        ("true", "true"),
        ("null", "null"),
    ])
    func `reads numbers to their limits`(source: String, expected: String) {
        #expect(parsed(source) == expected)
    }

    @Test(arguments: [
        (#""a'b""#, "a'b"),
        (#"'a"b'"#, "a\"b"),
        (#""""a"b""c""""#, "a\"b\"\"c"),
        ("'''a\nb'''", "a\nb"),
        (#"r"a\n""#, #"a\n"#),
        (#"R'a\'b'"#, #"a\'b"#),
        (#""\a\b\f\n\r\t\v\\\?\"\'\`""#, "\u{07}\u{08}\u{0C}\n\r\t\u{0B}\\?\"'`"),
        (#""\x41\X42\u00e9\U0001F600\101""#, "AB\u{E9}\u{1F600}A"),
        (#""\xff""#, "\u{FF}"),
        (#""\377""#, "\u{FF}"),
        ("'e\u{301}'", "e\u{301}"),
        ("''", ""),
        ("''''''", ""),
        ("// x\n'a//b'", "a//b"),
    ])
    func `reads the four quote forms and their escapes`(source: String, expected: String) {
        guard case .literal(.string(let value)) = Syntax.parse(source).syntax?.form else {
            Issue.record("not a string: \(source)")
            return
        }
        #expect(Array(value.utf8) == Array(expected.utf8))
        #expect(Syntax.parse(source).diagnostics.isEmpty)
    }

    @Test(arguments: [(#"b"a\xff""#, [97, 255]), (#"b'\303\277'"#, [195, 191]), (#"B'é'"#, [195, 169]), (#"br'\x'"#, [92, 120])] as [(String, [UInt8])])
    func `reads bytes literals as bytes`(source: String, expected: [UInt8]) {
        guard case .literal(.bytes(let value)) = Syntax.parse(source).syntax?.form else {
            Issue.record("not bytes: \(source)")
            return
        }
        #expect(value == expected)
    }

    @Test(arguments: ["||", "&&", "==", "+", "*"])
    func `takes a chain of 32 terms`(symbol: String) {
        let source = Array(repeating: "a", count: 33).joined(separator: " \(symbol) ")
        #expect(Syntax.parse(source).diagnostics.isEmpty)
    }

    @Test(arguments: [
        String(repeating: "(", count: 32) + "a" + String(repeating: ")", count: 32),
        String(repeating: "f(", count: 32) + "a" + String(repeating: ")", count: 32),
        String(repeating: "!", count: 32) + "a",
        String(repeating: "a ? b : ", count: 24) + "c",
        "a" + String(repeating: ".b", count: 32),
        "a" + String(repeating: "[0]", count: 32),
        String(repeating: "[", count: 32) + String(repeating: "]", count: 32),
        Array(repeating: "a", count: 400).joined(separator: " && "),
        Array(repeating: "a", count: 400).joined(separator: " || "),
    ])
    func `takes what a rule may need`(source: String) {
        #expect(Syntax.parse(source).diagnostics.isEmpty)
    }

    @Test(arguments: ["(", "[", "f(", "!", "-", "a ? b : ", "a ? ", "{1: ", "a[", "a.b(", "1 + (", "x in [", "[[", "((", "!(", "-(", "not ", "A{b: "])
    func `refuses endless nesting without exhausting the stack`(opening: String) {
        let parsed = Syntax.parse(String(repeating: opening, count: 100_000))
        #expect(parsed.syntax == nil)
        #expect(parsed.diagnostics.last.map { ["E151", "E152", "E141", "E142"].contains($0.code) } == true)
    }

    @Test func `names the depth and the size that it refuses`() {
        #expect(parsed(String(repeating: "!", count: 64) + "a") == "E151 the expression is nested more than 64 deep")
        #expect(parsed(String(repeating: "(", count: 65) + "a" + String(repeating: ")", count: 65)) == "E151 the expression is nested more than 64 deep")
        #expect(parsed("a" + String(repeating: " + a", count: 64)) == "E151 the expression is nested more than 64 deep")
        #expect(parsed(Array(repeating: "a", count: 501).joined(separator: " && ")) == "E152 the expression has more than 1000 parts")
        #expect(parsed("[" + Array(repeating: "1", count: 1000).joined(separator: ",") + "]") == "E152 the expression has more than 1000 parts")
    }

    @Test func `balances chains and keeps their order and operators`() {
        let syntax = Syntax.parse("a && b && c && d").syntax
        #expect(syntax.map(shape) == "(&& (&& a b) (&& c d))")
        #expect(syntax?.range == 0..<16)
        guard case .binary(.and, let range, let left, let right) = syntax?.form else {
            Issue.record("no chain")
            return
        }
        #expect(range == 7..<9)
        #expect(left.range == 0..<6)
        #expect(right.range == 10..<16)
    }

    @Test func `counts positions in UTF-8 and includes parentheses`() {
        let source = "'é' == ( b )"
        guard case .binary(_, let range, let left, let right) = Syntax.parse(source).syntax?.form else {
            Issue.record("no comparison")
            return
        }
        #expect(left.range == 0..<4)
        #expect(range == 5..<7)
        #expect(right.range == 8..<13)
        #expect(right.isParenthesised)
    }
}
