import CEL

extension RuleCompiler {
    /// Compiles a node; `live` names the mask of the rows whose value matters.
    mutating func compile(_ plan: Plan, live: Int) -> Operand {
        switch plan.form {
        case .constant(let constant): compile(constant)
        case .variable(let variable): column(of: variable)
        case .has(let variable): presence(of: variable)
        case .and(let left, let right): compileJunction(left, right, isAnd: true, live: live)
        case .or(let left, let right): compileJunction(left, right, isAnd: false, live: live)
        case .not(let operand): unary(operand, .mask, live: live) { .mask(.not($0, to: $1)) }
        case .comparison(let comparison, let left, let right): compile(comparison, left, right, live: live)
        case .arithmetic(let arithmetic, let left, let right): compile(arithmetic, left, right, live: live)
        case .negate(let operand):
            operand.type == .double
                ? unary(operand, .double, live: live) { .double(.negate($0, to: $1)) } : unary(operand, .integer, live: live) { .integer(.negate($0, to: $1)) }
        case .conditional(let condition, let then, let otherwise): compileConditional(condition, then, otherwise, live: live)
        case .inNamedList(let operand, let list): compile(operand, inSet: set(named: list), live: live)
        case .inConstants(let operand, let constants): compile(operand, in: constants, live: live)
        case .intToDouble(let operand): unary(operand, .double, live: live) { .double(.fromInteger($0, to: $1)) }
        case .doubleToInt(let operand): unary(operand, .integer, live: live) { .integer(.fromDouble($0, to: $1)) }
        case .size(let operand): unary(operand, .integer, live: live) { .string(.size($0, live: live, to: $1)) }
        case .startsWith(let left, let right): binary(left, right, .mask, live: live) { .string(.startsWith($0, $1, live: live, to: $2)) }
        case .endsWith(let left, let right): binary(left, right, .mask, live: live) { .string(.endsWith($0, $1, live: live, to: $2)) }
        case .contains(let left, let right): binary(left, right, .mask, live: live) { .string(.contains($0, $1, live: live, to: $2)) }
        }
    }

    private mutating func unary(_ plan: Plan, _ kind: Kind, live: Int, _ step: (Int, Int) -> RuleStep) -> Operand {
        let operand = compile(plan, live: live)
        let target = take(kind)
        program.steps.append(step(operand.register, target.register))
        give(operand)
        return target
    }

    private mutating func binary(_ a: Plan, _ b: Plan, _ kind: Kind, live: Int, _ step: (Int, Int, Int) -> RuleStep) -> Operand {
        let left = compile(a, live: live)
        let right = compile(b, live: live)
        let target = take(kind)
        program.steps.append(step(left.register, right.register, target.register))
        give(left)
        give(right)
        return target
    }

    // MARK: Logic

    private mutating func compileJunction(_ a: Plan, _ b: Plan, isAnd: Bool, live: Int) -> Operand {
        var left = compile(a, live: live)
        if !left.isTemporary {
            let copy = take(.mask)
            program.steps.append(.mask(.copy(left.register, to: copy.register)))
            left = copy
        }
        let narrowed = lives.take()
        let gate = program.steps.count
        program.steps.append(flow(isAnd: isAnd, left.register, live: live, to: narrowed, otherwise: 0))
        let right = compile(b, live: narrowed)
        program.steps.append(
            .mask(isAnd ? .and(left.register, right.register, to: left.register) : .or(left.register, right.register, to: left.register)))
        program.steps[gate] = flow(isAnd: isAnd, left.register, live: live, to: narrowed, otherwise: program.steps.count)
        give(right)
        lives.give(narrowed)
        return left
    }

    private func flow(isAnd: Bool, _ mask: Int, live: Int, to narrowed: Int, otherwise: Int) -> RuleStep {
        .flow(
            isAnd
                ? .unlessFalse(mask, live: live, to: narrowed, otherwise: otherwise) : .unlessTrue(mask, live: live, to: narrowed, otherwise: otherwise))
    }

