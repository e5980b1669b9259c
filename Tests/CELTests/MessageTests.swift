import CEL
import Testing

/// Messages are an interface: people read them and tools match their codes. Form of an expectation: code, message, [marked text], {note}, = hint.
@Suite struct `A mistake is named with its place and a way out` {
    private static let paymentFields = "account_id, amount, card_present, country, currency, occurred_at"
    private static let accountFields = "count_5m, first_seen, idle, previous_country, sum_5m"

    @Test(arguments: [
        (
            "payment.amount > 250 && payment.contry in lists.high_risk_countries",
            "E101 payment has no field 'contry' [contry] = did you mean 'country'?   fields: \(paymentFields)"
        ),
        ("payment.count_5m > 5", "E101 payment has no field 'count_5m' [count_5m] = did you mean account.count_5m?   fields: \(paymentFields)"),
        ("payment.items == 5", "E101 payment has no field 'items' [items] = fields: \(paymentFields)"),
        ("has(payment.contry)", "E101 payment has no field 'contry' [contry] = did you mean 'country'?   fields: \(paymentFields)"),
        ("acount.sum_5m > 5", "E102 there is nothing named 'acount' [acount] = did you mean 'account'?   names: account, lists, payment"),
        ("amount > 5", "E102 there is nothing named 'amount' [amount] = write payment.amount"),
        ("payment.currency == NOK", "E102 there is nothing named 'NOK' [NOK] = a text stands in quotes: \"NOK\"   names: account, lists, payment"),
        ("TRUE", "E102 there is nothing named 'TRUE' [TRUE] = write true"),
        ("payment == 5", "E103 'payment' is a record, not a value [payment] = name one of its fields: \(paymentFields)"),
        ("payment.amount.minor > 5", "E104 payment.amount is a double and has no field 'minor' [minor] = read it as it is: payment.amount"),
        ("size(payment.currency).x", "E104 size(payment.currency) is an int and has no field 'x' [x] = only records have fields: payment.amount"),
        (
            "payment.currency in lists.trusted_acounts",
            "E105 there is no list 'trusted_acounts' [trusted_acounts] = did you mean 'trusted_accounts'?   lists: high_risk_countries, trusted_accounts"
        ),
        (
            "payment.currency == lists.trusted_accounts",
            "E106 a list can't be read as a value [lists.trusted_accounts] = ask whether it holds a text: payment.country in lists.trusted_accounts"
        ),
        (
            "sise(payment.currency) == 3",
            "E107 there is no function 'sise' [sise] = did you mean 'size'?   functions: double, duration, has, int, size, timestamp"
        ),
        (
            "payment.currency.startWith(\"N\")",
            "E107 there is no function 'startWith' behind a dot [startWith] = did you mean 'startsWith'?   functions: contains, endsWith, size, startsWith"
        ),
        ("has(5)", "E108 has() takes one field [has(5)] = write has(payment.country)"),
        ("has(payment)", "E103 'payment' is a record, not a value [payment] = name one of its fields: \(paymentFields)"),
    ])
    func `in a name`(source: String, expected: String) {
        #expect(report(source) == [expected])
    }

