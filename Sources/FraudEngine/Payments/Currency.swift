/// An ISO 4217 currency as its three letters in one number (`"EUR"` is 0x455552); `none` is 0.
package struct Currency: Hashable, Sendable {
    package var code: UInt32

    package init(code: UInt32) { self.code = code }

    package static let none = Currency(code: 0)

    /// The currency of exactly three capital letters that stand in `tableText`; nil for anything else. Allocates nothing.
    @inline(__always)
    package init?(letters: ByteSlice) {
        guard letters.count == 3 else { return nil }
        let a = letters.start.load(as: UInt8.self)
        let b = letters.start.load(fromByteOffset: 1, as: UInt8.self)
        let c = letters.start.load(fromByteOffset: 2, as: UInt8.self)
        guard let slot = CurrencyTable.slot(a, b, c), CurrencyTable.exponents[slot] != CurrencyTable.unused else { return nil }
        code = UInt32(a) << 16 | UInt32(b) << 8 | UInt32(c)
    }

    /// Digits of the minor unit: 2 for EUR, 0 for JPY, 3 for BHD, 4 for CLF; 0 for `none` and whatever is not in the table.
    @inline(__always)
    package var exponent: Int {
        let slot = CurrencyTable.slot(
            UInt8(truncatingIfNeeded: code >> 16), UInt8(truncatingIfNeeded: code >> 8), UInt8(truncatingIfNeeded: code))
        guard let slot, CurrencyTable.exponents[slot] != CurrencyTable.unused else { return 0 }
        return Int(CurrencyTable.exponents[slot])
    }

    /// The three letters.
    package var text: String {
        String(decoding: [UInt8(truncatingIfNeeded: code >> 16), UInt8(truncatingIfNeeded: code >> 8), UInt8(truncatingIfNeeded: code)], as: UTF8.self)
    }

    /// Every currency with its exponent, in the order of the letters: what a fold hash covers.
    ///
    /// ISO 4217 list one of 1 January 2026, fund codes included; left out are the codes without a minor unit (metals, XDR, XSU, XUA,
    /// the bond units) and XTS and XXX, which are no currencies. https://www.six-group.com/en/products-services/financial-information/data-standards.html
    package static let tableText = """
        AED2,AFN2,ALL2,AMD2,AOA2,ARS2,AUD2,AWG2,AZN2,BAM2,BBD2,BDT2,BHD3,BIF0,BMD2,BND2,BOB2,BOV2,BRL2,BSD2,\
        BTN2,BWP2,BYN2,BZD2,CAD2,CDF2,CHE2,CHF2,CHW2,CLF4,CLP0,CNY2,COP2,COU2,CRC2,CUP2,CVE2,CZK2,DJF0,DKK2,\
        DOP2,DZD2,EGP2,ERN2,ETB2,EUR2,FJD2,FKP2,GBP2,GEL2,GHS2,GIP2,GMD2,GNF0,GTQ2,GYD2,HKD2,HNL2,HTG2,HUF2,\
        IDR2,ILS2,INR2,IQD3,IRR2,ISK0,JMD2,JOD3,JPY0,KES2,KGS2,KHR2,KMF0,KPW2,KRW0,KWD3,KYD2,KZT2,LAK2,LBP2,\
        LKR2,LRD2,LSL2,LYD3,MAD2,MDL2,MGA2,MKD2,MMK2,MNT2,MOP2,MRU2,MUR2,MVR2,MWK2,MXN2,MXV2,MYR2,MZN2,NAD2,\
        NGN2,NIO2,NOK2,NPR2,NZD2,OMR3,PAB2,PEN2,PGK2,PHP2,PKR2,PLN2,PYG0,QAR2,RON2,RSD2,RUB2,RWF0,SAR2,SBD2,\
        SCR2,SDG2,SEK2,SGD2,SHP2,SLE2,SOS2,SRD2,SSP2,STN2,SVC2,SYP2,SZL2,THB2,TJS2,TMT2,TND3,TOP2,TRY2,TTD2,\
        TWD2,TZS2,UAH2,UGX0,USD2,USN2,UYI0,UYU2,UYW4,UZS2,VED2,VES2,VND0,VUV0,WST2,XAD2,XAF0,XCD2,XCG2,XOF0,\
        XPF0,YER2,ZAR2,ZMW2,ZWG2
        """
}

/// Exponents by letters: one byte for each of the 26³ triples, so that a lookup is one load.
private enum CurrencyTable {
    static let unused: UInt8 = 0xff

    /// Filled once from `Currency.tableText` and never written again, so that any thread may read it; lives as long as the process.
    nonisolated(unsafe) static let exponents: UnsafePointer<UInt8> = {
        let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 26 * 26 * 26)
        table.initialize(repeating: unused, count: 26 * 26 * 26)
        for entry in Currency.tableText.utf8.split(separator: UInt8(ascii: ",")) {
            let bytes = Array(entry)
            guard bytes.count == 4, let slot = slot(bytes[0], bytes[1], bytes[2]) else { preconditionFailure("a currency is three letters and a digit") }
            table[slot] = bytes[3] - UInt8(ascii: "0")
        }
        return UnsafePointer(table)
    }()

    @inline(__always)
    static func slot(_ a: UInt8, _ b: UInt8, _ c: UInt8) -> Int? {
        let x = Int(a) - 65
        let y = Int(b) - 65
        let z = Int(c) - 65
        guard 0..<26 ~= x, 0..<26 ~= y, 0..<26 ~= z else { return nil }
        return (x * 26 + y) * 26 + z
    }
}
