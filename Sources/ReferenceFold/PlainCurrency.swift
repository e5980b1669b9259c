/// ISO 4217, list one of 1 January 2026: codes by the digits of their minor unit, without metals, bond units, testing and no currency.
enum PlainCurrency {
    private static let withoutMinorUnit = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
    private static let thousandths = "BHD IQD JOD KWD LYD OMR TND"
    private static let tenThousandths = "CLF UYW"
    private static let hundredths = """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK \
        DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR \
        LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD \
        SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR \
        ZMW ZWG
        """

    private static let digits: [Bytes: Int] = {
        var digits: [Bytes: Int] = [:]
        for (codes, count) in [(withoutMinorUnit, 0), (hundredths, 2), (thousandths, 3), (tenThousandths, 4)] {
            for code in codes.split(separator: " ") { digits[Bytes(code.utf8)] = count }
        }
        return digits
    }()

    /// nil: no currency.
    static func digits(of code: Bytes) -> Int? { digits[code] }
}
