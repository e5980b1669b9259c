import CEL

/// The loops: always 64 rows, of fixed trip count, without branches on the data.
enum ColumnKernels {
    /// Bit r: `test` holds on row r.
    @inline(__always)
    static func mask(_ test: (Int) -> Bool) -> UInt64 {
        var mask: UInt64 = 0
        var row = 0
        while row < RegisterFile.rows {
            var part: UInt64 = 0
            for bit in 0..<8 { part |= (test(row &+ bit) ? 1 : 0) &<< UInt64(truncatingIfNeeded: bit) }
            mask |= part &<< UInt64(truncatingIfNeeded: row)
            row &+= 8
        }
        return mask
    }

    /// Calls `body` with every row of the mask.
    @inline(__always)
    static func each(_ mask: UInt64, _ body: (Int) -> Void) {
        var rest = mask
        while rest != 0 {
            body(rest.trailingZeroBitCount)
            rest &= rest &- 1
        }
    }

    @inline(__always)
    static func compare<T: Comparable>(_ comparison: Comparison, _ column: UnsafePointer<T>, _ constant: T) -> UInt64 {
        switch comparison {
        case .equal: mask { column[$0] == constant }
        case .notEqual: mask { column[$0] != constant }
        case .less: mask { column[$0] < constant }
        case .lessOrEqual: mask { column[$0] <= constant }
        case .greater: mask { column[$0] > constant }
        case .greaterOrEqual: mask { column[$0] >= constant }
        }
    }

    @inline(__always)
    static func compare<T: Comparable>(_ comparison: Comparison, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>) -> UInt64 {
        switch comparison {
        case .equal: mask { a[$0] == b[$0] }
        case .notEqual: mask { a[$0] != b[$0] }
        case .less: mask { a[$0] < b[$0] }
        case .lessOrEqual: mask { a[$0] <= b[$0] }
        case .greater: mask { a[$0] > b[$0] }
        case .greaterOrEqual: mask { a[$0] >= b[$0] }
        }
    }

    /// The comparison of two masks, bit by bit; false is less than true.
    @inline(__always)
    static func compare(_ comparison: Comparison, _ a: UInt64, _ b: UInt64) -> UInt64 {
        switch comparison {
        case .equal: ~(a ^ b)
        case .notEqual: a ^ b
        case .less: ~a & b
        case .lessOrEqual: ~a | b
        case .greater: a & ~b
        case .greaterOrEqual: a | ~b
        }
    }

    /// From the masks of the rows that are less, and equal.
    @inline(__always)
    static func compare(_ comparison: Comparison, less: UInt64, equal: UInt64) -> UInt64 {
        switch comparison {
        case .equal: equal
        case .notEqual: ~equal
        case .less: less
        case .lessOrEqual: less | equal
        case .greater: ~(less | equal)
        case .greaterOrEqual: ~less
        }
    }

    /// Stores the wrapped results; the mask of rows that overflow.
    @inline(__always)
    static func store(to target: UnsafeMutablePointer<Int64>, _ operation: (Int) -> (partialValue: Int64, overflow: Bool)) -> UInt64 {
        var overflows: UInt64 = 0
        for row in 0..<RegisterFile.rows {
            let (value, overflow) = operation(row)
            target[row] = value
            overflows |= (overflow ? 1 : 0) &<< UInt64(truncatingIfNeeded: row)
        }
        return overflows
    }

    @inline(__always)
    static func store(to target: UnsafeMutablePointer<Double>, _ operation: (Int) -> Double) {
        for row in 0..<RegisterFile.rows { target[row] = operation(row) }
    }

    /// Picks row by row: `a` where the mask is set, else `b`.
    @inline(__always)
    static func select<T>(_ mask: UInt64, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, to target: UnsafeMutablePointer<T>) {
        for row in 0..<RegisterFile.rows { target[row] = mask &>> UInt64(truncatingIfNeeded: row) & 1 != 0 ? a[row] : b[row] }
    }

    /// The error of a conditional: its condition's, or that of the arm taken.
    @inline(__always)
    static func selectError(truth: UInt64, error: UInt64, _ a: UInt64, _ b: UInt64) -> UInt64 { error | (truth & a) | (~truth & b) }
}