    @Test(arguments: [
        ("account.count_5m > \"6\"", "E110 '>' can't compare int with string [>] {account.count_5m is int, \"6\" is string} = write 6 without quotes"),
        ("payment.currency == 5", "E110 '==' can't compare string with int [==] {payment.currency is string, 5 is int} = write \"5\" in quotes"),
        (
            "payment.occurred_at > \"2026-01-01T00:00:00Z\"",
            "E110 '>' can't compare timestamp with string [>] {payment.occurred_at is timestamp, \"2026-01-01T00:00:00Z\" is string} = write timestamp(\"2026-01-01T00:00:00Z\")"
        ),
        (
            "account.idle > 300",
            "E110 '>' can't compare duration with int [>] {account.idle is duration, 300 is int} = a length of time is written duration(\"5m\")"
        ),
        (
            "1 < account.count_5m < 5",
            "E110 '<' can't compare bool with int [<] {1 < account.count_5m is bool, 5 is int} = write 1 < account.count_5m && account.count_5m < 5"
        ),
        (
            "has(payment.country) == payment.amount",
            "E110 '==' can't compare bool with double [==] {has(payment.country) is bool, payment.amount is double} = both sides need one type"
        ),
        ("account.count_5m in [1, 2.5]", "E111 'in' looks for an int; 2.5 is a double [2.5] = write double(account.count_5m) in [...]"),
        ("account.count_5m in [\"x\"]", "E111 'in' looks for an int; \"x\" is a string [\"x\"] = every entry must be an int"),
        ("payment.currency in [5]", "E111 'in' looks for a string; 5 is an int [5] = write \"5\" in quotes"),
        ("account.count_5m * 1.5 > 10", "E112 '*' needs two values of one type: int * double [*] = write double(account.count_5m) * 1.5"),
        ("(account.count_5m + 1) * 1.5 > 1", "E112 '*' needs two values of one type: int * double [*] = write double(account.count_5m + 1) * 1.5"),
        ("payment.amount / account.count_5m > 1", "E112 '/' needs two values of one type: double / int [/] = write payment.amount / double(account.count_5m)"),
        ("payment.amount % account.count_5m > 1", "E112 '%' needs two values of one type: double % int [%] = write int(payment.amount) % account.count_5m"),
        ("payment.currency + 5", "E112 '+' needs two values of one type: string + int [+] = write \"5\" in quotes"),
        ("payment.amount * \"5\"", "E112 '*' needs two values of one type: double * string [*] = write 5 without quotes"),
        ("payment.occurred_at + 5", "E112 '+' needs two values of one type: timestamp + int [+] = a length of time is written duration(\"5m\")"),
        ("payment.amount % 2.0", "E113 '%' can't be used on two values of type double [%] = '%' needs two ints: int(payment.amount) % ..."),
        ("payment.currency - \"x\"", "E113 '-' can't be used on two values of type string [-] = texts can only be joined with '+' and compared"),
        ("-payment.currency", "E113 '-' needs a number; payment.currency is a string [payment.currency] = take the '-' away"),
        (
            "payment.currency in [payment.account_id]",
            "E114 a list after 'in' holds constants only, not payment.account_id [payment.account_id] = write payment.currency == payment.account_id || ..."
        ),
        (
            "has(payment.country) ? account.count_5m : payment.amount",
            "E115 both branches of '? :' need one type: int : double [account.count_5m : payment.amount] = write double(account.count_5m)"
        ),
        ("duration()", "E116 duration() takes one value, not 0 [duration()] = write duration(\"5m\")"),
        ("startsWith(payment.currency, \"N\")", "E116 startsWith stands behind a text and a dot [startsWith] = write payment.currency.startsWith(\"N\")"),
        ("payment.amount.double()", "E116 double does not stand behind a dot [double] = write double(payment.amount)"),
        (
            "payment.amount.startsWith(\"5\")",
            "E117 startsWith needs a string before the dot; payment.amount is a double [payment.amount] = only texts have parts: payment.country.startsWith(\"N\")"
        ),
        ("payment.currency.contains(5)", "E117 contains needs a string; 5 is an int [5] = write \"5\" in quotes"),
        ("size(payment.amount)", "E117 size needs a string; payment.amount is a double [payment.amount] = only texts have a size: size(payment.country)"),
        ("int(payment.currency)", "E117 int() needs a double; payment.currency is a string [payment.currency] = write a number: int(payment.amount)"),
        ("duration(5)", "E117 duration() needs a text; 5 is an int [5] = write the unit, in quotes: duration(\"5s\")"),
        (
            "account.count_5m in lists.trusted_accounts",
            "E117 'in' looks for a string in lists.trusted_accounts; account.count_5m is an int [account.count_5m] = lists hold texts; compare with constants: account.count_5m in [1, 2]"
        ),
        (
            "payment.currency in \"NOK, SEK\"",
            "E118 'in' needs a list to its right; \"NOK, SEK\" is a string [\"NOK, SEK\"] = write \"NOK, SEK\".contains(payment.currency)"
        ),
        (
            "payment.amount && account.count_5m > 1",
            "E119 '&&' needs true or false on both sides; payment.amount is a double [payment.amount] = compare it: payment.amount > ..."
        ),
        (
            "payment.currency == \"NOK\" || \"SEK\"",
            "E119 '||' needs true or false on both sides; \"SEK\" is a string [\"SEK\"] = write the comparison again: payment.currency == \"SEK\""
        ),
        ("!payment.currency", "E119 '!' needs true or false; payment.currency is a string [payment.currency] = compare it: payment.currency == \"...\""),
        ("payment.amount ? 1 : 2", "E119 '?' needs true or false before it; payment.amount is a double [payment.amount] = compare it: payment.amount > ..."),
    ])
    func `in a type`(source: String, expected: String) {
        #expect(report(source) == [expected])
    }

