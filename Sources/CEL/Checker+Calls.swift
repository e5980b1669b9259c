/// Functions and methods.
extension Checker {
    private static let functions = ["has", "size", "double", "int", "duration", "timestamp"]
    private static let methods = ["startsWith", "endsWith", "contains", "size"]
    private static let offer =
        "available: has(x), size(x), double(x), int(x), duration(\"5m\"), timestamp(\"...Z\"), x.startsWith(y), x.endsWith(y), x.contains(y)"

    /// What CEL and its common extensions have and rules lack.
    private static let missing: Set<String> = [
        "matches", "all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap", "transformMapEntry", "sortBy",
        "type", "dyn", "string", "bool", "uint", "bytes", "list", "null_type", "ip", "cidr", "isIP", "isCIDR", "containsIP", "containsCIDR", "family",
        "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds",
        "charAt", "indexOf", "lastIndexOf", "join", "split", "substring", "trim", "replace", "reverse", "quote", "format", "lowerAscii", "upperAscii",
        "hasValue", "value", "or", "orValue", "optMap", "optFlatMap", "first", "last", "slice", "flatten", "distinct", "sort", "range",
        "abs", "min", "max", "sum", "ceil", "floor", "round",
    ]
    private static let macros: Set<String> = [
        "all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap", "transformMapEntry", "sortBy",
    ]
    private static let namespaces: Set<String> = ["math", "strings", "cel", "optional", "base64", "sets", "net", "regex", "google", "ip", "cidr"]

    private static func hint(_ name: String) -> String {
        switch name {
        case "matches": "write startsWith, endsWith, contains, or in [\"a\", \"b\"]"
        case "string", "format": "compare numbers as numbers and texts as texts"
        case "uint": "write int(...)"
        case "abs": "write x < 0.0 ? -x : x"
        case "min", "max", "least", "greatest": "write a < b ? a : b"
        case "lowerAscii", "upperAscii", "trim": "name each spelling: payment.country in [\"NO\", \"no\"]"
        case _ where macros.contains(name): "declare a feature that counts or sums, and compare that"
        default: offer
        }
    }

    mutating func call(_ syntax: Syntax, _ name: Syntax.Name, _ arguments: [Syntax]) -> Plan? {
        if name.text == "has" { return has(syntax, arguments) }
        if Self.functions.contains(name.text) {
            guard arguments.count == 1 else {
                for argument in arguments { _ = plan(argument) }
                return fail("E116", syntax.range, "\(name.text)() takes one value, not \(arguments.count)", hint: Self.example(name.text))
            }
            return function(syntax, name.text, arguments[0])
        }
        if Self.missing.contains(name.text) { return unavailable(name.range, "'\(name.text)'", hint: Self.hint(name.text)) }
        for argument in arguments { _ = plan(argument) }
        if Self.methods.contains(name.text) {
            let values = arguments.map { text($0) }
            let hint = values.count == 2 ? "write \(values[0]).\(name.text)(\(values[1]))" : "write payment.country.\(name.text)(\"N\")"
            return fail("E116", name.range, "\(name.text) stands behind a text and a dot", hint: hint)
        }
        return fail("E107", name.range, "there is no function '\(name.text)'", hint: Names.hint(for: name.text, among: Self.functions, label: "functions"))
    }

    private static func example(_ function: String) -> String {
        switch function {
        case "duration": "write duration(\"5m\")"
        case "timestamp": "write timestamp(\"2026-01-31T12:00:00Z\")"
        case "size": "write size(payment.country)"
        case "int": "write int(payment.amount)"
        default: "write double(account.count_5m)"
        }
    }

    private mutating func has(_ syntax: Syntax, _ arguments: [Syntax]) -> Plan? {
        guard arguments.count == 1, let path = arguments[0].path else {
            return fail("E108", syntax.range, "has() takes one field", hint: "write has(payment.country)")
        }
        guard let index = variable(arguments[0]) else { return unresolved(arguments[0]) }
        guard path.count > 1 else {
            return fail("E108", arguments[0].range, "has() takes a field of a record; '\(path[0].text)' is none", hint: "write has(payment.country)")
        }
        return Plan(type: .bool, range: syntax.range, form: .has(index))
    }

