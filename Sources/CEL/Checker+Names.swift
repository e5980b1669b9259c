/// Names: variables, records, lists, and the presence of optional variables.
extension Checker {
    /// The variable that a path names.
    func variable(_ syntax: Syntax) -> Int? {
        syntax.path.flatMap { indices[Self.joined($0[...])] }
    }

    static func joined(_ path: ArraySlice<Syntax.Name>) -> String {
        path.map(\.text).joined(separator: ".")
    }

    /// A read of a variable.
    mutating func read(_ syntax: Syntax) -> Plan? {
        guard let index = variable(syntax) else { return unresolved(syntax) }
        let variable = environment.variables[index]
        if variable.isOptional, !present.contains(index), warned.insert(index).inserted {
            let message = variable.absence.map { "\(variable.name) is absent \($0)" } ?? "\(variable.name) may be absent"
            warn("W201", syntax.range, message, hint: "guard it: has(\(variable.name)) && ...")
        }
        return Plan(type: variable.type, range: syntax.range, form: .variable(index))
    }

    /// The names directly under a record; under "" the outermost ones, records among them.
    func names(under record: String) -> [String] {
        let prefix = record.isEmpty ? "" : record + "."
        var seen: [String] = []
        for variable in environment.variables where variable.name.utf8.starts(with: prefix.utf8) {
            let rest = variable.name.utf8.dropFirst(prefix.utf8.count)
            let name = String(decoding: Array(rest.prefix { $0 != UInt8(ascii: ".") }), as: UTF8.self)
            if !seen.contains(name) { seen.append(name) }
        }
        return seen
    }

    func isRecord(_ name: String) -> Bool {
        environment.variables.contains { $0.name.utf8.starts(with: (name + ".").utf8) }
    }

    /// Says why a name or selection is no variable.
    @discardableResult
    mutating func unresolved(_ syntax: Syntax) -> Plan? {
        guard let path = syntax.path, let first = path.first else { return selectionFromValue(syntax) }
        if first.text == "lists", !isRecord("lists") {
            return fail(
                "E106", syntax.range, "a list can't be read as a value",
                hint: "ask whether it holds a text: payment.country in \(path.count == 2 ? Self.joined(path[...]) : "lists.name")")
        }
        for count in stride(from: path.count - 1, to: 0, by: -1) {
            let prefix = Self.joined(path[..<count])
            let next = path[count]
            if let index = indices[prefix] {
                return fail(
                    "E104", next.range, "\(prefix) is \(environment.variables[index].type.described) and has no field '\(next.text)'",
                    hint: "read it as it is: \(prefix)")
            }
            if isRecord(prefix) { return unknownField(next, of: prefix) }
        }
        let whole = Self.joined(path[...])
        if isRecord(whole) {
            return fail(
                "E103", syntax.range, "'\(whole)' is a record, not a value",
                hint: Names.hint(for: "", among: names(under: whole), label: "name one of its fields"))
        }
        return unknownName(first, isAlone: path.count == 1)
    }

    private mutating func unknownField(_ field: Syntax.Name, of record: String) -> Plan? {
        let fields = names(under: record)
        let message = "\(record) has no field '\(field.text)'"
        if Names.closest(to: field.text, among: fields) == nil, let elsewhere = owner(of: field.text) {
            return fail("E101", field.range, message, hint: "did you mean \(elsewhere).\(field.text)?   \(Names.hint(for: "", among: fields, label: "fields"))")
        }
        return fail("E101", field.range, message, hint: Names.hint(for: field.text, among: fields, label: "fields"))
    }

    /// The one record that has such a field.
    private func owner(of field: String) -> String? {
        let owners = names(under: "").filter { isRecord($0) && indices["\($0).\(field)"] != nil }
        return owners.count == 1 ? owners[0] : nil
    }

    private mutating func unknownName(_ name: Syntax.Name, isAlone: Bool) -> Plan? {
        let message = "there is nothing named '\(name.text)'"
        let constants = ["true": "true", "false": "false", "yes": "true", "no": "false"]
        if isAlone {
            if let constant = constants[name.text.lowercased()] { return fail("E102", name.range, message, hint: "write \(constant)") }
            if let record = owner(of: name.text) { return fail("E102", name.range, message, hint: "write \(record).\(name.text)") }
        }
        let scope = names(under: "") + (environment.lists.isEmpty ? [] : ["lists"])
        if isAlone, Names.closest(to: name.text, among: scope) == nil {
            return fail("E102", name.range, message, hint: "a text stands in quotes: \"\(name.text)\"   \(Names.hint(for: "", among: scope, label: "names"))")
        }
        return fail("E102", name.range, message, hint: Names.hint(for: name.text, among: scope, label: "names"))
    }

    /// `f(x).name`.
    private mutating func selectionFromValue(_ syntax: Syntax) -> Plan? {
        guard case .select(let operand, let name) = syntax.form else { return nil }
        guard let value = plan(operand) else { return nil }
        return fail(
            "E104", name.range, "\(text(operand)) is \(value.type.described) and has no field '\(name.text)'", hint: "only records have fields: payment.amount")
    }

    /// The list that `lists.name` names; nil after an error.
    mutating func list(_ syntax: Syntax) -> String? {
        guard let path = syntax.path, path.count == 2, path[0].text == "lists", !isRecord("lists") else { return nil }
        if environment.lists.contains(path[1].text) { return path[1].text }
        fail("E105", path[1].range, "there is no list '\(path[1].text)'", hint: Names.hint(for: path[1].text, among: environment.lists, label: "lists"))
        return nil
    }

    /// The optional variables that are present if `syntax` came out as `outcome`.
    func presence(_ syntax: Syntax, when outcome: Bool) -> Set<Int> {
        switch syntax.form {
        case .call(let name, let arguments):
            guard outcome, name.text == "has", arguments.count == 1, let index = variable(arguments[0]) else { return [] }
            return [index]
        case .not(let operand): return presence(operand, when: !outcome)
        case .binary(.and, _, let left, let right): return combined(left, right, when: outcome, isBoth: outcome)
        case .binary(.or, _, let left, let right): return combined(left, right, when: outcome, isBoth: !outcome)
        case .conditional(let condition, let then, let otherwise):
            let first = presence(condition, when: true).union(presence(then, when: outcome))
            let second = presence(condition, when: false).union(presence(otherwise, when: outcome))
            return first.intersection(second)
        case .literal, .identifier, .select, .method, .index, .negate, .binary, .list, .map, .message: return []
        }
    }

    private func combined(_ left: Syntax, _ right: Syntax, when outcome: Bool, isBoth: Bool) -> Set<Int> {
        let first = presence(left, when: outcome)
        let second = presence(right, when: outcome)
        return isBoth ? first.union(second) : first.intersection(second)
    }

    /// The plan of `syntax` where `condition` came out as `outcome`.
    mutating func plan(_ syntax: Syntax, given condition: Syntax, _ outcome: Bool) -> Plan? {
        let before = present
        present.formUnion(presence(condition, when: outcome))
        defer { present = before }
        return plan(syntax)
    }
}
