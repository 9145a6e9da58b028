// Books on the key store: a model of the few commands that the workload sends, and the states it went through. What is
// found after a power cut is one of them, at least as new as what is known to be on disk.
// Next: StoreClients.swift (who send), Inspection.swift (who compares).

import Engine

/// A value, as far as the workload's commands need it.
enum StoreValue: Equatable {
    case string(String)
    case list([String])
    case hash([String: String])
    case set(Set<String>)
    case scores([String: Int])
    case stream([StreamItem])

    struct StreamItem: Equatable {
        let id: String
        let value: String
    }
}

struct StoreEntry: Equatable {
    var value: StoreValue
    /// Wall milliseconds.
    var expiry: Int64?
    /// Of fields of a hash that expire, likewise.
    var fieldExpiry: [String: Int64] = [:]

    /// Takes out the fields that are past their time; false when none is left.
    fileprivate mutating func expireFields(_ now: Int64) -> Bool {
        guard case .hash(var fields) = value else { return true }
        for (field, time) in fieldExpiry where time < now {
            fields[field] = nil
            fieldExpiry[field] = nil
        }
        value = .hash(fields)
        return !fields.isEmpty
    }
}

/// All databases at one moment.
struct StoreState: Equatable {
    var databases: [[String: StoreEntry]] = [[:], [:]]

    mutating func expire(_ now: Int64) {
        for database in databases.indices {
            for (key, entry) in databases[database] where (entry.expiry ?? .max) <= now {
                databases[database][key] = nil
            }
            for (key, entry) in databases[database] where !entry.fieldExpiry.isEmpty {
                var left = entry
                databases[database][key] = left.expireFields(now) ? left : nil
            }
        }
    }

    func expired(_ now: Int64) -> StoreState {
        var state = self
        state.expire(now)
        return state
    }
}

struct StoreBooks {
    private(set) var states = [StoreState()]
    private var first = 0
    private var durable = 0
    var nextID = 1

    var last: Int { first + states.count - 1 }
    var state: StoreState { states[states.count - 1] }

    mutating func step(_ state: StoreState) { states.append(state) }

    mutating func noteDurable(_ step: Int) {
        guard step > durable else { return }
        durable = step
        states.removeFirst(durable - first)
        first = durable
    }

    /// What was found is the state from now on. Otherwise says what is wrong.
    mutating func settle(on found: StoreState, now: Int64) -> String? {
        guard states.contains(where: { $0.expired(now) == found }) else { return difference(found, now) }
        states = [found]
        durable = first
        return nil
    }

    private func difference(_ found: StoreState, _ now: Int64) -> String {
        var text = "the store's state is none of the last \(states.count):"
        for (index, state) in states.enumerated() {
            let expected = state.expired(now)
            for database in expected.databases.indices {
                let (left, right) = (expected.databases[database], found.databases[database])
                for key in Set(left.keys).union(right.keys).sorted() where left[key] != right[key] {
                    text += "\n    state \(index): \(database)/\(key): expected \(Self.show(left[key])), "
                    text += "found \(Self.show(right[key]))"
                }
            }
            if index >= 3, index < states.count - 2 { continue }
        }
        return String(text.prefix(2_500))
    }

    private static func show(_ entry: StoreEntry?) -> String {
        guard let entry else { return "nothing" }
        let text = "\(entry.value)"
        return (text.count > 120 ? "\(text.prefix(60))… (\(text.count))" : text)
            + (entry.expiry.map { " until \($0)" } ?? "")
            + (entry.fieldExpiry.isEmpty ? "" : " fields until \(entry.fieldExpiry)")
    }
}