    @Test(arguments: [
        ("account.sum_5m", "E120 'when' must be true or false; this is a double (account.sum_5m) [account.sum_5m] = compare it: account.sum_5m > 10"),
        (
            " payment.currency ",
            "E120 'when' must be true or false; this is a string (payment.currency) [payment.currency] = compare it: payment.currency == \"...\""
        ),
        ("account.idle", "E120 'when' must be true or false; this is a duration (account.idle) [account.idle] = compare it: account.idle > duration(\"5m\")"),
    ])
    func `in a condition that is none`(source: String, expected: String) {
        #expect(report(source, condition: true) == [expected])
        #expect(CheckedExpression.check(source, in: environment).expression != nil)
    }

    @Test(arguments: [
        (
            "payment.currency.matches(\"N.*\")",
            "E130 'matches' is not available in rules [matches] = write startsWith, endsWith, contains, or in [\"a\", \"b\"]"
        ),
        ("math.abs(payment.amount) > 5", "E130 'math.abs' is not available in rules [math.abs] = write x < 0.0 ? -x : x"),
        (
            "[1, 2].exists(i, i > 5)",
            "E130 a list here is not available in rules [[1, 2]] = a list may stand only to the right of 'in'\nE130 'exists' is not available in rules [exists] = declare a feature that counts or sums, and compare that"
        ),
        ("payment.country == null", "E130 'null' is not available in rules [null] = write !has(payment.country)"),
        ("null != payment.country", "E130 'null' is not available in rules [null] = write has(payment.country)"),
        ("account.count_5m > 1u", "E130 '1u' (a uint) is not available in rules [1u] = write 1"),
        ("payment.currency == b\"a\"", "E130 a bytes literal is not available in rules [b\"a\"] = write a string, without the b"),
        ("{\"a\": 1}", "E130 a map is not available in rules [{\"a\": 1}] = compare the fields one by one"),
        ("payment[\"amount\"] > 5", "E130 '[...]' behind a value is not available in rules [payment[\"amount\"]] = read a field by its name: payment.amount"),
        ("Payment{a: 1}", "E130 a record in braces is not available in rules [Payment{a: 1}] = compare the fields one by one"),
        ("payment.?country", "E130 optional access with '?' is not available in rules [?] = guard the field: has(payment.country) && ..."),
        ("string(payment.amount)", "E130 'string' is not available in rules [string] = compare numbers as numbers and texts as texts"),
    ])
    func `in what rules lack`(source: String, expected: String) {
        #expect(report(source).joined(separator: "\n") == expected)
    }

    @Test(arguments: [
        ("account.idle > duration(\"1d\")", "E131 duration(\"1d\"): units are h, m, s, ms, us, ns [\"1d\"] = write duration(\"24h\")"),
        ("duration(\"2w\")", "E131 duration(\"2w\"): units are h, m, s, ms, us, ns [\"2w\"] = write duration(\"336h\")"),
        ("duration(\"5\")", "E131 duration(\"5\"): the unit is missing: h, m, s, ms, us, ns [\"5\"] = write duration(\"5s\")"),
        ("duration(\"five\")", "E131 duration(\"five\"): units are h, m, s, ms, us, ns [\"five\"] = write numbers with units: duration(\"1h30m\")"),
        ("duration(\"99999999h\")", "E131 duration(\"99999999h\") is longer than 292 years [\"99999999h\"] = write a shorter one: duration(\"24h\")"),
        ("duration(\"-99999999h\")", "E131 duration(\"-99999999h\") is longer than 292 years [\"-99999999h\"] = write a shorter one: duration(\"24h\")"),
        ("duration(payment.currency)", "E131 duration() needs a text in quotes, not payment.currency [payment.currency] = write duration(\"5m\")"),
        (
            "timestamp(\"2026-02-29T00:00:00Z\")",
            "E132 timestamp(\"2026-02-29T00:00:00Z\"): this is no date and time with a zone [\"2026-02-29T00:00:00Z\"] = write timestamp(\"2026-01-31T12:00:00Z\")"
        ),
        (
            "timestamp(\"2026-01-01T00:00:00.0001Z\")",
            "E132 timestamp(\"2026-01-01T00:00:00.0001Z\"): time counts in whole milliseconds [\"2026-01-01T00:00:00.0001Z\"] = write at most three digits after the seconds"
        ),
    ])
    func `in a time`(source: String, expected: String) {
        #expect(report(source) == [expected])
    }