    private mutating func function(_ syntax: Syntax, _ name: String, _ argument: Syntax) -> Plan? {
        guard let value = plan(argument) else { return nil }
        switch name {
        case "double": return toDouble(syntax, argument, value)
        case "int": return toInt(syntax, argument, value)
        case "duration": return duration(syntax, argument, value)
        case "timestamp": return timestamp(syntax, argument, value)
        default: return size(syntax, argument, value)
        }
    }

    private mutating func toDouble(_ syntax: Syntax, _ argument: Syntax, _ value: Plan) -> Plan? {
        switch value.type {
        case .double: return value
        case .int:
            if case .int(let constant) = value.constant { return Plan(constant: .double(Double(constant)), range: syntax.range) }
            return Plan(type: .double, range: syntax.range, form: .intToDouble(value))
        case .bool, .string, .timestamp, .duration: return mismatch("double()", "an int", argument, value, hint: "write a number: double(account.count_5m)")
        }
    }

    private mutating func toInt(_ syntax: Syntax, _ argument: Syntax, _ value: Plan) -> Plan? {
        switch value.type {
        case .int: return value
        case .double:
            if case .double(let constant) = value.constant {
                // Both ends are excluded: CEL calls them out of range.
                if constant > -0x1p63, constant < 0x1p63 { return Plan(constant: .int(Int64(constant)), range: syntax.range) }
                warn(
                    "W202", syntax.range, "this always fails: \(constant) is out of the range of int",
                    hint: "an expression that fails does not match; change its numbers")
            }
            return Plan(type: .int, range: syntax.range, form: .doubleToInt(value))
        case .bool, .string, .timestamp, .duration: return mismatch("int()", "a double", argument, value, hint: "write a number: int(payment.amount)")
        }
    }

    private mutating func size(_ syntax: Syntax, _ argument: Syntax, _ value: Plan) -> Plan? {
        guard value.type == .string else { return mismatch("size", "a string", argument, value, hint: "only texts have a size: size(payment.country)") }
        if case .string(let constant) = value.constant { return Plan(constant: .int(Int64(constant.unicodeScalars.count)), range: syntax.range) }
        return Plan(type: .int, range: syntax.range, form: .size(value))
    }

    private mutating func mismatch(_ function: String, _ need: String, _ argument: Syntax, _ value: Plan, hint: String) -> Plan? {
        fail("E117", argument.range, "\(function) needs \(need); \(text(argument)) is \(value.type.described)", hint: hint)
    }

    // MARK: Durations and timestamps

    private mutating func duration(_ syntax: Syntax, _ argument: Syntax, _ value: Plan) -> Plan? {
        if value.type == .duration { return value }
        guard value.type == .string else {
            let hint = value.constant == nil ? "write it out: duration(\"5m\")" : "write the unit, in quotes: duration(\"\(text(argument))s\")"
            return mismatch("duration()", "a text", argument, value, hint: hint)
        }
        guard case .string(let written) = value.constant else {
            return fail("E131", argument.range, "duration() needs a text in quotes, not \(text(argument))", hint: "write duration(\"5m\")")
        }
        if let nanoseconds = DurationText.parse(written) { return Plan(constant: .duration(nanoseconds), range: syntax.range) }
        return badDuration(written, argument)
    }

    private mutating func badDuration(_ written: String, _ argument: Syntax) -> Plan? {
        let call = "duration(\(text(argument)))"
        if let hours = DurationText.hours(written) {
            return fail("E131", argument.range, "\(call): units are h, m, s, ms, us, ns", hint: "write duration(\"\(hours)h\")")
        }
        if !written.isEmpty, written.utf8.allSatisfy({ Lexer.isDigit($0) }) {
            return fail("E131", argument.range, "\(call): the unit is missing: h, m, s, ms, us, ns", hint: "write duration(\"\(written)s\")")
        }
        let units: Set<UInt8> = Set("hmsun.+-".utf8)
        if !written.isEmpty, written.utf8.allSatisfy({ Lexer.isDigit($0) || units.contains($0) }),
            DurationText.parse("1" + String(written.drop { "+-0123456789".contains($0) })) != nil
        {
            return fail("E131", argument.range, "\(call) is longer than 292 years", hint: "write a shorter one: duration(\"24h\")")
        }
        return fail("E131", argument.range, "\(call): units are h, m, s, ms, us, ns", hint: "write numbers with units: duration(\"1h30m\")")
    }

