import Foundation
import Testing

@testable import TaskdWorker

@Test(arguments: [
    ("1970-01-01T00:00:00.000000+00:00", 0.0), ("2000-02-29T12:30:15.500000+00:00", 951_827_415.5),
    ("2024-12-31T23:59:59.250000+00:00", 1_735_689_599.25), ("1969-12-31T23:59:59.000000+00:00", -1),
    ("2100-03-01T00:00:00.000000+00:00", 4_107_542_400),
])
func timesFormatAndParse(text: String, seconds: Double) {
    #expect(ISO8601.format(seconds) == text)
    #expect(ISO8601.parse(text) == seconds)
}

@Test(arguments: [
    ("2000-02-29T12:30:15Z", 951_827_415.0), ("2000-02-29 12:30:15", 951_827_415),
    ("2000-02-29T14:30:15+02:00", 951_827_415), ("2000-02-29T07:00:15.0-0530", 951_827_415),
    ("2000-02-29T12:30:15+00", 951_827_415),
])
func timesParseInEveryForm(text: String, seconds: Double) { #expect(ISO8601.parse(text) == seconds) }

@Test(arguments: [
    "", "now", "2000-02-29", "2000-13-01T00:00:00", "2000-00-01T00:00:00", "2000-01-01T24:00:00",
    "2000-01-01T00:00:00x", "2000-01-01T00:00:00+", "2000-01-01T00:00:00+1", "2000/01/01T00:00:00",
])
func otherTextIsNoTime(text: String) { #expect(ISO8601.parse(text) == nil) }

/// Against Foundation's calendar, at random; the seed is fixed.
@Test func timesAgreeWithFoundation() throws {
    let formatter = ISO8601DateFormatter()
    var state: UInt64 = 42
    for _ in 0..<2_000 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let seconds = Double(state >> 31) - 4e9
        let text = ISO8601.format(seconds)
        #expect(formatter.string(from: Date(timeIntervalSince1970: seconds)).dropLast() == text.dropLast(13))
        #expect(ISO8601.parse(text) == seconds)
    }
}
