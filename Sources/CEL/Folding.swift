/// Constants computed at check time, by the rules that evaluation follows.
enum Folding {
    enum Outcome {
        case value(Constant)
        /// Evaluation will always fail, and why.
        case fails(String)
        case undecided
    }

    static func negate(_ constant: Constant) -> Outcome {
        switch constant {
        case .int(let value): value == .min ? .fails("-(\(value)) is out of the range of int") : .value(.int(-value))
        case .double(let value): .value(.double(-value))
        case .bool, .string, .timestamp, .duration: .undecided
        }
    }

    static func arithmetic(_ symbol: Arithmetic, _ left: Constant, _ right: Constant) -> Outcome {
        switch (left, right) {
        case (.int(let a), .int(let b)): integer(symbol, a, b)
        case (.double(let a), .double(let b)): double(symbol, a, b)
        case (.string(let a), .string(let b)): .value(.string(a + b))
        case (.duration(let a), .duration(let b)): duration(symbol, a, b)
        case (.timestamp(let a), .timestamp(let b)): difference(a, b)
        case (.timestamp(let a), .duration(let b)): moved(a, by: b, isBack: symbol == .subtract)
        case (.duration(let a), .timestamp(let b)): moved(b, by: a, isBack: false)
        default: .undecided
        }
    }

    private static func integer(_ symbol: Arithmetic, _ a: Int64, _ b: Int64) -> Outcome {
        if b == 0, symbol == .divide || symbol == .remainder { return .fails("\(a) \(symbol.rawValue) 0 divides by zero") }
        let (value, overflow) =
            switch symbol {
            case .add: a.addingReportingOverflow(b)
            case .subtract: a.subtractingReportingOverflow(b)
            case .multiply: a.multipliedReportingOverflow(by: b)
            case .divide: a.dividedReportingOverflow(by: b)
            case .remainder: a.remainderReportingOverflow(dividingBy: b)
            }
        return overflow ? .fails("\(a) \(symbol.rawValue) \(b) is out of the range of int") : .value(.int(value))
    }

    private static func double(_ symbol: Arithmetic, _ a: Double, _ b: Double) -> Outcome {
        switch symbol {
        case .add: .value(.double(a + b))
        case .subtract: .value(.double(a - b))
        case .multiply: .value(.double(a * b))
        case .divide: .value(.double(a / b))
        case .remainder: .undecided
        }
    }

    private static func duration(_ symbol: Arithmetic, _ a: Int64, _ b: Int64) -> Outcome {
        let (value, overflow) = symbol == .subtract ? a.subtractingReportingOverflow(b) : a.addingReportingOverflow(b)
        return overflow ? .fails("the duration is longer than 292 years") : .value(.duration(value))
    }

    private static func difference(_ a: Int64, _ b: Int64) -> Outcome {
        // Both lie between the years 1 and 9999: their difference can't overflow, its nanoseconds can.
        let (value, overflow) = (a - b).multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .fails("the duration is longer than 292 years") : .value(.duration(value))
    }

    /// Undecided for parts of a millisecond: rounding is evaluation's affair.
    private static func moved(_ timestamp: Int64, by duration: Int64, isBack: Bool) -> Outcome {
        guard duration % 1_000_000 == 0 else { return .undecided }
        let milliseconds = duration / 1_000_000
        let moment = isBack ? timestamp - milliseconds : timestamp + milliseconds
        return TimestampText.range.contains(moment) ? .value(.timestamp(moment)) : .fails("the moment is before year 1 or after year 9999")
    }

    /// Constants of one type, or int beside double (as doubles). Strings compare as UTF-8 bytes; NaN equals nothing.
    static func compare(_ symbol: Comparison, _ left: Constant, _ right: Constant) -> Bool {
        switch (left, right) {
        case (.bool(let a), .bool(let b)): ordered(symbol, a ? 1 : 0, b ? 1 : 0)
        case (.int(let a), .int(let b)), (.timestamp(let a), .timestamp(let b)), (.duration(let a), .duration(let b)): ordered(symbol, a, b)
        case (.double(let a), .double(let b)): ordered(symbol, a, b)
        case (.int(let a), .double(let b)): ordered(symbol, Double(a), b)
        case (.double(let a), .int(let b)): ordered(symbol, a, Double(b))
        case (.string(let a), .string(let b)): text(symbol, a, b)
        default: symbol == .notEqual
        }
    }

    private static func ordered<Value: Comparable>(_ symbol: Comparison, _ a: Value, _ b: Value) -> Bool {
        switch symbol {
        case .equal: a == b
        case .notEqual: a != b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        }
    }

    private static func text(_ symbol: Comparison, _ a: String, _ b: String) -> Bool {
        let isEqual = a.utf8.elementsEqual(b.utf8)
        let isLess = !isEqual && a.utf8.lexicographicallyPrecedes(b.utf8)
        return ordered(symbol, isEqual ? 0 : isLess ? -1 : 1, 0)
    }
}

extension Constant {
    /// By type and value; strings as UTF-8 bytes, doubles as IEEE says.
    package static func == (left: Constant, right: Constant) -> Bool {
        left.type == right.type && Folding.compare(.equal, left, right)
    }
}
