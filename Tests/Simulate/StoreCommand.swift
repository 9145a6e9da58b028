// Random commands of the store with what they do to the model. A command that meets a value of another type is refused
// and does nothing, here as there.
// Next: StoreBooks.swift.

import Engine

/// One command.
struct StoreCommand {
    let words: [String]
    /// What it does to a database's contents; false: it is refused.
    let apply: (inout StoreState, _ database: Int, _ now: Int64) -> Bool

    static let keys = (0..<7).map { "key\($0)" }

    init(_ words: [String], _ apply: @escaping (inout StoreState, Int, Int64) -> Bool) {
        self.words = words
        self.apply = apply
    }

    /// A command on one key: `change` gets its entry and leaves another, or none.
    private init(
        _ words: [String], on key: String, _ change: @escaping (inout StoreEntry?) -> Bool
    ) {
        self.init(words) { state, database, _ in change(&state.databases[database][key]) }
    }

    static func random(_ random: inout RandomSource, id: () -> Int) -> StoreCommand {
        let key = random.pick(keys)
        switch random.below(30) {
        case 0...5: return string(key, &random, id())
        case 6...9: return list(key, &random, id())
        case 10...12: return hash(key, &random, id())
        case 13, 14: return set(key, &random)
        case 15...17: return scores(key, &random)
        case 18...20: return stream(key, &random, id())
        case 21, 22: return expiry(key, &random)
        default: return whole(key, &random)
        }
    }

    private static func word(_ random: inout RandomSource) -> String { "m\(random.below(9))" }

    // MARK: Types

    private static func string(_ key: String, _ random: inout RandomSource, _ id: Int) -> StoreCommand {
        switch random.below(5) {
        case 0:
            return StoreCommand(["APPEND", key, "+\(id)"], on: key) { entry in
                guard let old = entry else {
                    entry = StoreEntry(value: .string("+\(id)"))
                    return true
                }
                guard case .string(let text) = old.value else { return false }
                entry?.value = .string(text + "+\(id)")
                return true
            }
        case 1:
            let milliseconds = 1 + random.below(60)
            return StoreCommand(["SET", key, "p\(id)", "PX", "\(milliseconds)"]) { state, database, now in
                state.databases[database][key] = StoreEntry(
                    value: .string("p\(id)"), expiry: now + Int64(milliseconds))
                return true
            }
        case 2:
            return StoreCommand(["INCRBY", key, "7"], on: key) { entry in
                guard let old = entry else {
                    entry = StoreEntry(value: .string("7"))
                    return true
                }
                guard case .string(let text) = old.value, text.first != "+", let number = Int(text) else {
                    return false
                }
                entry?.value = .string("\(number + 7)")
                return true
            }
        default:
            let value = random.oneIn(3) ? "\(id)" : String(repeating: "v", count: random.below(700)) + "\(id)"
            return StoreCommand(["SET", key, value], on: key) { entry in
                entry = StoreEntry(value: .string(value))
                return true
            }
        }
    }

    private static func list(_ key: String, _ random: inout RandomSource, _ id: Int) -> StoreCommand {
        switch random.below(4) {
        case 0:
            let isLeft = random.oneIn(2)
            return StoreCommand([isLeft ? "LPOP" : "RPOP", key], on: key) { entry in
                guard let old = entry else { return true }
                guard case .list(var items) = old.value else { return false }
                if isLeft { items.removeFirst() } else { items.removeLast() }
                entry?.value = .list(items)
                if items.isEmpty { entry = nil }
                return true
            }
        case 1:
            return StoreCommand(["LTRIM", key, "-6", "-1"], on: key) { entry in
                guard let old = entry else { return true }
                guard case .list(let items) = old.value else { return false }
                entry?.value = .list(Array(items.suffix(6)))
                return true
            }
        default:
            let isLeft = random.oneIn(2)
            // Now and then more than is written in one step of a checkpoint.
            let count = random.oneIn(40) ? 1_300 : 1 + random.below(4)
            let added = (0..<count).map { "\(id).\($0)" }
            return StoreCommand([isLeft ? "LPUSH" : "RPUSH", key] + added, on: key) { entry in
                var items: [String] = []
                if let old = entry {
                    guard case .list(let found) = old.value else { return false }
                    items = found
                }
                items = isLeft ? added.reversed() + items : items + added
                entry = StoreEntry(value: .list(items), expiry: entry?.expiry)
                return true
            }
        }
    }

    /// Fields of hashes.
    static let fields = (0..<9).map { "m\($0)" }

    private static func hash(_ key: String, _ random: inout RandomSource, _ id: Int) -> StoreCommand {
        let field = random.pick(fields)
        switch random.below(8) {
        case 0, 1:
            return StoreCommand(["HDEL", key, field], on: key) { entry in
                guard let old = entry else { return true }
                guard case .hash(var fields) = old.value else { return false }
                fields[field] = nil
                entry?.value = .hash(fields)
                entry?.fieldExpiry[field] = nil
                if fields.isEmpty { entry = nil }
                return true
            }
        case 2, 3: return fieldExpiry(key, [field, random.pick(fields)], &random)
        case 4:
            return StoreCommand(["HPERSIST", key, "FIELDS", "1", field], on: key) { entry in
                guard let old = entry else { return true }
                guard case .hash = old.value else { return false }
                entry?.fieldExpiry[field] = nil
                return true
            }
        default:
            return StoreCommand(["HSET", key, field, "\(id)"], on: key) { entry in
                var changed = entry ?? StoreEntry(value: .hash([:]))
                guard case .hash(var fields) = changed.value else { return false }
                fields[field] = "\(id)"
                changed.value = .hash(fields)
                changed.fieldExpiry[field] = nil
                entry = changed
                return true
            }
        }
    }

