// The pattern of a policy: a regular expression over the bytes of a name, looked for anywhere in it. PCRE2 backtracks,
// so its steps are counted: a name for which they do not suffice does not match.
// Boundary to C: what the library allocates is freed here, and nothing of it leaves this file.
// Loop thread only. Next: Policy.swift.

import CPCRE2
import Wire

/// A compiled pattern.
final class PolicyPattern {
    let text: String
    private let code: OpaquePointer
    private let matchData: OpaquePointer
    private let context: OpaquePointer
    /// It has been said that its steps did not suffice for some name.
    private(set) var hasReportedLimit = false

    /// What a pattern may cost.
    struct Costs {
        var bytesMax = Limits.policyPatternBytesMax
        /// For each offset in a name at which a match may begin.
        var stepsMax = Limits.policyMatchStepsMax
    }

    /// Fails in RabbitMQ's words, with the library's reason and the offset of the fault.
    init(_ text: String, _ costs: Costs = Costs()) throws(PolicyFailure) {
        guard text.utf8.count <= costs.bytesMax else {
            throw PolicyFailure(reason: "pattern has more than \(costs.bytesMax) bytes")
        }
        var fault: Int32 = 0
        var offset = 0
        let bytes = Array(text.utf8)
        let compiled = bytes.withUnsafeBufferPointer {
            // An empty pattern is one, whatever its address.
            pcre2_compile_8($0.baseAddress ?? UnsafePointer(bitPattern: 1), $0.count, 0, &fault, &offset, nil)
        }
        guard let compiled else {
            throw PolicyFailure(
                reason: "pattern should be regular expression but is invalid: {\"\(Self.message(fault))\",\(offset)}")
        }
        guard let data = pcre2_match_data_create_8(1, nil), let limits = pcre2_match_context_create_8(nil) else {
            preconditionFailure("out of memory")
        }
        pcre2_set_match_limit_8(limits, UInt32(clamping: costs.stepsMax))
        self.text = text
        code = compiled
        matchData = data
        context = limits
    }

    deinit {
        pcre2_match_context_free_8(context)
        pcre2_match_data_free_8(matchData)
        pcre2_code_free_8(code)
    }

    enum Outcome {
        case match, noMatch
        /// The steps did not suffice.
        case limitReached
    }

    func outcome(_ name: ByteSlice) -> Outcome {
        let start = name.isEmpty ? UnsafeRawPointer(bitPattern: 1)! : name.base
        let result = pcre2_match_8(
            code, start.assumingMemoryBound(to: UInt8.self), name.count, 0, 0, matchData, context)
        if result >= 0 { return .match }
        return result == PCRE2_ERROR_NOMATCH ? .noMatch : .limitReached
    }

    /// Whether it is found in the name. `report` is called once, the first time that the steps do not suffice.
    func matches(_ name: ByteSlice, report: () -> Void) -> Bool {
        switch outcome(name) {
        case .match: return true
        case .noMatch: return false
        case .limitReached:
            if !hasReportedLimit {
                hasReportedLimit = true
                report()
            }
            return false
        }
    }

    private static func message(_ fault: Int32) -> String {
        var text = [UInt8](repeating: 0, count: 256)
        let count = text.withUnsafeMutableBufferPointer { pcre2_get_error_message_8(fault, $0.baseAddress, $0.count) }
        return String(decoding: text.prefix(max(0, Int(count))), as: UTF8.self)
    }
}
