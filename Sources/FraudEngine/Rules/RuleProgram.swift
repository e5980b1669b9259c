import CEL

/// One step over all rows; numbers name registers of the kind that the step's name tells. Trivial: copied without reference counts.
enum RuleStep {
    case integer(IntegerStep)
    case double(DoubleStep)
    case string(StringStep)
    case mask(MaskStep)
    case flow(FlowStep)
}

/// Steps over Int64 columns: int, timestamp (ms) and duration (ns).
enum IntegerStep {
    case compareConstant(Comparison, Int, Int64, to: Int)
    case compare(Comparison, Int, Int, to: Int)
    case arithmetic(Arithmetic, Int, Int, to: Int)
    case negate(Int, to: Int)
    /// Timestamps to a duration.
    case timeDifference(Int, Int, to: Int)
    /// Timestamp, duration, and whether the duration is taken away, to a timestamp.
    case shiftTime(Int, by: Int, isBack: Bool, to: Int)
    case fromDouble(Int, to: Int)
    /// Condition (mask register), then, otherwise.
    case select(Int, Int, Int, to: Int)
}

enum DoubleStep {
    case compareConstant(Comparison, Int, Double, to: Int)
    case compare(Comparison, Int, Int, to: Int)
    case arithmetic(Arithmetic, Int, Int, to: Int)
    case negate(Int, to: Int)
    case fromInteger(Int, to: Int)
    case select(Int, Int, Int, to: Int)
}

/// Steps over strings; those that read bytes do it for the rows of the live mask only.
enum StringStep {
    /// The number of a string constant stands behind the column.
    case compareConstant(Comparison, Int, Int, live: Int, to: Int)
    case compare(Comparison, Int, Int, live: Int, to: Int)
    case inSet(Int, set: Int, live: Int, to: Int)
    case startsWith(Int, Int, live: Int, to: Int)
    case endsWith(Int, Int, live: Int, to: Int)
    case contains(Int, Int, live: Int, to: Int)
    /// To an integer register.
    case size(Int, live: Int, to: Int)
    case concatenate(Int, Int, live: Int, to: Int)
    case select(Int, Int, Int, to: Int)
}

/// Steps over masks: a bool register is a pair of truth and error, never both.
enum MaskStep {
    case constant(Bool, to: Int)
    case copy(Int, to: Int)
    case and(Int, Int, to: Int)
    case or(Int, Int, to: Int)
    case not(Int, to: Int)
    case compare(Comparison, Int, Int, to: Int)
    case select(Int, Int, Int, to: Int)
}

/// Steps that narrow the live rows and leave out what no row needs.
enum FlowStep {
    /// Live rows where the mask is not false; none: go on at the step.
    case unlessFalse(Int, live: Int, to: Int, otherwise: Int)
    /// Live rows where the mask is not true; none: go on at the step.
    case unlessTrue(Int, live: Int, to: Int, otherwise: Int)
    /// Live rows where the mask is true, and where it is false.
    case split(Int, live: Int, whenTrue: Int, whenFalse: Int)
}

/// How many registers of each kind a program needs.
struct RegisterCounts {
    var integers = 0
    var doubles = 0
    var strings = 0
    var masks = 0
    /// Live masks; number 0 holds the rows that the rule judges.
    var lives = 1
}

/// A variable that some rule reads, and the register that holds its column.
struct VariableLoad {
    enum Source {
        case paymentID, account, amount, currency, occurredAt
        /// Index of the schema's field.
        case string(Int), integer(Int), double(Int), bool(Int)
        /// Which rows have a value of the schema's field, as a mask.
        case presence(Int)
        case windowCount(includesCurrent: Bool)
        case windowSum(includesCurrent: Bool)
    }

    var source: Source
    var register: Int
}

/// A rule's part of the program.
struct RuleCode {
    var steps: Range<Int>
    /// The mask register of the condition.
    var result: Int
    var isEnabled: Bool
    /// The integer register of `payment.occurred_at`; nil: the rule is in effect always.
    var occurredAt: Int?
    var effectiveFrom: Int64
    var effectiveUntil: Int64
}

/// A rule set's conditions as a flat program over columns.
struct RuleProgram {
    var steps: [RuleStep] = []
    var rules: [RuleCode] = []
    var loads: [VariableLoad] = []
    var counts = RegisterCounts()
    /// Registers that hold a constant in every row.
    var integerConstants: [(value: Int64, register: Int)] = []
    var doubleConstants: [(value: Double, register: Int)] = []
    var stringConstantRegisters: [(constant: Int, register: Int)] = []
    var strings: [String] = []
    /// By number of the set.
    var sets: [[String]] = []
}