    @Test(arguments: [
        "", "-", "1", "h", "1h ", " 1h", "1hh", "1.h.", "1 h", "1H", "h1", "+", "1.5", "--1s", "1s-1s", "9223372036854775808ns", "2562048h",
    ])
    func `in any text that is no duration`(text: String) {
        #expect(CheckedExpression.check("duration(\"\(text)\")", in: environment).diagnostics.map(\.code) == ["E131"])
    }

    @Test(arguments: [
        "", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01t00:00:00Z", "2026-01-01T00:00:00z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "1900-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "0000-01-01T00:00:00Z", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00Z ", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00.1234567890Z", "2026-1-01T00:00:00.00Z",
    ])
    func `in any text that is no moment`(text: String) {
        #expect(CheckedExpression.check("timestamp(\"\(text)\")", in: environment).diagnostics.map(\.code) == ["E132"])
    }

    @Test(arguments: [
        ("payment.amount = 5", "E140 '=' is not an operator [=] = write '==' to compare"),
        ("payment.amount === 5", "E140 '===' is not an operator [===] = write '==' to compare"),
        ("payment.currency <> \"NOK\"", "E140 '<>' is not an operator [<>] = write '!='"),
        ("payment.amount => 5", "E140 '=>' is not an operator [=>] = write '>='"),
        ("payment.amount ≥ 5", "E140 '≥' is not an operator [≥] = write '>='"),
        ("payment.amount > 5 AND true", "E140 'AND' is not an operator [AND] = write '&&'"),
        ("payment.amount > 5 & true", "E140 '&' is not an operator [&] = write '&&'"),
        ("payment.amount > 5 or true", "E140 'or' is not an operator [or] = write '||'"),
        ("NOT has(payment.country)", "E140 'NOT' is not an operator [NOT] = write '!'"),
        ("not(has(payment.country))", "E140 'not' is not an operator [not] = write '!'"),
        ("payment.currency not in [\"NOK\"]", "E140 'not in' is not an operator [not in] = write !(value in list)"),
        ("payment.currency IN [\"NOK\"]", "E140 'IN' is not an operator [IN] = write 'in'"),
        ("payment.currency is \"NOK\"", "E140 'is' is not an operator [is] = write '==' to compare"),
        ("payment.amount ^ 2", "E140 '^' is not an operator [^] = there are no powers: write x * x"),
        ("payment.currency LIKE \"N%\"", "E140 'LIKE' is not an operator [LIKE] = write startsWith, endsWith or contains: payment.country.startsWith(\"N\")"),
        ("\"a\" \"b\"", "E140 an operator is missing before \"b\" [\"b\"] = write &&, || or a comparison between the two"),
        ("(payment.amount account.sum_5m)", "E140 an operator is missing before 'account' [account] = write &&, || or a comparison between the two"),
    ])
    func `in an operator`(source: String, expected: String) {
        #expect(report(source) == [expected])
    }