    private mutating func timestamp(_ syntax: Syntax, _ argument: Syntax, _ value: Plan) -> Plan? {
        if value.type == .timestamp { return value }
        let hint = "write timestamp(\"2026-01-31T12:00:00Z\")"
        guard value.type == .string else { return mismatch("timestamp()", "a text", argument, value, hint: hint) }
        guard case .string(let written) = value.constant else {
            return fail("E132", argument.range, "timestamp() needs a text in quotes, not \(text(argument))", hint: hint)
        }
        do throws(TimestampText.Failure) {
            return Plan(constant: .timestamp(try TimestampText.parse(written)), range: syntax.range)
        } catch {
            switch error {
            case .form: return fail("E132", argument.range, "timestamp(\(text(argument))): this is no date and time with a zone", hint: hint)
            case .precision:
                return fail(
                    "E132", argument.range, "timestamp(\(text(argument))): time counts in whole milliseconds",
                    hint: "write at most three digits after the seconds")
            }
        }
    }

    // MARK: Methods

    mutating func method(_ syntax: Syntax, _ target: Syntax, _ name: Syntax.Name, _ arguments: [Syntax]) -> Plan? {
        if let first = target.path?.first, Self.namespaces.contains(first.text), !isRecord(first.text) {
            let whole = Excerpt.of(bytes[target.range.lowerBound..<name.range.upperBound])
            return unavailable(target.range.lowerBound..<name.range.upperBound, "'\(whole)'", hint: Self.hint(name.text))
        }
        let value = plan(target)
        if Self.macros.contains(name.text) { return unavailable(name.range, "'\(name.text)'", hint: Self.hint(name.text)) }
        let values = arguments.map { plan($0) }
        guard Self.methods.contains(name.text) else { return noMethod(target, name) }
        if name.text == "size" {
            guard arguments.isEmpty else { return fail("E116", syntax.range, "size() behind a dot takes no value", hint: "write \(text(target)).size()") }
            return value.flatMap { size(syntax, target, $0) }
        }
        guard arguments.count == 1 else {
            return fail("E116", syntax.range, "\(name.text)() takes one value, not \(arguments.count)", hint: "write \(text(target)).\(name.text)(\"N\")")
        }
        guard let value, let part = values[0] else { return nil }
        guard value.type == .string else {
            return mismatch(name.text, "a string before the dot", target, value, hint: "only texts have parts: payment.country.\(name.text)(\"N\")")
        }
        guard part.type == .string else {
            return mismatch(
                name.text, "a string", arguments[0], part,
                hint: part.constant == nil ? "give it a text: \(name.text)(\"N\")" : "write \"\(bareText(arguments[0]))\" in quotes")
        }
        let form: Plan.Form =
            switch name.text {
            case "startsWith": .startsWith(value, part)
            case "endsWith": .endsWith(value, part)
            default: .contains(value, part)
            }
        return Plan(type: .bool, range: syntax.range, form: form)
    }

    private mutating func noMethod(_ target: Syntax, _ name: Syntax.Name) -> Plan? {
        if Self.missing.contains(name.text) { return unavailable(name.range, "'\(name.text)'", hint: Self.hint(name.text)) }
        if Self.functions.contains(name.text) {
            return fail("E116", name.range, "\(name.text) does not stand behind a dot", hint: "write \(name.text)(\(bareText(target)))")
        }
        return fail(
            "E107", name.range, "there is no function '\(name.text)' behind a dot", hint: Names.hint(for: name.text, among: Self.methods, label: "functions"))
    }
}