    private mutating func compileConditional(_ condition: Plan, _ a: Plan, _ b: Plan, live: Int) -> Operand {
        let test = compile(condition, live: live)
        let whenTrue = lives.take()
        let whenFalse = lives.take()
        program.steps.append(.flow(.split(test.register, live: live, whenTrue: whenTrue, whenFalse: whenFalse)))
        let then = compile(a, live: whenTrue)
        let otherwise = compile(b, live: whenFalse)
        let target = take(then.kind)
        switch then.kind {
        case .integer: program.steps.append(.integer(.select(test.register, then.register, otherwise.register, to: target.register)))
        case .double: program.steps.append(.double(.select(test.register, then.register, otherwise.register, to: target.register)))
        case .string: program.steps.append(.string(.select(test.register, then.register, otherwise.register, to: target.register)))
        case .mask: program.steps.append(.mask(.select(test.register, then.register, otherwise.register, to: target.register)))
        }
        lives.give(whenTrue)
        lives.give(whenFalse)
        give(test)
        give(then)
        give(otherwise)
        return target
    }

    // MARK: Comparisons

    private mutating func compile(_ comparison: Comparison, _ a: Plan, _ b: Plan, live: Int) -> Operand {
        if case .constant(let constant) = b.form, a.type != .bool { return compile(comparison, a, constant, live: live) }
        if case .constant(let constant) = a.form, b.type != .bool { return compile(comparison.mirrored, b, constant, live: live) }
        switch (a.type, b.type) {
        case (.int, .double), (.double, .int):
            let left = compileAsDouble(a, live: live)
            let right = compileAsDouble(b, live: live)
            let target = take(.mask)
            program.steps.append(.double(.compare(comparison, left.register, right.register, to: target.register)))
            give(left)
            give(right)
            return target
        case (_, _): break
        }
        switch Kind(a.type) {
        case .integer: return binary(a, b, .mask, live: live) { .integer(.compare(comparison, $0, $1, to: $2)) }
        case .double: return binary(a, b, .mask, live: live) { .double(.compare(comparison, $0, $1, to: $2)) }
        case .string: return binary(a, b, .mask, live: live) { .string(.compare(comparison, $0, $1, live: live, to: $2)) }
        case .mask: return binary(a, b, .mask, live: live) { .mask(.compare(comparison, $0, $1, to: $2)) }
        }
    }

    /// Column against constant, in one step.
    private mutating func compile(_ comparison: Comparison, _ plan: Plan, _ constant: Constant, live: Int) -> Operand {
        let value: Operand
        let step: (Int, Int) -> RuleStep
        switch constant {
        case .int(let number) where plan.type == .double:
            value = compile(plan, live: live)
            step = { .double(.compareConstant(comparison, $0, Double(number), to: $1)) }
        case .int(let number), .timestamp(let number), .duration(let number):
            value = compile(plan, live: live)
            step = { .integer(.compareConstant(comparison, $0, number, to: $1)) }
        case .double(let number):
            value = compileAsDouble(plan, live: live)
            step = { .double(.compareConstant(comparison, $0, number, to: $1)) }
        case .string(let text):
            value = compile(plan, live: live)
            let number = stringConstant(text)
            step = { .string(.compareConstant(comparison, $0, number, live: live, to: $1)) }
        case .bool:
            let other = compile(constant)
            value = compile(plan, live: live)
            step = { .mask(.compare(comparison, $0, other.register, to: $1)) }
        }
        let target = take(.mask)
        program.steps.append(step(value.register, target.register))
        give(value)
        return target
    }

    private mutating func compileAsDouble(_ plan: Plan, live: Int) -> Operand {
        guard plan.type == .int else { return compile(plan, live: live) }
        return unary(plan, .double, live: live) { .double(.fromInteger($0, to: $1)) }
    }

    // MARK: Membership

    private mutating func compile(_ plan: Plan, inSet set: Int, live: Int) -> Operand {
        unary(plan, .mask, live: live) { .string(.inSet($0, set: set, live: live, to: $1)) }
    }