    @Test(arguments: [
        ("payment.amount >", "E141 the expression ends too early [] = finish it, or delete the last operator"),
        ("(payment.amount > 5", "E141 ')' is missing [] = it closes '(payment.amount > 5'"),
        ("payment.amount > 5)", "E141 ')' closes nothing [)] = delete it, or open it before"),
        ("true ? 1", "E141 ':' is missing [] = it belongs to '? 1'; write condition ? value : other value"),
        ("&& true", "E141 a value is missing before '&&' [&&] = write a field, a number or a text in quotes there"),
        ("payment.", "E141 a name is missing after '.' [] = write record.field: payment.amount"),
        ("\"abc", "E142 the string has no end [\"abc] = close it with \""),
        ("'''abc", "E142 the string has no end ['''abc] = close it with '''"),
        ("\"abc\n\"", "E142 the string has no end [\"abc] = close it with \""),
        ("\"abc\\", "E142 the string has no end [\"abc\\] = close it with \""),
        (#""\q""#, #"E143 '\q' is not an escape sequence [\q] = write \\ for a backslash"#),
        (#""\ud800""#, #"E143 '\ud800' is not an escape sequence [\ud800] = write \u and four hexadecimal digits of a character, or \U and eight"#),
        (#""\U00110000""#, #"E143 '\U00110000' is not an escape sequence [\U00110000] = write \u and four hexadecimal digits of a character, or \U and eight"#),
        (#""\x4""#, #"E143 '\x4' is not an escape sequence [\x4] = write \x and two hexadecimal digits"#),
        (#""\d+""#, #"E143 '\d' is not an escape sequence [\d] = write \\ for a backslash, or a raw string: r"...""#),
        ("1.", "E144 '1.' is not a number [1.] = write 1.0"),
        ("1_000", "E144 '1_000' is not a number [1_000] = write 1000"),
        ("5m", "E144 '5m' is not a number [5m] = write duration(\"5m\")"),
        ("2d", "E144 '2d' is not a number [2d] = write duration(\"48h\")"),
        ("0x", "E144 '0x' is not a number [0x] = write hexadecimal digits after it: 0xFF"),
        (
            "9223372036854775808",
            "E145 9223372036854775808 is out of the range of int [9223372036854775808] = an int lies between -9223372036854775808 and 9223372036854775807; a larger number needs '.0'"
        ),
        (
            "-9223372036854775809",
            "E145 -9223372036854775809 is out of the range of int [-9223372036854775809] = an int lies between -9223372036854775808 and 9223372036854775807; a larger number needs '.0'"
        ),
        (
            "99999999999999999999",
            "E145 99999999999999999999 is out of the range of int [99999999999999999999] = an int lies between -9223372036854775808 and 9223372036854775807; a larger number needs '.0'"
        ),
        ("1e999", "E145 1e999 is out of the range of double [1e999] = a double is at most 1.7976931348623157e308"),
        ("if", "E146 'if' is a reserved word [if] = write condition ? value : other value"),
        ("while", "E146 'while' is a reserved word [while] = choose another name; after a dot it is allowed: payment.while"),
        ("“NOK”", "E147 '“' can't stand in an expression [“] = write straight quotes: \"...\""),
        ("true;", "E147 ';' can't stand in an expression [;] = an expression has no ';': join parts with && or ||"),
        ("true \u{A0}", "E147 U+00A0 can't stand in an expression [\u{A0}] = it is an invisible character: delete it, or write a blank"),
        ("", "E149 the expression is empty [] = write a condition: payment.amount > 1000"),
        ("  // nothing\n", "E149 the expression is empty [] = write a condition: payment.amount > 1000"),
    ])
    func `in the form`(source: String, expected: String) {
        #expect(report(source) == [expected])
    }

    @Test func `and all mistakes are named at once, by position`() {
        #expect(
            report("payment.contry == \"NO\" AND acount.sum_5m > 5 && account.cuont_5m > \"x\" || account.count_5m > \"6\"") == [
                "E101 payment has no field 'contry' [contry] = did you mean 'country'?   fields: \(Self.paymentFields)",
                "E140 'AND' is not an operator [AND] = write '&&'",
                "E102 there is nothing named 'acount' [acount] = did you mean 'account'?   names: account, lists, payment",
                "E101 account has no field 'cuont_5m' [cuont_5m] = did you mean 'count_5m'?   fields: \(Self.accountFields)",
                "E110 '>' can't compare int with string [>] {account.count_5m is int, \"6\" is string} = write 6 without quotes",
            ])
    }

    @Test func `and long texts are cut to one line`() {
        let report = report("has(payment.country) ==\n   \"\(String(repeating: "x", count: 100))\"")
        #expect(
            report == [
                "E110 '==' can't compare bool with string [==] {has(payment.country) is bool, \"\(String(repeating: "x", count: 47))... is string} = both sides need one type"
            ])
    }

    @Test func `but parentheses around a name are none`() {
        #expect(report("!(has((payment.country)) && (payment).country in (lists.trusted_accounts)) && (payment.amount) > 1") == [])
    }
}
