extension RegisterFile {
    /// Gathers a variable from the lanes of the batch into a column by row. `letters` holds four bytes for each row's currency.
    func load(_ load: VariableLoad, _ columns: borrowing FoldedColumns, _ batch: borrowing PaymentBatch, letters: UnsafeMutableRawPointer) {
        let register = load.register
        let count = columns.count
        let lanes = columns.lane
        let payments = batch.payments
        switch load.source {
        case .paymentID: fill(register, count) { payments[lanes[$0]].paymentID }
        case .account: fill(register, count) { payments[lanes[$0]].account }
        case .currency:
            fill(register, count) { row in
                (letters + row * 4).storeBytes(of: (payments[lanes[row]].currency.code << 8).bigEndian, as: UInt32.self)
                return ByteSlice(start: letters + row * 4, count: 3)
            }
        case .amount:
            let target = doubles(register)
            for row in 0..<count { target[row] = payments[lanes[row]].majorAmount }
        case .occurredAt:
            let target = integers(register)
            for row in 0..<count { target[row] = payments[lanes[row]].occurredAt }
        case .string(let field):
            let values = batch.strings + field * Self.rows
            let present = presence(field, columns, batch)
            fill(register, count) { present &>> UInt64(truncatingIfNeeded: $0) & 1 != 0 ? values[lanes[$0]] : .empty }
            stringErrors[register] = ~present
        case .integer(let field):
            let (target, values) = (integers(register), batch.numbers + field * Self.rows)
            for row in 0..<count { target[row] = Int64(bitPattern: values[lanes[row]]) }
            integerErrors[register] = ~presence(field, columns, batch)
        case .double(let field):
            let (target, values) = (doubles(register), batch.numbers + field * Self.rows)
            for row in 0..<count { target[row] = Double(bitPattern: values[lanes[row]]) }
            doubleErrors[register] = ~presence(field, columns, batch)
        case .bool(let field):
            let values = batch.numbers + field * Self.rows
            var truth: UInt64 = 0
            for row in 0..<count { truth |= (values[lanes[row]] & 1) &<< UInt64(truncatingIfNeeded: row) }
            set(register, truth: truth, error: ~presence(field, columns, batch))
        case .presence(let field): set(register, truth: presence(field, columns, batch), error: 0)
        case .windowCount(let includesCurrent):
            let (target, counts, less) = (integers(register), columns.windowCount, Int64(includesCurrent ? 0 : 1))
            for row in 0..<count { target[row] = counts[row] &- less }
        case .windowSum(let includesCurrent): loadSum(register, includesCurrent: includesCurrent, columns, batch)
        }
    }

    private func loadSum(_ register: Int, includesCurrent: Bool, _ columns: borrowing FoldedColumns, _ batch: borrowing PaymentBatch) {
        let (target, sums, payments) = (doubles(register), columns.windowSum, batch.payments)
        for row in 0..<columns.count {
            let payment = payments + columns.lane[row]
            let sum = includesCurrent ? sums[row] : sums[row] &- payment.pointee.amount
            target[row] = MinorUnits.major(sum, exponent: payment.pointee.currency.exponent)
        }
        doubleErrors[register] = columns.windowSumOverflow
    }

    @inline(__always)
    private func fill(_ register: Int, _ count: Int, _ value: (Int) -> ByteSlice) {
        let (slices, numbers) = (slices(register), packed(register))
        for row in 0..<count {
            let slice = value(row)
            slices[row] = slice
            numbers[row] = PackedString.pack(slice)
        }
    }

    /// By row: which payments have a value of the field.
    @inline(__always)
    private func presence(_ field: Int, _ columns: borrowing FoldedColumns, _ batch: borrowing PaymentBatch) -> UInt64 {
        let present = batch.present[field]
        var rows: UInt64 = 0
        for row in 0..<columns.count {
            rows |= (present &>> UInt64(truncatingIfNeeded: columns.lane[row]) & 1) &<< UInt64(truncatingIfNeeded: row)
        }
        return rows
    }
}

extension Payment {
    /// In major units, as rules see it.
    @inline(__always)
    var majorAmount: Double { MinorUnits.major(amount, exponent: currency.exponent) }
}