    private mutating func compile(_ plan: Plan, in constants: [Constant], live: Int) -> Operand {
        if plan.type == .string {
            program.sets.append(constants.compactMap(\.text))
            return compile(plan, inSet: program.sets.count - 1, live: live)
        }
        let value = compile(plan, live: live)
        guard let first = constants.first else {
            let never = compileNever(value)
            give(value)
            return never
        }
        let target = compile(equal: value, first)
        for constant in constants.dropFirst() {
            let equal = compile(equal: value, constant)
            program.steps.append(.mask(.or(target.register, equal.register, to: target.register)))
            give(equal)
        }
        give(value)
        return target
    }

    /// False on every row, or in error where the value is.
    private mutating func compileNever(_ value: Operand) -> Operand {
        let target = take(.mask)
        switch value.kind {
        case .integer: program.steps.append(.integer(.compareConstant(.less, value.register, .min, to: target.register)))
        case .double: program.steps.append(.double(.compareConstant(.less, value.register, -.infinity, to: target.register)))
        case .string: program.steps.append(.string(.compareConstant(.less, value.register, stringConstant(""), live: 0, to: target.register)))
        case .mask: program.steps.append(.mask(.compare(.less, value.register, value.register, to: target.register)))
        }
        return target
    }

    private mutating func compile(equal value: Operand, _ constant: Constant) -> Operand {
        if !value.kind.holds(constant) { return compileNever(value) }
        let target = take(.mask)
        switch (value.kind, constant) {
        case (.integer, .int(let number)), (.integer, .timestamp(let number)), (.integer, .duration(let number)):
            program.steps.append(.integer(.compareConstant(.equal, value.register, number, to: target.register)))
        case (.double, .double(let number)):
            program.steps.append(.double(.compareConstant(.equal, value.register, number, to: target.register)))
        case (.double, .int(let number)):
            program.steps.append(.double(.compareConstant(.equal, value.register, Double(number), to: target.register)))
        case (.integer, .double(let number)):
            let converted = take(.double)
            program.steps.append(.double(.fromInteger(value.register, to: converted.register)))
            program.steps.append(.double(.compareConstant(.equal, converted.register, number, to: target.register)))
            give(converted)
        case (.mask, .bool(let number)):
            program.steps.append(.mask(number ? .copy(value.register, to: target.register) : .not(value.register, to: target.register)))
        case (_, _): break
        }
        return target
    }

    // MARK: Arithmetic

    private mutating func compile(_ arithmetic: Arithmetic, _ a: Plan, _ b: Plan, live: Int) -> Operand {
        switch (a.type, b.type) {
        case (.timestamp, .timestamp): binary(a, b, .integer, live: live) { .integer(.timeDifference($0, $1, to: $2)) }
        case (.timestamp, _): binary(a, b, .integer, live: live) { .integer(.shiftTime($0, by: $1, isBack: arithmetic == .subtract, to: $2)) }
        case (_, .timestamp): binary(a, b, .integer, live: live) { .integer(.shiftTime($1, by: $0, isBack: false, to: $2)) }
        case (.string, _): binary(a, b, .string, live: live) { .string(.concatenate($0, $1, live: live, to: $2)) }
        case (.double, _): binary(a, b, .double, live: live) { .double(.arithmetic(arithmetic, $0, $1, to: $2)) }
        case (_, _): binary(a, b, .integer, live: live) { .integer(.arithmetic(arithmetic, $0, $1, to: $2)) }
        }
    }
}

extension Comparison {
    /// The comparison with its operands exchanged.
    var mirrored: Comparison {
        switch self {
        case .equal, .notEqual: self
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        }
    }
}

extension Constant {
    /// The text of a string.
    var text: String? {
        if case .string(let text) = self { text } else { nil }
    }
}

extension RuleCompiler.Kind {
    /// A value of this kind can be equal to the constant.
    func holds(_ constant: Constant) -> Bool {
        switch constant {
        case .bool: self == .mask
        case .int, .double: self == .integer || self == .double
        case .timestamp, .duration: self == .integer
        case .string: self == .string
        }
    }
}
