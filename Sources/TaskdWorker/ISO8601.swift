// Points in time as Celery writes them, `2024-02-29T23:59:59.123456+00:00`; read with any offset, `Z`, a
// blank instead of `T`, or none (then UTC). Proleptic Gregorian calendar, whole days of 86,400 seconds.

/// Conversion between seconds since 1970 and text.
enum ISO8601 {
    static func format(_ seconds: Double) -> String {
        let microseconds = Int64((seconds * 1_000_000).rounded())
        let whole = microseconds.floorDivided(by: 1_000_000)
        let day = whole.floorDivided(by: 86_400)
        let second = whole - day * 86_400
        let (year, month, date) = civil(day)
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let fraction = String(String(1_000_000 + microseconds - whole * 1_000_000).dropFirst())
        return "\(String(repeating: "0", count: max(0, 4 - "\(year)".count)))\(year)-\(two(month))-\(two(date))"
            + "T\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60)).\(fraction)+00:00"
    }

    /// nil when it is no point in time.
    static func parse(_ text: String) -> Double? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 19, bytes.count <= 40 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for index in range {
                guard index < bytes.count, bytes[index] &- 0x30 < 10 else { return nil }
                value = value * 10 + Int64(bytes[index] - 0x30)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let date = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54 || bytes[10] == 0x20, bytes[13] == 0x3A,
            bytes[16] == 0x3A, (1...12).contains(month), (1...31).contains(date), hour < 24, minute < 60, second < 61
        else { return nil }
        var index = 19
        var fraction = 0.0
        if index < bytes.count, bytes[index] == 0x2E {
            index += 1
            var unit = 0.1
            while index < bytes.count, bytes[index] &- 0x30 < 10 {
                fraction += Double(bytes[index] - 0x30) * unit
                unit /= 10
                index += 1
            }
        }
        var offset: Int64 = 0
        if index < bytes.count {
            switch bytes[index] {
            case 0x5A where index + 1 == bytes.count: break
            case 0x2B, 0x2D:
                guard let hours = number(index + 1..<index + 3) else { return nil }
                let hasColon = index + 3 < bytes.count && bytes[index + 3] == 0x3A
                let start = index + (hasColon ? 4 : 3)
                let minutes = start < bytes.count ? number(start..<start + 2) : 0
                guard let minutes else { return nil }
                offset = (hours * 3_600 + minutes * 60) * (bytes[index] == 0x2D ? -1 : 1)
            default: return nil
            }
        }
        let clock = hour * 3_600 + minute * 60 + second
        return Double(days(year, month, date) * 86_400 + clock - offset) + fraction
    }

    /// Days since 1970-01-01. Years begin in March here, so that the leap day is their last.
    private static func days(_ year: Int64, _ month: Int64, _ date: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.floorDivided(by: 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + date - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// Year, month and date of a day since 1970-01-01.
    private static func civil(_ day: Int64) -> (Int64, Int64, Int64) {
        let shifted = day + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}

extension Int64 {
    /// Division that rounds down, also below zero.
    fileprivate func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