    private static func fieldExpiry(
        _ key: String, _ named: [String], _ random: inout RandomSource
    ) -> StoreCommand {
        let milliseconds = random.oneIn(3) ? 1_000_000 : 1 + random.below(60)
        return StoreCommand(["HPEXPIRE", key, "\(milliseconds)", "FIELDS", "2"] + named) { state, database, now in
            guard let entry = state.databases[database][key] else { return true }
            guard case .hash(let fields) = entry.value else { return false }
            for field in named where fields[field] != nil {
                state.databases[database][key]?.fieldExpiry[field] = now + Int64(milliseconds)
            }
            return true
        }
    }

    private static func set(_ key: String, _ random: inout RandomSource) -> StoreCommand {
        let member = random.oneIn(2) ? word(&random) : "\(random.below(9))"
        let removes = random.oneIn(3)
        return StoreCommand([removes ? "SREM" : "SADD", key, member], on: key) { entry in
            var members: Set<String> = []
            if let old = entry {
                guard case .set(let found) = old.value else { return false }
                members = found
            } else if removes {
                return true
            }
            if removes { members.remove(member) } else { members.insert(member) }
            entry = members.isEmpty ? nil : StoreEntry(value: .set(members), expiry: entry?.expiry)
            return true
        }
    }

    private static func scores(_ key: String, _ random: inout RandomSource) -> StoreCommand {
        let member = word(&random)
        let kind = random.below(4)
        let amount = random.below(50)
        let words =
            switch kind {
            case 0: ["ZREM", key, member]
            case 1: ["ZINCRBY", key, "\(amount)", member]
            default: ["ZADD", key, "\(amount)", member]
            }
        return StoreCommand(words, on: key) { entry in
            var scores: [String: Int] = [:]
            if let old = entry {
                guard case .scores(let found) = old.value else { return false }
                scores = found
            } else if kind == 0 {
                return true
            }
            switch kind {
            case 0: scores[member] = nil
            case 1: scores[member, default: 0] += amount
            default: scores[member] = amount
            }
            entry = scores.isEmpty ? nil : StoreEntry(value: .scores(scores), expiry: entry?.expiry)
            return true
        }
    }

    private static func stream(_ key: String, _ random: inout RandomSource, _ id: Int) -> StoreCommand {
        let trims = random.oneIn(3)
        let words = ["XADD", key] + (trims ? ["MAXLEN", "3"] : []) + ["\(id)-1", "f", "\(id)"]
        return StoreCommand(words, on: key) { entry in
            var items: [StoreValue.StreamItem] = []
            if let old = entry {
                guard case .stream(let found) = old.value else { return false }
                items = found
            }
            items.append(StoreValue.StreamItem(id: "\(id)-1", value: "\(id)"))
            if trims { items = items.suffix(3) }
            entry = StoreEntry(value: .stream(items), expiry: entry?.expiry)
            return true
        }
    }

    // MARK: Keys

    private static func expiry(_ key: String, _ random: inout RandomSource) -> StoreCommand {
        if random.oneIn(3) {
            return StoreCommand(["PERSIST", key], on: key) { entry in
                entry?.expiry = nil
                return true
            }
        }
        let milliseconds = random.oneIn(3) ? 1_000_000 : 1 + random.below(60)
        return StoreCommand(["PEXPIRE", key, "\(milliseconds)"]) { state, database, now in
            state.databases[database][key]?.expiry = now + Int64(milliseconds)
            return true
        }
    }

    private static func whole(_ key: String, _ random: inout RandomSource) -> StoreCommand {
        let other = random.pick(keys)
        switch random.below(12) {
        case 0...2:
            return StoreCommand(["DEL", key, other]) { state, database, _ in
                state.databases[database][key] = nil
                state.databases[database][other] = nil
                return true
            }
        case 3...5:
            return StoreCommand(["RENAME", key, other]) { state, database, _ in
                guard let entry = state.databases[database][key] else { return false }
                state.databases[database][key] = nil
                state.databases[database][other] = entry
                return true
            }
        case 6, 7:
            return StoreCommand(["COPY", key, other, "REPLACE"]) { state, database, _ in
                guard key != other else { return false }
                if let entry = state.databases[database][key] { state.databases[database][other] = entry }
                return true
            }
        case 8:
            return StoreCommand(["MOVE", key, "0"]) { state, database, _ in
                guard database != 0 else { return false }
                guard let entry = state.databases[database][key], state.databases[0][key] == nil else { return true }
                state.databases[database][key] = nil
                state.databases[0][key] = entry
                return true
            }
        case 9:
            return StoreCommand(["SWAPDB", "0", "1"]) { state, _, _ in
                state.databases.swapAt(0, 1)
                return true
            }
        case 10:
            return StoreCommand(["FLUSHDB"] + (random.oneIn(2) ? ["ASYNC"] : [])) { state, database, _ in
                state.databases[database] = [:]
                return true
            }
        default:
            return StoreCommand(["GETDEL", key], on: key) { entry in
                guard let old = entry else { return true }
                guard case .string = old.value else { return false }
                entry = nil
                return true
            }
        }
    }
}
