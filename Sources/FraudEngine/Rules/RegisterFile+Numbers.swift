import CEL

extension RegisterFile {
    func run(_ step: IntegerStep) {
        switch step {
        case .compareConstant(let comparison, let column, let constant, let target):
            set(target, truth: ColumnKernels.compare(comparison, UnsafePointer(integers(column)), constant), error: integerErrors[column])
        case .compare(let comparison, let a, let b, let target):
            let truth = ColumnKernels.compare(comparison, UnsafePointer(integers(a)), UnsafePointer(integers(b)))
            set(target, truth: truth, error: integerErrors[a] | integerErrors[b])
        case .arithmetic(let arithmetic, let a, let b, let target):
            let overflow = compute(arithmetic, integers(a), integers(b), to: integers(target))
            integerErrors[target] = integerErrors[a] | integerErrors[b] | overflow
        case .negate(let a, let target):
            let column = integers(a)
            integerErrors[target] = integerErrors[a] | ColumnKernels.store(to: integers(target)) { Int64(0).subtractingReportingOverflow(column[$0]) }
        case .timeDifference(let a, let b, let target):
            let (left, right) = (integers(a), integers(b))
            let overflow = ColumnKernels.store(to: integers(target)) { TimeArithmetic.nanoseconds(from: right[$0], to: left[$0]) }
            integerErrors[target] = integerErrors[a] | integerErrors[b] | overflow
        case .shiftTime(let a, let b, let isBack, let target):
            let (time, duration) = (integers(a), integers(b))
            let overflow = ColumnKernels.store(to: integers(target)) { TimeArithmetic.shift(time[$0], by: duration[$0], isBack: isBack) }
            integerErrors[target] = integerErrors[a] | integerErrors[b] | overflow
        case .fromDouble(let a, let target):
            let column = doubles(a)
            integerErrors[target] = doubleErrors[a] | ColumnKernels.store(to: integers(target)) { Self.truncate(column[$0]) }
        case .select(let test, let a, let b, let target):
            ColumnKernels.select(truths[test], UnsafePointer(integers(a)), UnsafePointer(integers(b)), to: integers(target))
            integerErrors[target] = ColumnKernels.selectError(truth: truths[test], error: errors[test], integerErrors[a], integerErrors[b])
        }
    }

    private func compute(
        _ arithmetic: Arithmetic, _ a: UnsafeMutablePointer<Int64>, _ b: UnsafeMutablePointer<Int64>, to target: UnsafeMutablePointer<Int64>
    ) -> UInt64 {
        switch arithmetic {
        case .add: ColumnKernels.store(to: target) { a[$0].addingReportingOverflow(b[$0]) }
        case .subtract: ColumnKernels.store(to: target) { a[$0].subtractingReportingOverflow(b[$0]) }
        case .multiply: ColumnKernels.store(to: target) { a[$0].multipliedReportingOverflow(by: b[$0]) }
        case .divide: ColumnKernels.store(to: target) { a[$0].dividedReportingOverflow(by: b[$0]) }
        case .remainder: ColumnKernels.store(to: target) { a[$0].remainderReportingOverflow(dividingBy: b[$0]) }
        }
    }

    /// Toward zero; in error outside the open range of ±2^63, and for NaN.
    @inline(__always)
    private static func truncate(_ value: Double) -> (partialValue: Int64, overflow: Bool) {
        let isInside = value > -0x1p63 && value < 0x1p63
        return (isInside ? Int64(value) : 0, !isInside)
    }

    func run(_ step: DoubleStep) {
        switch step {
        case .compareConstant(let comparison, let column, let constant, let target):
            set(target, truth: ColumnKernels.compare(comparison, UnsafePointer(doubles(column)), constant), error: doubleErrors[column])
        case .compare(let comparison, let a, let b, let target):
            let truth = ColumnKernels.compare(comparison, UnsafePointer(doubles(a)), UnsafePointer(doubles(b)))
            set(target, truth: truth, error: doubleErrors[a] | doubleErrors[b])
        case .arithmetic(let arithmetic, let a, let b, let target):
            compute(arithmetic, doubles(a), doubles(b), to: doubles(target))
            doubleErrors[target] = doubleErrors[a] | doubleErrors[b]
        case .negate(let a, let target):
            let column = doubles(a)
            ColumnKernels.store(to: doubles(target)) { -column[$0] }
            doubleErrors[target] = doubleErrors[a]
        case .fromInteger(let a, let target):
            let column = integers(a)
            ColumnKernels.store(to: doubles(target)) { Double(column[$0]) }
            doubleErrors[target] = integerErrors[a]
        case .select(let test, let a, let b, let target):
            ColumnKernels.select(truths[test], UnsafePointer(doubles(a)), UnsafePointer(doubles(b)), to: doubles(target))
            doubleErrors[target] = ColumnKernels.selectError(truth: truths[test], error: errors[test], doubleErrors[a], doubleErrors[b])
        }
    }

    private func compute(
        _ arithmetic: Arithmetic, _ a: UnsafeMutablePointer<Double>, _ b: UnsafeMutablePointer<Double>, to target: UnsafeMutablePointer<Double>
    ) {
        switch arithmetic {
        case .add: ColumnKernels.store(to: target) { a[$0] + b[$0] }
        case .subtract: ColumnKernels.store(to: target) { a[$0] - b[$0] }
        case .multiply: ColumnKernels.store(to: target) { a[$0] * b[$0] }
        case .divide: ColumnKernels.store(to: target) { a[$0] / b[$0] }
        case .remainder: ColumnKernels.store(to: target) { a[$0].truncatingRemainder(dividingBy: b[$0]) }
        }
    }
}
