// Which keys and channels a command touches, and how: what permissions are checked against. Follows the key
// specifications that Redis gives its commands; a key that is only looked at from outside (EXISTS, TYPE, lengths) needs
// any permission.
// Loop thread only. Next: ACLSelector.swift.

import Wire

/// What is done with a key.
struct KeyUse: OptionSet, Sendable {
    let rawValue: UInt8

    static let read = KeyUse(rawValue: 1)
    static let write = KeyUse(rawValue: 2)
    static let both: KeyUse = [.read, .write]
}

/// How a command uses its keys.
enum KeyAccess {
    /// All in the same way.
    case all(KeyUse)
    /// The first one so, the others so.
    case first(KeyUse, others: KeyUse)
    /// SET and BITFIELD: their options decide.
    case byOptions
    /// SORT: reads the first, writes what follows STORE.
    case sort
    /// What stands there are no keys.
    case none

    init(_ command: RESPCommand, fullName: String) {
        if command.group == .pubsub {
            self = .none
        } else if let listed = Self.listed[fullName] {
            self = listed
        } else {
            self = .all(command.flags.contains(.readonly) ? .read : .write)
        }
    }

    private static let listed: [String: KeyAccess] = {
        var table: [String: KeyAccess] = ["sort": .sort, "set": .byOptions, "bitfield": .byOptions]
        func list(_ access: KeyAccess, _ names: String) {
            for name in names.split(separator: " ") { table[String(name)] = access }
        }
        list(
            .first(.write, others: .read),
            "bitop geosearchstore sdiffstore sinterstore sunionstore zdiffstore zinterstore zrangestore zunionstore")
        list(.first(.both, others: .write), "blmove brpoplpush lmove rename renamenx rpoplpush smove")
        list(.first(.both, others: .read), "pfmerge")
        list(.first(.read, others: .write), "copy georadius georadiusbymember")
        list(
            .all(.both),
            "blmpop blpop brpop bzmpop bzpopmax bzpopmin decr decrby eval evalsha getdel getex getset hincrby hincrbyfloat "
                + "incr incrby incrbyfloat lmpop lpop migrate move rpop setbit spop zincrby zmpop zpopmax zpopmin")
        list(.all(.read), "pfdebug xreadgroup")
        list(
            .all([]),
            "exists hexists hlen hstrlen llen memory|usage object|encoding object|freq object|idletime object|refcount "
                + "scard sismember strlen touch type watch xlen zcard")
        return table
    }()
}

extension CommandRow {
    /// Visits the keys among these words until `body` returns false.
    func forEachKey(_ words: RESPArguments, _ body: (Int, KeyUse) -> Bool) {
        switch keyAccess {
        case .none: return
        case .all(let use):
            for position in command.keyPositions(words) where !body(position, use) { return }
        case .first(let use, let others):
            for (index, position) in command.keyPositions(words).enumerated()
            where !body(position, index == 0 ? use : others) { return }
        case .byOptions: _ = words.count > 1 && body(1, Self.optionalUse(words))
        case .sort:
            guard words.count > 1, body(1, .read) else { return }
            var index = 2
            while index + 1 < words.count {
                if words[index].equalsIgnoringCase("store") {
                    guard body(index + 1, .write) else { return }
                    index += 2
                } else if words[index].equalsIgnoringCase("limit") {
                    index += 3
                } else if words[index].equalsIgnoringCase("by") || words[index].equalsIgnoringCase("get") {
                    index += 2
                } else {
                    index += 1
                }
            }
        }
    }

    /// SET with GET returns the old value; BITFIELD with nothing but GET changes nothing.
    private static func optionalUse(_ words: RESPArguments) -> KeyUse {
        if words[0].equalsIgnoringCase("set") {
            for index in 3..<max(3, words.count) where words[index].equalsIgnoringCase("get") { return .both }
            return .write
        }
        for index in 2..<max(2, words.count)
        where words[index].equalsIgnoringCase("set") || words[index].equalsIgnoringCase("incrby") { return .both }
        return .read
    }

    /// Visits the channels among these words until `body` returns false; `isPattern` is of all.
    func forEachChannel(_ words: RESPArguments, _ body: (Int, _ isPattern: Bool) -> Bool) {
        guard command.group == .pubsub, words.count > 1 else { return }
        switch fullName {
        case "publish", "spublish": _ = body(1, false)
        case "subscribe", "ssubscribe", "psubscribe":
            for index in 1..<words.count where !body(index, fullName == "psubscribe") { return }
        default: break
        }
    }
}
