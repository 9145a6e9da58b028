// The options of SET and GETEX, and times of expiry in general: seconds or milliseconds, relative or absolute.
// Next: StringCommands.swift, ExpiryCommands.swift.

import Wire

/// Unit of a time argument.
enum TimeUnit {
    case seconds, milliseconds
}

/// What follows `SET key value` or `GETEX key`.
struct SetOptions {
    enum Command { case set, getex }

    var onlyIfAbsent = false
    var onlyIfPresent = false
    var returnsOld = false
    var keepsExpiry = false
    /// GETEX: remove the expiry.
    var persists = false
    /// Milliseconds since 1970.
    var expiryMilliseconds: Int64?

    init(_ call: CommandCall, from first: Int, for command: Command) throws(CommandError) {
        var index = first
        // Looked at last: wrong words are noticed before a wrong time is.
        var time: (index: Int, unit: TimeUnit, isRelative: Bool)?
        while index < call.count {
            let hasExpiry = time != nil || keepsExpiry || persists
            let isSet = command == .set
            if isSet, call.word(index, is: "nx"), !onlyIfPresent {
                onlyIfAbsent = true
            } else if isSet, call.word(index, is: "xx"), !onlyIfAbsent {
                onlyIfPresent = true
            } else if isSet, call.word(index, is: "get") {
                returnsOld = true
            } else if isSet, call.word(index, is: "keepttl"), !hasExpiry {
                keepsExpiry = true
            } else if !isSet, call.word(index, is: "persist"), !hasExpiry {
                persists = true
            } else if !hasExpiry, index + 1 < call.count, let (unit, isRelative) = Self.time(call, index) {
                time = (index + 1, unit, isRelative)
                index += 1
            } else {
                throw .syntax
            }
            index += 1
        }
        if let time {
            expiryMilliseconds = try call.expiryTime(time.index, unit: time.unit, isRelative: time.isRelative)
        }
    }

    private static func time(_ call: CommandCall, _ index: Int) -> (TimeUnit, isRelative: Bool)? {
        if call.word(index, is: "ex") { return (.seconds, true) }
        if call.word(index, is: "px") { return (.milliseconds, true) }
        if call.word(index, is: "exat") { return (.seconds, false) }
        if call.word(index, is: "pxat") { return (.milliseconds, false) }
        return nil
    }
}

extension CommandCall {
    /// A time of expiry from argument `index`, which must be positive: milliseconds since 1970.
    func expiryTime(_ index: Int, unit: TimeUnit, isRelative: Bool) throws(CommandError) -> Int64 {
        let number = try integer(index)
        guard number > 0 else { throw .invalidExpire(command: commandName) }
        return try absoluteTime(number, unit: unit, isRelative: isRelative)
    }

    /// Milliseconds since 1970 from a number of any sign.
    func absoluteTime(_ number: Int64, unit: TimeUnit, isRelative: Bool) throws(CommandError) -> Int64 {
        var time = number
        if unit == .seconds {
            let (product, overflow) = number.multipliedReportingOverflow(by: 1_000)
            guard !overflow else { throw .invalidExpire(command: commandName) }
            time = product
        }
        if isRelative {
            let (sum, overflow) = time.addingReportingOverflow(now)
            guard !overflow else { throw .invalidExpire(command: commandName) }
            time = sum
        }
        return time
    }
}
