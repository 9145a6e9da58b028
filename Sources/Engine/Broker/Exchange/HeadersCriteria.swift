// What a binding of a headers exchange asks for, and whether a message's headers meet it.
// Keys that begin with `x-` are criteria only in the `-with-x` modes; a void value asks for presence only;
// numbers are compared by value, 1 as 1.0; otherwise type and value must be the same (rabbitmq.com/docs/exchanges#headers).
// Loop thread only. Next: Router.swift.

import Wire

/// Parsed arguments of a binding.
struct HeadersCriteria {
    private struct Criterion {
        let key: [UInt8]
        let type: FieldType
        let value: [UInt8]
        /// For numbers, which are compared whatever their width.
        let integer: Int64?
        let real: Double?
    }

    private var criteria: [Criterion] = []
    private var matchesAny = false

    /// Fails when `x-match` has no meaning, or the table is broken.
    init(arguments: ByteSlice) throws(BrokerError) {
        var skipsX = true
        do throws(FrameError) {
            let table = FieldTableView(arguments)
            if let mode = try table.value("x-match") {
                guard let text = mode.longString else { throw FrameError.malformedTable }
                switch text.string {
                case "all": break
                case "any": matchesAny = true
                case "all-with-x": skipsX = false
                case "any-with-x":
                    matchesAny = true
                    skipsX = false
                default: throw FrameError.malformedTable
                }
            }
            var reader = table.makeReader()
            while let (key, value) = try reader.next() {
                if key.equals("x-match") { continue }
                if skipsX, key.count >= 2, key[0] == 0x78, key[1] == 0x2D { continue }
                criteria.append(
                    Criterion(
                        key: key.array, type: value.type, value: value.bytes.array, integer: value.integer,
                        real: value.real))
            }
        } catch {
            throw .invalidBindingArgument(Self.explain(arguments))
        }
    }

    private static func explain(_ arguments: ByteSlice) -> String {
        guard let mode = try? FieldTableView(arguments).value("x-match") else { return "malformed binding arguments" }
        if let text = mode.longString {
            return "Invalid x-match field value <<\"\(text.string)\">>; expected all, any, all-with-x, or any-with-x"
        }
        return "Invalid x-match field type \(mode.type.name) (value \(ArgumentText.erlang(mode))); expected longstr"
    }

    /// - Parameter headers: the message's table; nil when it has none.
    func matches(_ headers: ByteSlice?) -> Bool {
        for criterion in criteria {
            let isMet = meets(criterion, headers)
            if matchesAny, isMet { return true }
            if !matchesAny, !isMet { return false }
        }
        return !matchesAny
    }

    private func meets(_ criterion: Criterion, _ headers: ByteSlice?) -> Bool {
        guard let headers else { return false }
        return criterion.key.withUnsafeBytes { key in
            guard let found = try? FieldTableView(headers).value(ByteSlice(key)) else { return false }
            if criterion.type == .void { return true }
            if let integer = criterion.integer {
                return found.integer == integer || found.real.map { $0 == Double(integer) } ?? false
            }
            if let real = criterion.real {
                return found.real == real || found.integer.map { Double($0) == real } ?? false
            }
            return found.type == criterion.type && criterion.value.withUnsafeBytes { ByteSlice($0) == found.bytes }
        }
    }
}
