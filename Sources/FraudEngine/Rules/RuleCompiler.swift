import CEL

/// Translates the conditions of a rule set into one program over columns.
struct RuleCompiler {
    /// What a node compiled to.
    struct Operand {
        var kind: Kind
        var register: Int
        /// Free again once its reader has run.
        var isTemporary: Bool
    }

    enum Kind { case integer, double, string, mask }

    /// Numbers in use and numbers free.
    struct Registers {
        private(set) var count: Int
        private var free: [Int] = []

        init(count: Int = 0) { self.count = count }

        /// A number that is never used for anything else.
        mutating func pinned() -> Int {
            count += 1
            return count - 1
        }

        mutating func take() -> Int { free.popLast() ?? pinned() }

        mutating func give(_ number: Int) { free.append(number) }
    }

    let environment: CEL.Environment
    let schema: PaymentSchema
    let features: [Feature]
    let lists: [String: [String]]
    var program = RuleProgram()
    var integers = Registers()
    var doubles = Registers()
    var strings = Registers()
    var masks = Registers()
    var lives = Registers(count: 1)
    /// By variable: its column's register.
    private var columns: [Int: Int] = [:]
    /// By schema field: the mask of presence.
    private var presences: [Int: Int] = [:]
    private var namedSets: [String: Int] = [:]

    private init(_ set: RuleSet) {
        environment = RuleEnvironment.make(schema: set.schema, features: set.features, lists: Array(set.lists.keys))
        schema = set.schema
        features = set.features
        lists = set.lists
    }

    static func compile(_ set: RuleSet) -> RuleProgram {
        var compiler = RuleCompiler(set)
        for rule in set.rules { compiler.compile(rule) }
        compiler.program.counts = RegisterCounts(
            integers: compiler.integers.count, doubles: compiler.doubles.count, strings: compiler.strings.count, masks: compiler.masks.count,
            lives: compiler.lives.count)
        return compiler.program
    }

    private mutating func compile(_ rule: Rule) {
        let start = program.steps.count
        let isEnabled = rule.status != .disabled
        var result = 0
        if isEnabled {
            precondition(rule.condition.type == .bool, "the checker lets only bool conditions through")
            let operand = compile(rule.condition.root, live: 0)
            result = operand.register
            if operand.isTemporary { masks.give(operand.register) }
        }
        let isBounded = rule.effectiveFrom != .min || rule.effectiveUntil != .max
        program.rules.append(
            RuleCode(
                steps: start..<program.steps.count, result: result, isEnabled: isEnabled,
                occurredAt: isEnabled && isBounded ? column(of: RuleVariable.occurredAt).register : nil, effectiveFrom: rule.effectiveFrom,
                effectiveUntil: rule.effectiveUntil))
    }

    // MARK: Registers

    mutating func take(_ kind: Kind) -> Operand {
        switch kind {
        case .integer: Operand(kind: kind, register: integers.take(), isTemporary: true)
        case .double: Operand(kind: kind, register: doubles.take(), isTemporary: true)
        case .string: Operand(kind: kind, register: strings.take(), isTemporary: true)
        case .mask: Operand(kind: kind, register: masks.take(), isTemporary: true)
        }
    }

    mutating func give(_ operand: Operand) {
        guard operand.isTemporary else { return }
        switch operand.kind {
        case .integer: integers.give(operand.register)
        case .double: doubles.give(operand.register)
        case .string: strings.give(operand.register)
        case .mask: masks.give(operand.register)
        }
    }

    // MARK: Leaves

    /// The column of a variable, loaded once for all rules.
    mutating func column(of variable: Int) -> Operand {
        let kind = Kind(environment.variables[variable].type)
        if let known = columns[variable] { return Operand(kind: kind, register: known, isTemporary: false) }
        let register = pinned(kind)
        columns[variable] = register
        program.loads.append(VariableLoad(source: RuleVariable.source(variable, schema: schema, features: features), register: register))
        return Operand(kind: kind, register: register, isTemporary: false)
    }

    /// The mask of the rows that have a value.
    mutating func presence(of variable: Int) -> Operand {
        let field = variable - RuleEnvironment.firstField
        guard schema.fields.indices.contains(field) else { return compile(bool: true) }
        if let known = presences[field] { return Operand(kind: .mask, register: known, isTemporary: false) }
        let register = masks.pinned()
        presences[field] = register
        program.loads.append(VariableLoad(source: .presence(field), register: register))
        return Operand(kind: .mask, register: register, isTemporary: false)
    }

    mutating func compile(bool value: Bool) -> Operand {
        let target = take(.mask)
        program.steps.append(.mask(.constant(value, to: target.register)))
        return target
    }

    /// A constant in every row.
    mutating func compile(_ constant: Constant) -> Operand {
        switch constant {
        case .bool(let value): return compile(bool: value)
        case .int(let value), .timestamp(let value), .duration(let value):
            if let known = program.integerConstants.first(where: { $0.value == value }) { return pinned(.integer, known.register) }
            let register = integers.pinned()
            program.integerConstants.append((value, register))
            return pinned(.integer, register)
        case .double(let value):
            if let known = program.doubleConstants.first(where: { $0.value.bitPattern == value.bitPattern }) { return pinned(.double, known.register) }
            let register = doubles.pinned()
            program.doubleConstants.append((value, register))
            return pinned(.double, register)
        case .string(let value):
            let number = stringConstant(value)
            if let known = program.stringConstantRegisters.first(where: { $0.constant == number }) { return pinned(.string, known.register) }
            let register = strings.pinned()
            program.stringConstantRegisters.append((number, register))
            return pinned(.string, register)
        }
    }

    mutating func stringConstant(_ value: String) -> Int {
        if let known = program.strings.firstIndex(where: { $0.utf8.elementsEqual(value.utf8) }) { return known }
        program.strings.append(value)
        return program.strings.count - 1
    }

    mutating func set(named name: String) -> Int {
        if let known = namedSets[name] { return known }
        program.sets.append(lists[name] ?? [])
        namedSets[name] = program.sets.count - 1
        return program.sets.count - 1
    }

    private func pinned(_ kind: Kind, _ register: Int) -> Operand { Operand(kind: kind, register: register, isTemporary: false) }

    private mutating func pinned(_ kind: Kind) -> Int {
        switch kind {
        case .integer: integers.pinned()
        case .double: doubles.pinned()
        case .string: strings.pinned()
        case .mask: masks.pinned()
        }
    }
}

extension RuleCompiler.Kind {
    init(_ type: ValueType) {
        switch type {
        case .bool: self = .mask
        case .int, .timestamp, .duration: self = .integer
        case .double: self = .double
        case .string: self = .string
        }
    }
}
