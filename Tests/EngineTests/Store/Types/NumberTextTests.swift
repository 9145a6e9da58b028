import Testing
import Wire

@testable import Engine

/// The forms that Redis 7.2 prints.
@Test(arguments: [
    (0.0, "0"), (-0.0, "-0"), (1, "1"), (-1, "-1"), (3, "3"), (0.1, "0.1"), (-2.5, "-2.5"), (1.5e-7, "1.5e-7"),
    (.infinity, "inf"), (-.infinity, "-inf"), (.nan, "nan"), (1e17, "100000000000000000"), (1e20, "1e+20"),
    (1e21, "1e+21"), (1.7976931348623157e308, "1.7976931348623157e+308"), (.leastNonzeroMagnitude, "5e-324"),
    (0.001, "0.001"),
    (0.000001, "0.000001"), (0.0000001, "1e-7"), (123456.789, "123456.789"), (3.0000000000000004, "3.0000000000000004"),
    (1.1e30, "1.1e+30"), (9007199254740992, "9007199254740992"), (4.5e18, "4500000000000000000"),
])
func doublesPrintAsRedisPrintsThem(value: Double, text: String) {
    DoubleText.with(value) { #expect($0.string == text) }
}

@Test(arguments: 1...8 as ClosedRange<UInt64>)
func doublesSurviveTheirText(seed: UInt64) {
    var random = RandomSource(seed: seed)
    for _ in 0..<5_000 {
        let value = Double(bitPattern: random.next())
        guard !value.isNaN else { continue }
        DoubleText.with(value) { text in
            if value.isFinite { #expect(Double(text.string) == value, "\(text.string)") }
            #expect(DoubleText.parse(text) == value || value.isSubnormal)
        }
    }
}

@Test func doublesAreReadByCRules() {
    for (text, value) in [
        ("1", 1.0), ("+1", 1), ("-1.5e3", -1500), ("inf", .infinity), ("-INF", -.infinity), ("0x10", 16), (".5", 0.5),
    ] {
        withSlice(text) { #expect(DoubleText.parse($0) == value) }
    }
    for text in ["", " 1", "1 ", "1a", "nan", "-", "1e999", "--1"] {
        withSlice(text) { #expect(DoubleText.parse($0) == nil, "\(text)") }
    }
    withSlice("(5") { #expect(DoubleText.parseBound($0)?.isExcluded == true) }
    withSlice("(nan") { #expect(DoubleText.parseBound($0) == nil) }
}

@Test func integersAreWhatPrintsTheSame() {
    for value in [0, 1, -1, 9, 10, Int64.max, Int64.min, 1_234_567_890] {
        DecimalText.with(value) { #expect($0.string == "\(value)" && RESPNumber.integer($0) == value) }
    }
    for text in ["", "-", "+1", "01", "-0", " 1", "1 ", "9223372036854775808", "-9223372036854775809", "1.0", "a"] {
        withSlice(text) { #expect(RESPNumber.integer($0) == nil, "\(text)") }
    }
}

@Test func extendedNumbersPrintWithoutExponent() {
    for (text, expected) in [("3.0e3", "3000"), ("10.5", "10.5"), ("0.1", "0.1"), ("-0", "0"), ("1e-20", "0")] {
        withSlice(text) { slice in
            ExtendedText.with(ExtendedText.parse(slice)!) { #expect($0.string == expected) }
        }
    }
}
