// Writes INFO: sections of `field:value` lines. And how numbers look in it.
// Loop thread only. Next: InfoSections.swift.

/// The text of an INFO reply while it grows.
struct InfoText {
    private(set) var text = ""

    mutating func begin(_ title: StaticString) {
        if !text.isEmpty { text += "\r\n" }
        text += "# \(title)\r\n"
    }

    mutating func field(_ name: String, _ value: some CustomStringConvertible) {
        text += name
        text += ":"
        text += value.description
        text += "\r\n"
    }

    /// A number of bytes, twice: as it is and for people.
    mutating func bytes(_ name: String, _ count: Int) {
        field(name, count)
        field(name + "_human", Self.human(count))
    }

    /// `1.50M`.
    static func human(_ bytes: Int) -> String {
        var value = Double(bytes)
        guard value >= 1_024 else { return "\(bytes)B" }
        for unit in ["K", "M", "G", "T"] {
            value /= 1_024
            if value < 1_024 { return fixed(value, 2) + unit }
        }
        return fixed(value / 1_024, 2) + "P"
    }

    /// With exactly so many decimals.
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite else { return "0" }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int64(min(max((value * scale).rounded(), -9e18), 9e18))
        let digits = String(scaled.magnitude)
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        let sign = scaled < 0 ? "-" : ""
        return decimals == 0 ? sign + padded : sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }

    /// Microseconds as seconds.
    static func seconds(_ microseconds: Int64) -> String { fixed(Double(microseconds) / 1_000_000, 6) }
}
